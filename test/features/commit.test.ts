import { expect, test } from 'vitest';
import { chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, numbersOf, recordsOf, storedVersions, upTo } from '../support/stored.ts';

const mongoose = await testDatabase();
const { Schema } = mongoose;

let models = 0;
const counterModel = () => {
  models += 1;
  const schema = new Schema({ _id: Number, n: { type: Number, max: 9_999 }, name: String, tags: [String] });
  schema.index({ name: 1 }, { unique: true, sparse: true });
  return mongoose.model(`Counter${models}`, schema.plugin(chronos));
};

const many = <T>(count: number, fn: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => fn(index)));

test('updateOne that matches three documents makes one version', async () => {
  const Counter = counterModel();
  await Counter.create([1, 2, 3].map((_id) => ({ _id, n: 0 })));
  await Counter.updateOne({ n: 0 }, { $set: { n: 1 } });
  expect(await recordsOf(Counter).countDocuments()).toBe(1);
});

test('a filter without match, a validation error and a duplicate key leave no version', async () => {
  const Counter = counterModel();
  await Counter.init();
  await Counter.create([
    { _id: 1, n: 0, name: 'a' },
    { _id: 2, n: 0, name: 'b' },
  ]);
  await Counter.updateOne({ _id: 9 }, { n: 1 });
  await Counter.deleteMany({ n: 9 });
  const document = await Counter.findById(1).orFail();
  document.n = 10_000;
  await expect(document.save()).rejects.toThrow(mongoose.Error.ValidationError);
  await expect(Counter.updateOne({ _id: 1 }, { name: 'b' })).rejects.toMatchObject({ code: 11000 });
  await expect(Counter.updateMany({}, { name: 'b' })).rejects.toMatchObject({ code: 11000 });
  await expect(Counter.create({ _id: 3, name: 'a' })).rejects.toMatchObject({ code: 11000 });
  expect(await recordsOf(Counter).countDocuments()).toBe(0);
  expect(await headsOf(Counter).countDocuments()).toBe(2);
});

test('64 concurrent writers by updateOne, findOneAndUpdate and save lose nothing and number without a gap', async () => {
  const Counter = counterModel();
  await Counter.create({ _id: 1, n: 0 });
  const saving = async () => {
    for (;;) {
      const document = await Counter.findById(1).orFail();
      const read = document.n as number;
      const { matchedCount } = await Counter.updateOne({ _id: 1, n: read }, { n: read + 1 });
      if (matchedCount === 1) return read + 1;
    }
  };
  const values = await many(64, async (index) => {
    if (index % 3 === 0) return saving();
    const update = { $inc: { n: 1 } };
    if (index % 3 === 1) await Counter.updateOne({ _id: 1 }, update);
    else return (await Counter.findOneAndUpdate({ _id: 1 }, update, { returnDocument: 'after' }).orFail()).n;
  });
  expect(await Counter.findById(1).lean()).toMatchObject({ n: 64 });
  expect(await numbersOf(Counter, 1)).toEqual(upTo(64));
  const versions = await storedVersions(Counter, 1);
  expect(versions.map(({ content }) => content?.n)).toEqual(upTo(64));
  const seen = values.filter((value) => value !== undefined);
  expect(new Set(seen).size).toBe(seen.length);
});

test('24 concurrent saves of one document that are repeated on a VersionError', async () => {
  const Counter = counterModel();
  await Counter.create({ _id: 1, n: 0, tags: [] });
  await many(24, async (index) => {
    for (;;) {
      const document = await Counter.findById(1).orFail();
      document.tags.push(`tag ${index}`);
      // A changed length of the array makes Mongoose check its version key.
      document.tags = [...document.tags] as never;
      try {
        await document.save();
        return;
      } catch (error) {
        if (!(error instanceof mongoose.Error.VersionError)) throw error;
      }
    }
  });
  const versions = await storedVersions(Counter, 1);
  expect(versions.map(({ ov }) => ov)).toEqual(upTo(24));
  expect(versions.map(({ content }) => (content as { tags: string[] }).tags.length)).toEqual(upTo(24));
});

test('20 concurrent increments give 20 distinct values', async () => {
  const Counter = counterModel();
  await Counter.create({ _id: 1, n: 0 });
  const values = await many(20, async () => {
    const found = await Counter.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { returnDocument: 'after' });
    return found?.n as number;
  });
  expect(values.toSorted((a, b) => a - b)).toEqual(upTo(20).slice(1));
});

test('20 concurrent increments by another field than _id all count', async () => {
  const Counter = counterModel();
  await Counter.init();
  await Counter.create({ _id: 1, n: 0, name: 'the one' });
  await many(20, () => Counter.updateOne({ name: 'the one' }, { $inc: { n: 1 } }).exec());
  expect((await storedVersions(Counter, 1)).map(({ content }) => content?.n)).toEqual(upTo(20));
});

test('concurrent updates that several documents keep matching go to the one that plain MongoDB takes', async () => {
  const Counter = counterModel();
  await Counter.create([1, 2, 3].map((_id) => ({ _id, n: 0 })));
  await many(20, () => Counter.updateOne({ tags: [] }, { $inc: { n: 1 } }).exec());
  expect((await Counter.find().sort({ _id: 1 }).lean()).map(({ n }) => n)).toEqual([20, 0, 0]);
});

test('concurrent claims on a sorted filter take distinct documents, and none where there are no more', async () => {
  const Counter = counterModel();
  await Counter.create(upTo(9).map((_id) => ({ _id, n: 0 })));
  const claims = await many(15, () =>
    Counter.findOneAndUpdate({ n: 0 }, { $set: { n: 1 } }, { sort: { _id: 1 } }).exec(),
  );
  const taken = claims.flatMap((claim) => (claim === null ? [] : [claim._id as number]));
  expect(taken.toSorted((a, b) => a - b)).toEqual(upTo(9));
  expect(await recordsOf(Counter).countDocuments()).toBe(10);
});

test('one member of a wave that the server or the driver refuses does not take the others along', async () => {
  const Counter = counterModel();
  await Counter.create(upTo(19).map((_id) => ({ _id, n: 0 })));
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const outcomes = await Promise.allSettled([
    ...upTo(9).map((_id) => Counter.collection.updateOne({ _id } as never, { $inc: { n: 1 } })),
    Counter.collection.updateOne({ _id: 10, $nonsense: 1 } as never, { $inc: { n: 1 } }),
    Counter.collection.updateOne({ _id: 11 } as never, { $set: { circular } }),
    Counter.collection.updateOne({ _id: circular } as never, { $inc: { n: 1 } }),
    Counter.collection.updateOne({ _id: 12 } as never, { $grow: { n: 1 } } as never),
    ...upTo(19)
      .slice(13)
      .map((_id) => Counter.collection.deleteOne({ _id } as never)),
  ]);
  expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([
    ...Array(10).fill(true),
    ...Array(4).fill(false),
    ...Array(7).fill(true),
  ]);
  expect(await headsOf(Counter).countDocuments({ n: 1 })).toBe(10);
  expect(await headsOf(Counter).countDocuments()).toBe(13);
  await expect(Counter.updateOne({ _id: 10 }, { $inc: { n: 1 } })).resolves.toMatchObject({ modifiedCount: 1 });
});

test('a wave of large documents is split so that it fits', async () => {
  const Counter = counterModel();
  const body = 'x'.repeat(1_000_000);
  for (const _id of upTo(29)) await headsOf(Counter).insertOne({ _id: _id as never, n: 0, name: `${_id}`, body });
  await many(30, (_id) => Counter.updateOne({ _id }, { $inc: { n: 1 } }).exec());
  const bulk = upTo(29).map((_id) => ({ updateOne: { filter: { _id }, update: { $inc: { n: 1 } } } }));
  await expect(Counter.bulkWrite(bulk)).resolves.toMatchObject({ modifiedCount: 30 });
  expect(await headsOf(Counter).countDocuments({ n: 2 })).toBe(30);
  expect(await recordsOf(Counter).countDocuments()).toBe(60);
});

test.each([true, false])(
  'bulkWrite of 1,000 with bad members, ordered: %s, ends as plain MongoDB does',
  async (ordered) => {
    const Counter = counterModel();
    await Counter.init();
    const plain = headsOf(Counter).db.collection(`plain-${ordered}`);
    await plain.createIndex({ name: 1 }, { unique: true, sparse: true });
    const operations = () =>
      upTo(999).map((_id) => {
        if (_id === 500) return { insertOne: { document: { _id: 1, name: 'taken id' } } };
        if (_id === 700) return { updateOne: { filter: { _id: 2 }, update: { $set: { name: 'name 3' } } } };
        if (_id % 10 === 9) return { updateOne: { filter: { _id: _id - 5 }, update: { $set: { n: -1 } } } };
        return { insertOne: { document: { _id, n: _id, name: `name ${_id}` } } };
      });
    const failure = (promise: Promise<unknown>) =>
      promise.then(
        () => expect.unreachable(),
        ({ message, code, result, writeErrors }) => ({
          message: message.replace(/collection: \S+/, ''),
          code,
          counts: [result.insertedCount, result.matchedCount, result.modifiedCount],
          refused: [writeErrors].flat().map(({ index, code }) => [index, code]),
        }),
      );
    const expected = await failure(plain.bulkWrite(operations() as never, { ordered }));
    expect(await failure(Counter.collection.bulkWrite(operations() as never, { ordered }))).toEqual(expected);
    const stored = await headsOf(Counter)
      .find({}, { projection: { _system: 0 }, sort: { _id: 1 } })
      .toArray();
    expect(stored).toEqual(await plain.find({}, { sort: { _id: 1 } }).toArray());
    expect(await recordsOf(Counter).countDocuments()).toBe(expected.counts[2]);
  },
);

test('a $push that ends where it began makes no version, though plain MongoDB counts it as a change', async () => {
  const Counter = counterModel();
  await Counter.create({ _id: 1, tags: ['a', 'b'] });
  const update = { $push: { tags: { $each: ['c'], $slice: 2 } } };
  await expect(Counter.updateOne({ _id: 1 }, update)).resolves.toMatchObject({ matchedCount: 1, modifiedCount: 0 });
  expect(await numbersOf(Counter, 1)).toEqual([0]);
});
