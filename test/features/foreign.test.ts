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
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

beforeEach(async () => {
  await items().deleteMany({});
  await records().deleteMany({});
  await Item.insertMany([{ _id: 'a', n: 0 }]);
  await Item.updateOne({ _id: 'a' }, { n: 1 });
});

async function writable(): Promise<number[]> {
  await Item.updateOne({ _id: 'a' }, { n: 10 }, { upsert: true });
  const item = (await Item.findById('a')) as NonNullable<Awaited<ReturnType<typeof Item.findById>>>;
  item.n = 11;
  await item.save();
  expect(await Item.verify()).toMatchObject({ ok: true, counts: { gap: 1 } });
  return (await Item.history('a')).map(({ ov }) => ov).reverse();
}

test('a document replaced without its bookkeeping stays writable', async () => {
  await items().replaceOne({ _id: 'a' as never }, { n: 5 });
  expect(await writable()).toEqual([0, 1, 2, 3]);
});

test('a document that vanished and was written again stays writable', async () => {
  await items().deleteOne({ _id: 'a' as never });
  expect(await writable()).toEqual([0, 2, 3]);
});

test('a document restored from an old dump stays writable', async () => {
  const dump = (await items().findOne()) as Record<string, unknown>;
  await Item.updateOne({ _id: 'a' }, { n: 2 });
  await items().replaceOne({ _id: 'a' as never }, { ...dump });
  expect(await writable()).toEqual([0, 1, 2, 3, 4]);
});

test('a document that a foreign writer puts under a deleted id shows from the deletion on, and only there', async () => {
  await pause();
  const living = new Date();
  await pause();
  await Item.deleteOne({ _id: 'a' });
  await items().insertOne({ _id: 'a' as never, n: 5 });
  expect(await writable()).toEqual([0, 1, 2, 3, 4, 5]);
  expect((await Item.asOf(living).find().lean()).map(({ n }) => n)).toEqual([1]);
});

test('created again under a deleted id the numbers go on, and in between there is nothing', async () => {
  await Item.deleteOne({ _id: 'a' });
  await pause();
  const between = new Date();
  await pause();
  await Item.create([{ _id: 'a', n: 3 }]);
  expect((await Item.history('a')).map(({ ov, op }) => [ov, op])).toEqual([
    [3, 'CREATE'],
    [2, 'DELETE'],
    [1, 'UPDATE'],
    [0, 'CREATE'],
  ]);
  expect(await Item.asOf(between).findById('a')).toBeNull();
});

test('32 racing deletes and creates of one id leave numbers without a gap', async () => {
  const racing = Array.from({ length: 32 }, (_, i) =>
    i % 2 ? Item.deleteOne({ _id: 'a' }) : Item.insertMany([{ _id: 'a', n: i }]),
  );
  for (const result of await Promise.allSettled(racing)) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 11000 });
  }
  const numbers = (await Item.history('a')).map(({ ov }) => ov).reverse();
  expect(numbers).toEqual(numbers.map((_, i) => i));
  expect(await Item.verify()).toMatchObject({ ok: true, counts: {} });
});

test('dropped and used again it begins anew', async () => {
  await Item.collection.drop();
  await Item.insertMany([{ _id: 'a', n: 1 }]);
  await Item.updateOne({ _id: 'a' }, { n: 2 });
  expect((await Item.history('a')).map(({ ov }) => ov)).toEqual([1, 0]);
  expect(await Item.verify()).toMatchObject({ ok: true, counts: {} });
});
