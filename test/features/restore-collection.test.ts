import { beforeEach, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Item {
  _id: unknown;
  name: string;
  team?: string;
  n?: number;
}

type ItemModel = ChronosModelType<Item>;

const mongoose = await testDatabase();
const schema = new mongoose.Schema<Item, ItemModel>({
  _id: mongoose.Schema.Types.Mixed,
  name: { type: String, unique: true },
  team: String,
  n: Number,
} as never);
schema.plugin(chronos);
const Item = mongoose.model<Item, ItemModel>('Item', schema);
await Item.init();

const items = () => mongoose.connection.collection('items');
const records = () => mongoose.connection.collection('items_ver');

beforeEach(async () => {
  await items().deleteMany({});
  await records().deleteMany({});
});

const idsOfAllKinds = [
  7,
  'seven',
  new mongoose.Types.ObjectId(),
  { region: 'eu', n: 1 },
  new Date(0),
  true,
  Buffer.from('seven'),
];

/** Documents that stay, change, go, come back and come later; returns the instant before all that. */
async function storyOf(ids: readonly unknown[]): Promise<Date> {
  await Item.insertMany(ids.map((_id, i) => ({ _id, name: `name ${i}`, team: i % 2 ? 'odd' : 'even', n: 0 })));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const at = new Date();
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const [i, _id] of ids.entries()) {
    if (i % 4 === 1) await Item.updateOne({ _id: _id as string }, { $inc: { n: 1 } });
    if (i % 4 === 2) await Item.deleteOne({ _id: _id as string });
    if (i % 4 === 3) await Item.collection.deleteOne({ _id: _id as never });
    if (i % 4 === 3) await Item.insertMany([{ _id, name: `again ${i}` }]);
  }
  await Item.insertMany([{ _id: 'late', name: 'late' }]);
  return at;
}

const everything = (filter = {}) => Item.find(filter).sort('name').lean();

test('brings every document back to its version as of the instant, whatever its id', async () => {
  const at = await storyOf(idsOfAllKinds);
  const then = await Item.asOf(at).find().sort('name').lean();
  const report = await Item.restoreCollection({ at }, { actor: 'ops', reason: 'bad import' });
  expect(report).toMatchObject({ restored: 3, recreated: 2, deleted: 1, kept: 0, failed: 0, dryRun: false });
  expect(await everything()).toEqual(then);
  for (const [i, id] of idsOfAllKinds.entries()) {
    const [latest] = await Item.history(id);
    if (i % 4 === 0) expect(latest).toMatchObject({ op: 'CREATE' });
    else expect(latest).toMatchObject({ op: 'RESTORE', restoredFrom: 0, actor: 'ops', reason: 'bad import' });
  }
  expect((await Item.history('late'))[0]).toMatchObject({ op: 'DELETE', actor: 'ops' });
});

test('a dry run tells the plan and writes nothing', async () => {
  const at = await storyOf([1, 2, 3, 4]);
  const before = [await items().find().toArray(), await records().find().toArray()];
  const plan = await Item.restoreCollection({ at: at.toISOString() }, { dryRun: true });
  expect(plan).toMatchObject({ dryRun: true, restored: 2, recreated: 1, deleted: 1, unchanged: 0, failed: 0 });
  expect(plan.actions).toEqual([
    { id: 'late', action: 'delete', from: 0, to: null },
    { id: 2, action: 'restore', from: 1, to: 0 },
    { id: 3, action: 'recreate', from: null, to: 0 },
    { id: 4, action: 'restore', from: 2, to: 0 },
  ]);
  expect([await items().find().toArray(), await records().find().toArray()]).toEqual(before);
});

test('again it finds nothing to do', async () => {
  const at = await storyOf([1, 2, 3, 4]);
  await Item.restoreCollection({ at });
  const before = await records().countDocuments();
  expect(await Item.restoreCollection({ at })).toMatchObject({ restored: 0, recreated: 0, deleted: 0, unchanged: 3 });
  expect(await records().countDocuments()).toBe(before);
});

test('keeps documents born later on request', async () => {
  const at = await storyOf([1, 2]);
  expect(await Item.restoreCollection({ at }, { born: 'keep' })).toMatchObject({ deleted: 0, kept: 1, restored: 1 });
  expect(await Item.countDocuments()).toBe(3);
});

test('a filter finds afterwards what it found then, and nothing else is touched', async () => {
  const at = await storyOf([1, 2, 3, 4, 5]);
  await Item.updateOne({ _id: 1 }, { team: 'odd' });
  await Item.updateOne({ _id: 2 }, { team: 'even' });
  const others = await everything({ team: 'even' });
  expect(others.map(({ _id }) => _id)).toEqual([2, 5]);
  await Item.restoreCollection({ at }, { filter: { team: 'odd' } });
  const then = await Item.asOf(at).find({ team: 'odd' }).sort('name').lean();
  expect(await everything({ team: 'odd' })).toEqual(then);
  expect(await Item.findById(1).lean()).toMatchObject({ team: 'even' });
  expect(await Item.findById('late')).not.toBeNull();
});

test('frees unique values before they are needed again', async () => {
  await Item.insertMany([
    { _id: 1, name: 'a' },
    { _id: 2, name: 'b' },
  ]);
  const at = new Date();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Item.updateOne({ _id: 1 }, { name: 'free' });
  await Item.updateOne({ _id: 2 }, { name: 'a' });
  await Item.insertMany([{ _id: 3, name: 'b' }]);
  expect(await Item.restoreCollection({ at })).toMatchObject({ failed: 0, restored: 2, deleted: 1 });
  expect((await everything()).map(({ _id, name }) => [_id, name])).toEqual([
    [1, 'a'],
    [2, 'b'],
  ]);
});

test('what the server refuses is reported, and the rest is restored', async () => {
  const at = await storyOf([1, 2, 3, 4]);
  await Item.insertMany([{ _id: 'thief', name: 'name 2' }]);
  const report = await Item.restoreCollection({ at }, { born: 'keep' });
  expect(report).toMatchObject({ restored: 2, recreated: 0, failed: 1 });
  expect(report.failures).toMatchObject([{ id: 3, error: { code: 11000 } }]);
});

test('is finished by a second run after it was cut short, without a version more than needed', async () => {
  const ids = Array.from({ length: 500 }, (_, i) => i);
  await Item.insertMany(ids.map((_id) => ({ _id, name: `n${_id}`, n: 0 })));
  const at = new Date();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Item.updateMany({}, { $inc: { n: 1 } });
  const cut = Item.restoreCollection(
    { at },
    {
      pageSize: 50,
      onProgress: ({ restored }) => {
        if (restored >= 200) throw new Error('cut');
      },
    },
  );
  await expect(cut).rejects.toThrow('cut');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const report = await Item.restoreCollection({ at }, { pageSize: 50 });
  expect(report.unchanged).toBeGreaterThanOrEqual(200);
  expect(report.restored + report.unchanged).toBe(500);
  expect(await records().countDocuments()).toBe(1000);
  expect(await Item.countDocuments({ n: 0 })).toBe(500);
});

test('tells how far it is', async () => {
  const at = await storyOf([1, 2, 3, 4]);
  const seen: { done: number; total: number }[] = [];
  await Item.restoreCollection({ at }, { pageSize: 1, onProgress: ({ done, total }) => seen.push({ done, total }) });
  expect(seen.at(-1)).toMatchObject({ done: 6, total: 6 });
  expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
});

test('holds no more documents at once than a page has, whatever the server would send', async () => {
  const at = await storyOf(Array.from({ length: 40 }, (_, i) => i));
  const watched = new mongoose.Mongoose();
  await watched.connect(inject('mongoUri'), { dbName: mongoose.connection.name, monitorCommands: true });
  const batches: number[] = [];
  watched.connection.getClient().on('commandSucceeded', ({ reply }) => {
    const { cursor } = reply as { cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] } };
    if (cursor !== undefined) batches.push((cursor.firstBatch ?? cursor.nextBatch ?? []).length);
  });
  const Watched = watched.model<Item, ItemModel>('Item', schema.clone(), 'items');
  const { restored, recreated } = await Watched.restoreCollection({ at }, { pageSize: 4 });
  await watched.disconnect();
  expect(restored + recreated).toBe(30);
  expect(Math.max(...batches)).toBe(4);
});

test('goes on beside writers, each document by its own compare-and-set', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => i);
  await Item.insertMany(ids.map((_id) => ({ _id, name: `n${_id}`, n: 0 })));
  const at = new Date();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Item.updateMany({}, { $inc: { n: 1 } });
  const writers = Promise.all(ids.map((_id) => Item.updateOne({ _id }, { $inc: { n: 10 } })));
  await Promise.all([Item.restoreCollection({ at }, { pageSize: 10 }), writers]);
  for (const { n } of await everything()) expect([0, 10]).toContain(n);
  expect((await Item.verify()).findings).toEqual([]);
});
