import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mongoose';
import { afterAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos, FilePayloadStore, StorageError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const directory = await mkdtemp(join(tmpdir(), 'chronos-two-'));
const other = await mongoose.createConnection(inject('mongoUri'), { dbName: mongoose.connection.name }).asPromise();

afterAll(async () => {
  await other.close();
  await rm(directory, { recursive: true, force: true });
});

interface Scan {
  _id: string;
  title: string;
  text: string;
  file: string;
}

/** The same directory for each process, and a gate of its own before it. */
class Gate extends FilePayloadStore {
  before: (key: string) => Promise<void> = async () => {};

  override async put(...[key, ...rest]: Parameters<FilePayloadStore['put']>) {
    await this.before(key);
    return super.put(key, ...rest);
  }
}

function scans(on: Connection) {
  const store = new Gate(directory);
  const schema = new mongoose.Schema<Scan, ChronosModelType<Scan>>(
    { _id: String, title: String, text: String, file: String } as never,
    { collection: 'scans' } as never,
  );
  const base64 = { file: { contentType: 'image/png' } };
  schema.plugin(chronos, { indexed: ['title'], base64, payload: { json: store, prefix: 'app' } });
  return { store, Scans: on.model<Scan, ChronosModelType<Scan>>('Scan', schema) };
}

test('a process that is late with a version, and knows less of earlier ones, does not replace what is stored of it', async () => {
  const [here, there] = [scans(mongoose.connection), scans(other)];
  const away = async () => {
    throw new StorageError({ message: 'Away', store: here.store.name, retryable: false });
  };
  here.store.before = away;
  const file = Buffer.from('a scan').toString('base64');
  await here.Scans.create([{ _id: 'a', title: 'a', text: 'one', file }]);
  await here.Scans.updateOne({ _id: 'a' }, { text: 'two' });

  // One stores the second version alone, as if there had been no other with that file, and is slow.
  let arrive: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  there.store.before = async (key) => {
    if (key.includes('/v0/')) await away();
    if (!key.endsWith('/v1/item.json')) return;
    arrive();
    await opened;
  };
  const late = there.Scans.flush();
  await arrived;

  // The other one stores both meanwhile, and takes them out of MongoDB.
  here.store.before = async () => {};
  await here.Scans.flush();
  expect(await here.Scans.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 2 });
  open();
  await late;

  const whole = { _id: 'a', title: 'a', text: 'two', file };
  for (const { Scans } of [scans(other.useDb(mongoose.connection.name)), there]) {
    expect(await Scans.findById('a').lean()).toMatchObject(whole);
    expect(await Scans.getVersion('a', 0, { lean: true })).toMatchObject({ ...whole, text: 'one' });
  }
});
