import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mongoose';
import { afterAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos, FilePayloadStore, StorageError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { recordsOf } from '../support/stored.ts';

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

/** The same directory for each process, and something of its own before it. */
class GatedStore extends FilePayloadStore {
  before: (key: string) => Promise<void> = async () => {};

  override async put(...[key, ...rest]: Parameters<FilePayloadStore['put']>) {
    await this.before(key);
    return super.put(key, ...rest);
  }
}

const away = async () => {
  throw new StorageError({ message: 'Away', store: 'file', retryable: false });
};

function scans(on: Connection, collection: string) {
  const store = new GatedStore(directory);
  const schema = new mongoose.Schema<Scan, ChronosModelType<Scan>>(
    { _id: String, title: String, text: String, file: String } as never,
    { collection } as never,
  );
  const base64 = { file: { contentType: 'image/png' } };
  schema.plugin(chronos, { indexed: ['title'], base64, payload: { json: store, prefix: 'app' } });
  return { store, Scans: on.model<Scan, ChronosModelType<Scan>>(collection, schema) };
}

test('a process that is late with a version, and knows less of earlier ones, does not replace what is stored of it', async () => {
  const [here, there] = [scans(mongoose.connection, 'knows-less'), scans(other, 'knows-less')];
  here.store.before = away;
  const file = Buffer.from('a scan').toString('base64');
  await here.Scans.create([{ _id: 'a', title: 'a', text: 'one', file }]);
  await here.Scans.updateOne({ _id: 'a' }, { text: 'two' });

  // One stores the second version alone, as if there had been no other with that file, and is slow.
  const [arrival, opening] = [gate(), gate()];
  there.store.before = async (key) => {
    if (key.includes('/v0/')) await away();
    if (!key.endsWith('/v1/item.json')) return;
    arrival.open();
    await opening.opened;
  };
  const late = there.Scans.flush();
  await arrival.opened;

  // The other one stores both meanwhile, and takes them out of MongoDB.
  here.store.before = async () => {};
  await here.Scans.flush();
  expect(await here.Scans.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 2 });
  opening.open();
  await late;

  const whole = { _id: 'a', title: 'a', text: 'two', file };
  for (const { Scans } of [scans(other.useDb(mongoose.connection.name), 'knows-less'), there]) {
    expect(await Scans.findById('a').lean()).toMatchObject(whole);
    expect(await Scans.getVersion('a', 0, { lean: true })).toMatchObject({ ...whole, text: 'one' });
  }
});

test('a process that is late with a version which has left meanwhile takes nothing from later versions', async () => {
  const [here, there] = [scans(mongoose.connection, 'has-left'), scans(other, 'has-left')];
  here.store.before = away;
  const file = Buffer.from('a scan').toString('base64');
  await here.Scans.create([{ _id: 'a', title: 'one', text: 'same', file }]);

  const [arrival, opening] = [gate(), gate()];
  there.store.before = async (key) => {
    if (!key.endsWith('/v0/item.json')) return;
    arrival.open();
    await opening.opened;
  };
  const late = there.Scans.flush();
  await arrival.opened;

  // The other one stores it meanwhile, and goes on.
  here.store.before = async () => {};
  await here.Scans.flush();
  await here.Scans.updateOne({ _id: 'a' }, { title: 'two' });
  await here.Scans.updateOne({ _id: 'a' }, { title: 'three', file: Buffer.from('another').toString('base64') });
  await here.Scans.flush();
  expect(await here.Scans.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 3 });
  await recordsOf(here.Scans).deleteOne({ '_id.ov': 0 });
  opening.open();
  await late;
  expect(await there.Scans.getVersion('a', 1, { lean: true })).toMatchObject({ title: 'two', file });
});
