import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mongoose';
import { afterAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos, FilePayloadStore, StorageError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();
const directory = await mkdtemp(join(tmpdir(), 'chronos-late-'));
const other = await mongoose.createConnection(inject('mongoUri'), { dbName: mongoose.connection.name }).asPromise();

afterAll(async () => {
  await other.close();
  await rm(directory, { recursive: true, force: true });
});

interface Scan {
  _id: string;
  title: string;
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
    { _id: String, title: String, file: String } as never,
    { collection: 'scans' } as never,
  );
  const base64 = { file: { contentType: 'image/png' } };
  schema.plugin(chronos, { indexed: ['title'], base64, payload: { json: store, prefix: 'app' } });
  return { store, Scans: on.model<Scan, ChronosModelType<Scan>>('Scan', schema) };
}

test('a process that is late with a version which has left meanwhile takes nothing from later versions', async () => {
  const [here, there] = [scans(mongoose.connection), scans(other)];
  here.store.before = async () => {
    throw new StorageError({ message: 'Away', store: here.store.name, retryable: false });
  };
  const file = Buffer.from('a scan').toString('base64');
  await here.Scans.create([{ _id: 'a', title: 'one', file }]);

  const [arrival, opening] = [gate(), gate()];
  there.store.before = async (key) => {
    if (!key.endsWith('/v0/item.json')) return;
    arrival.open();
    await opening.passed;
  };
  const late = there.Scans.flush();
  await arrival.passed;

  // The other one stores it meanwhile, and goes on.
  here.store.before = async () => {};
  await here.Scans.flush();
  await here.Scans.updateOne({ _id: 'a' }, { title: 'two' });
  await here.Scans.flush();
  expect(await here.Scans.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 2 });
  await recordsOf(here.Scans).deleteMany({});
  opening.open();
  await late;
  expect(await there.Scans.findById('a').lean()).toMatchObject({ title: 'two', file });
});

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}
