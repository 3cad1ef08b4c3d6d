import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Item {
  _id: string;
  n?: number;
}

type ItemModel = ChronosModelType<Item>;

const mongoose = await testDatabase();
const schema = new mongoose.Schema<Item, ItemModel>({ _id: String, n: Number } as never);
schema.plugin(chronos);
const Item = mongoose.model<Item, ItemModel>('Item', schema);

const items = () => mongoose.connection.collection<Record<string, unknown>>('items');
const records = () => mongoose.connection.collection<Record<string, unknown>>('items_ver');
const everything = async () => [await items().find().toArray(), await records().find().toArray()];
const ovs = async (id: string) => (await Item.history(id)).map(({ ov, op }) => [ov, op]);

beforeEach(async () => {
  await items().deleteMany({});
  await records().deleteMany({});
  await Item.insertMany([{ _id: 'a', n: 0 }]);
  await Item.updateOne({ _id: 'a' }, { n: 1 }, { chronos: { functionId: 'f' } });
  await Item.updateOne({ _id: 'a' }, { n: 2 });
});

/** Repairs, and holds that a second run finds nothing to do. */
async function recovered(): Promise<object> {
  const report = await Item.recover();
  expect(report).toMatchObject({ ok: true });
  const after = await everything();
  expect(await Item.recover()).toMatchObject({ ok: true, repaired: {} });
  expect(await everything()).toEqual(after);
  return report.repaired;
}

test('where nothing is wrong nothing is written', async () => {
  const before = await everything();
  expect(await recovered()).toEqual({});
  expect(await everything()).toEqual(before);
});

test('a head that lost its bookkeeping goes on after its last version, and the gap is marked', async () => {
  await items().replaceOne({ _id: 'a' as never }, { n: 9 });
  expect(await recovered()).toEqual({ 'unversioned-head': 1 });
  const head = await items().findOne();
  expect(head).toMatchObject({ n: 9, _system: { ov: 2, gap: true, functionIds: ['f'] } });
  await Item.updateOne({ _id: 'a' }, { n: 10 });
  expect(await ovs('a')).toEqual([
    [3, 'UPDATE'],
    [2, 'UPDATE'],
    [1, 'UPDATE'],
    [0, 'CREATE'],
  ]);
  expect((await Item.verify()).counts).toEqual({ gap: 1 });
});

test('a head whose number was put back goes on as well', async () => {
  await items().updateOne({ _id: 'a' as never }, { $set: { _system: { ov: 0, updatedAt: new Date(0) } } });
  expect(await recovered()).toEqual({ 'reset-head': 1 });
  expect(await items().findOne()).toMatchObject({ n: 2, _system: { ov: 2, gap: true } });
});

test('a document that vanished gets a tombstone, and its successor the next number', async () => {
  await items().deleteOne({ _id: 'a' as never });
  expect(await recovered()).toEqual({ 'missing-tombstone': 1 });
  expect((await Item.history('a'))[0]).toMatchObject({ ov: 3, op: 'DELETE', doc: null });
  expect(await Item.asOf(new Date()).findById('a')).toBeNull();
  await Item.restore('a', { ov: 1 });
  expect(await items().findOne()).toMatchObject({ n: 1, _system: { ov: 4, op: 'RESTORE', functionIds: ['f'] } });
  expect((await Item.verify()).ok).toBe(true);
});

test('missing indexes come back', async () => {
  const before = await records().indexes();
  await records().dropIndexes();
  expect(await recovered()).toEqual({ 'missing-index': before.length - 1 });
  expect(await records().indexes()).toEqual(before);
});

test('damage to the versions themselves is left as it is, and reported', async () => {
  await records().deleteOne({ '_id.ov': 0 });
  const before = await everything();
  expect(await Item.recover()).toMatchObject({ ok: false, repaired: {}, counts: { 'missing-version': 1 } });
  expect(await everything()).toEqual(before);
});
