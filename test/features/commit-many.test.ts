import { beforeEach, describe, expect, test } from 'vitest';
import { chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf, storedVersions, upTo } from '../support/stored.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({
  _id: Number,
  n: Number,
  tags: { type: [String], default: undefined },
  body: String,
});
schema.index({ n: 1 });
const Row = mongoose.model('Row', schema.plugin(chronos));
await Row.init();

const COUNT = 2_500;

beforeEach(async () => {
  await headsOf(Row).deleteMany({});
  await recordsOf(Row).deleteMany({});
});

const seed = async (count = COUNT) => {
  await Row.insertMany(upTo(count - 1).map((_id) => ({ _id, n: _id, tags: _id % 2 === 0 ? ['even'] : [] })));
};

const inTransaction = <T>(fn: () => Promise<T>): Promise<T> => {
  mongoose.set('transactionAsyncLocalStorage', true);
  return mongoose.connection.transaction(fn) as Promise<T>;
};

/** Outside a transaction it goes in chunks; asked for, or inside a transaction, all at once. */
const WAYS = [
  ['in chunks', {}, <T>(fn: () => Promise<T>) => fn()],
  ["multi: 'atomic'", { chronos: { multi: 'atomic' } } as object, <T>(fn: () => Promise<T>) => fn()],
  ["in the caller's transaction", {}, inTransaction],
] as const;

describe.each(WAYS)('%s', (_way, options, run) => {
  test('updateMany changes each document once, also by the very field it is found by', async () => {
    await seed();
    const result = await run(() => Row.updateMany({ n: { $gte: 0 } }, { $inc: { n: 1 } }, options).exec());
    expect(result).toMatchObject({ matchedCount: COUNT, modifiedCount: COUNT });
    const heads = await headsOf(Row)
      .find({}, { sort: { _id: 1 } })
      .toArray();
    expect(heads.map(({ n }) => n)).toEqual(upTo(COUNT).slice(1));
    expect(heads.every(({ _system }) => (_system as { ov: number }).ov === 1)).toBe(true);
    const records = await recordsOf(Row)
      .find({}, { sort: { '_id.id': 1 } })
      .toArray();
    expect(records.map(({ n }) => n)).toEqual(upTo(COUNT - 1));
  });

  test('updateMany with operators that only the server can judge counts the changed ones', async () => {
    await seed();
    const result = await run(() => Row.updateMany({}, { $pull: { tags: 'even' } }, options).exec());
    expect(result).toMatchObject({ matchedCount: COUNT, modifiedCount: COUNT / 2 });
    expect(await recordsOf(Row).countDocuments()).toBe(COUNT / 2);
    expect(await headsOf(Row).countDocuments({ '_system.ov': 1 })).toBe(COUNT / 2);
  });

  test('updateMany by a pipeline', async () => {
    await seed();
    const update = [{ $set: { n: { $cond: [{ $gte: ['$n', 1_000] }, { $add: ['$n', 1] }, '$n'] } } }];
    const pipeline = { ...options, updatePipeline: true } as never;
    const result = await run(() => Row.updateMany({}, update, pipeline).exec());
    expect(result).toMatchObject({ matchedCount: COUNT, modifiedCount: COUNT - 1_000 });
    expect(await recordsOf(Row).countDocuments()).toBe(COUNT - 1_000);
  });

  test('deleteMany leaves the last state and a tombstone of each', async () => {
    await seed();
    const result = await run(() => Row.deleteMany({ n: { $lt: 2_400 } }, options).exec());
    expect(result).toMatchObject({ deletedCount: 2_400 });
    expect(await headsOf(Row).countDocuments()).toBe(100);
    expect(await recordsOf(Row).countDocuments({ '_system.deleted': true })).toBe(2_400);
    expect(await recordsOf(Row).countDocuments()).toBe(4_800);
  });

  test('an upsert that matches many creates none, and one that matches none creates one', async () => {
    await seed(1_200);
    const hit = await run(() =>
      Row.updateMany({ n: { $gte: 0 } }, { $inc: { n: 1 } }, { ...options, upsert: true }).exec(),
    );
    expect(hit).toMatchObject({ matchedCount: 1_200, modifiedCount: 1_200, upsertedCount: 0 });
    const miss = await run(() => Row.updateMany({ _id: 5_000 }, { n: 1 }, { ...options, upsert: true }).exec());
    expect(miss).toMatchObject({ matchedCount: 0, modifiedCount: 0, upsertedCount: 1, upsertedId: 5_000 });
    expect((await storedVersions(Row, 5_000)).map(({ ov }) => ov)).toEqual([0]);
  });

  test('a complaint of the server reaches the caller where nothing matches', async () => {
    const bad = run(() => Row.collection.updateMany({ n: -1 }, { $grow: { n: 1 } } as never, options));
    await expect(bad).rejects.toMatchObject({ code: 9 });
  });

  test('large documents', async () => {
    const body = 'x'.repeat(900_000);
    for (const _id of upTo(19)) await headsOf(Row).insertOne({ _id: _id as never, n: _id, body });
    await run(() => Row.updateMany({}, { $inc: { n: 1 } }, options).exec());
    expect(await recordsOf(Row).countDocuments()).toBe(20);
    await run(() => Row.deleteMany({}, options).exec());
    expect(await recordsOf(Row).countDocuments()).toBe(60);
  });
});

test('updates beside it are neither lost nor met twice', async () => {
  await seed();
  const others = upTo(49).map((index) => Row.updateOne({ _id: index * 50 }, { $inc: { n: 10_000 } }).exec());
  const [result] = await Promise.all([Row.updateMany({}, { $inc: { n: 1 } }).exec(), ...others]);
  expect(result).toMatchObject({ matchedCount: COUNT, modifiedCount: COUNT });
  for (const index of upTo(49)) {
    const versions = await storedVersions(Row, index * 50);
    expect(versions.map(({ ov }) => ov)).toEqual([0, 1, 2]);
    expect(versions[2]?.content?.n).toBe(index * 50 + 10_001);
  }
});

test("multi: 'atomic' that fails at one document leaves all as they were", async () => {
  await seed();
  await headsOf(Row).updateOne({ _id: 2_400 as never }, { $set: { n: 'text' } });
  const options = { chronos: { multi: 'atomic' } } as object;
  await expect(Row.updateMany({}, { $inc: { n: 1 } }, options)).rejects.toMatchObject({ code: 14 });
  expect(await recordsOf(Row).countDocuments()).toBe(0);
  expect(await headsOf(Row).countDocuments({ '_system.ov': 0 })).toBe(COUNT);
});

test('heads that a foreign writer reset in between are no obstacle', async () => {
  await seed(1_500);
  await Row.updateMany({}, { $inc: { n: 1 } });
  for (const _id of [3, 700, 1_400]) await headsOf(Row).replaceOne({ _id: _id as never }, { n: -5 });
  await expect(Row.updateMany({}, { $inc: { n: 1 } })).resolves.toMatchObject({ modifiedCount: 1_500 });
  await inTransaction(() => Row.updateMany({}, { $inc: { n: 1 } }).exec());
  for (const _id of [3, 700, 1_400]) await headsOf(Row).replaceOne({ _id: _id as never }, { n: -5 });
  await inTransaction(() => Row.updateOne({ _id: 3 }, { $inc: { n: 1 } }).exec());
  await inTransaction(() => Row.updateMany({}, { $inc: { n: 1 } }).exec());
  for (const _id of [3, 4, 700]) {
    const versions = await storedVersions(Row, _id);
    expect(versions.map(({ ov }) => ov)).toEqual(upTo(versions.length - 1));
    expect(versions.some(({ system }) => system.gap === true)).toBe(_id !== 4);
  }
});

test('functionIds stay bounded however often a multi-document write adds one', async () => {
  await seed(2);
  for (const run of upTo(119))
    await Row.updateMany({}, { $inc: { n: 1 } }, { chronos: { functionId: `${run}` } } as object);
  const head = (await storedVersions(Row, 0)).at(-1);
  expect(head?.system.functionIds).toEqual(upTo(119).slice(-100).map(String));
});
