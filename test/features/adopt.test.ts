import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Item {
  _id: unknown;
  n?: number;
  createdAt?: Date;
}

type ItemModel = ChronosModelType<Item>;

const mongoose = await testDatabase();
const fields = { _id: mongoose.Schema.Types.Mixed, n: Number };
const schema = new mongoose.Schema<Item, ItemModel>(fields as never, { timestamps: true });
schema.plugin(chronos);
const Item = mongoose.model<Item, ItemModel>('Item', schema);
const Plain = mongoose.model<Item>(
  'Plain',
  new mongoose.Schema<Item>(fields as never, { timestamps: true, collection: 'items' }),
);

const items = () => mongoose.connection.collection<Record<string, unknown>>('items');
const records = () => mongoose.connection.collection<Record<string, unknown>>('items_ver');
const { ObjectId } = mongoose.Types;

beforeEach(async () => {
  await items().deleteMany({});
  await records().deleteMany({});
});

test('a live collection needs no migration: the first version is the state before the first change', async () => {
  await Plain.create([1, 2, 3, 4].map((_id) => ({ _id, n: 0 })));
  expect(await Item.find({ n: 0 }).countDocuments()).toBe(4);
  await Item.updateOne({ _id: 1 }, { n: 1 });
  await Item.updateMany({ _id: { $gte: 3 } }, { $inc: { n: 1 } });
  const loaded = await Item.findById(2);
  if (loaded === null) throw new Error('not found');
  loaded.n = 1;
  await loaded.save();
  await Item.deleteOne({ _id: 4 });

  for (const id of [1, 2, 3]) {
    const versions = await Item.history(id);
    expect(versions.map(({ ov, op }) => [ov, op])).toEqual([
      [1, 'UPDATE'],
      [0, 'CREATE'],
    ]);
    expect(versions[1]).toMatchObject({ from: null, doc: { n: 0 } });
  }
  await Item.restore(1, { ov: 0 });
  await Item.restore(4, { ov: 0 });
  expect((await Item.find().sort('_id')).map(({ n }) => n)).toEqual([0, 1, 1, 0]);
  expect((await Item.verify()).findings).toEqual([]);
});

test('adopt gives documents their first bookkeeping and touches nothing else', async () => {
  const time = new Date('2024-01-01T00:00:00Z');
  const id = ObjectId.createFromTime(time.getTime() / 1000);
  await Plain.create([
    { _id: id, n: 0 },
    { _id: 'text', n: 0 },
  ]);
  const before = await items().find().toArray();
  expect(await Item.adopt()).toEqual({ adopted: 2, skipped: 0 });
  const after = await items().find().toArray();
  expect(after.map(({ _system, ...content }) => content)).toEqual(before);
  expect((await items().findOne({ _id: id as never }))?._system).toEqual({ ov: 0, insertedAt: time, updatedAt: time });
  expect((await items().findOne({ _id: 'text' as never }))?._system).toEqual({ ov: 0 });
  expect(await Item.asOf('2023-12-31').findById(id)).toBeNull();
  expect(await Item.asOf('2024-01-01').findById(id)).toMatchObject({ n: 0 });
  await Item.updateMany({}, { n: 1 });
  expect((await Item.history(id)).map(({ ov, from }) => [ov, from])).toEqual([
    [1, expect.any(Date)],
    [0, time],
  ]);
  expect((await Item.verify()).findings).toEqual([]);
});

test('insertedAt may be given, or told from the document', async () => {
  await Plain.create([{ _id: 1 }, { _id: 2 }]);
  const date = new Date('2020-01-01');
  await Item.adopt({ insertedAt: ({ _id, createdAt }) => (_id === 1 ? (createdAt as Date) : date) });
  const { createdAt, _system } = (await items().findOne({ _id: 1 as never })) as Record<
    string,
    Record<string, unknown>
  >;
  expect(_system?.insertedAt).toEqual(createdAt);
  expect((await items().findOne({ _id: 2 as never }))?._system).toMatchObject({ insertedAt: date });
});

test('is finished by a second run after it was cut short, and tells how far it is', async () => {
  await items().insertMany(Array.from({ length: 100 }, (_, i) => ({ _id: i as never })));
  const cut = Item.adopt({
    batchSize: 10,
    onProgress: ({ done, total }) => {
      expect(total).toBe(100);
      if (done === 40) throw new Error('cut');
    },
  });
  await expect(cut).rejects.toThrow('cut');
  expect(await items().countDocuments({ _system: { $exists: true } })).toBe(40);
  expect(await Item.adopt()).toEqual({ adopted: 60, skipped: 0 });
  expect(await Item.adopt()).toEqual({ adopted: 0, skipped: 0 });
});

test('goes on beside writers', async () => {
  const ids = Array.from({ length: 300 }, (_, i) => i);
  await items().insertMany(ids.map((_id) => ({ _id: _id as never, n: 0 })));
  const writers = Promise.all(ids.map((_id) => Item.updateOne({ _id: _id as never }, { $inc: { n: 1 } })));
  const { adopted } = await Item.adopt({ batchSize: 10 });
  await writers;
  await Item.adopt();
  expect(adopted).toBeLessThanOrEqual(300);
  expect(await Item.countDocuments({ n: 1 })).toBe(300);
  expect(await items().countDocuments({ '_system.ov': 1 })).toBe(300);
  expect((await Item.verify()).findings).toEqual([]);
});

test('a document with a history is left to recover', async () => {
  await Item.insertMany([{ _id: 1, n: 0 }]);
  await Item.updateOne({ _id: 1 as never }, { n: 1 });
  await items().replaceOne({ _id: 1 as never }, { n: 5 });
  expect(await Item.adopt()).toEqual({ adopted: 0, skipped: 1 });
});

test('unadopt leaves a normal collection', async () => {
  await Plain.create([{ _id: 1, n: 0 }]);
  const before = await items().findOne();
  await Item.adopt();
  await Item.insertMany([{ _id: 2 }]);
  await Item.updateOne({ _id: 2 as never }, { n: 1 });
  expect(await Item.unadopt()).toEqual({ cleared: 2 });
  expect(await items().findOne({ _id: 1 as never })).toEqual(before);
  expect(await records().countDocuments()).toBe(1);
  expect(await Item.unadopt({ dropHistory: true })).toEqual({ cleared: 0 });
  const collections = await mongoose.connection.db?.listCollections().toArray();
  expect(collections?.map(({ name }) => name)).not.toContain('items_ver');
  await Item.updateOne({ _id: 2 as never }, { n: 2 });
  expect((await Item.history(2)).map(({ ov }) => ov)).toEqual([1, 0]);
});
