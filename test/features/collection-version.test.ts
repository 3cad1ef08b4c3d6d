import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

interface Stored {
  readonly _id: unknown;
  readonly _system: { readonly cv?: number; readonly untilCv?: number };
}

let models = 0;
function numberedModel() {
  const schema = new mongoose.Schema({ name: String, n: Number, tags: [String] });
  schema.plugin(chronos, { collectionVersion: true });
  models += 1;
  return versioned(mongoose.model(`Numbered${models}`, schema));
}

/** The numbers of all versions there are, in heads and records. */
async function numbers({ collection }: { collection: { name: string } }): Promise<number[]> {
  const db = mongoose.connection.db;
  const heads = await db?.collection<Stored>(collection.name).find().toArray();
  const records = await db?.collection<Stored>(`${collection.name}_ver`).find().toArray();
  const all = [...(heads ?? []), ...(records ?? [])].map(({ _system }) => _system.cv);
  return all.filter((cv) => cv !== undefined).sort((a, b) => a - b);
}

const upTo = (count: number) => Array.from({ length: count }, (_, cv) => cv);

test('every version takes the next number, whatever write makes it', async () => {
  const Model = numberedModel();
  const a = await Model.create({ name: 'a', n: 0 });
  await Model.insertMany([
    { name: 'b', n: 0 },
    { name: 'c', n: 0 },
  ]);
  await Model.updateOne({ _id: a._id }, { $inc: { n: 1 } });
  await Model.findOneAndUpdate({ name: 'b' }, { $push: { tags: 'x' } });
  await Model.updateMany({}, { $inc: { n: 1 } });
  await Model.bulkWrite([
    { insertOne: { document: { name: 'd' } } },
    { updateOne: { filter: { name: 'a' }, update: { $set: { n: 9 } } } },
    { deleteOne: { filter: { name: 'c' } } },
  ]);
  await Model.updateOne({ name: 'e' }, { n: 1 }, { upsert: true });
  await Model.replaceOne({ name: 'b' }, { name: 'b', n: 5 });
  await Model.enrich(a._id, { tags: ['y'] });
  await Model.restore(a._id, { ov: 0 });
  await Model.deleteMany({ name: { $in: ['d', 'e'] } });
  expect(await numbers(Model)).toEqual(upTo(17));
});

test('writes that change nothing, fail or are aborted leave no gap', async () => {
  const Model = numberedModel();
  const a = await Model.create({ name: 'a', n: 0, tags: ['x'] });
  await Model.updateOne({ _id: a._id }, { $set: { n: 0 } });
  await Model.updateOne({ _id: a._id }, { $addToSet: { tags: 'x' } });
  await Model.updateMany({}, { $addToSet: { tags: 'x' } });
  await Model.updateOne({ name: 'none' }, { n: 1 });
  await Model.create({ _id: a._id, name: 'again' }).catch(() => undefined);
  await Model.updateOne({ _id: a._id }, { n: 1 }, { chronos: { expectedOv: 7 } }).catch(() => undefined);
  const session = await mongoose.startSession();
  session.startTransaction();
  await Model.updateOne({ _id: a._id }, { n: 1 }, { session, chronos: {} });
  await session.abortTransaction();
  await session.endSession();
  await Promise.all([
    Model.updateOne({ _id: a._id }, { $set: { n: 0 } }),
    Model.updateOne({ _id: a._id }, { $set: { n: 3 } }),
    Model.create({ name: 'b' }),
  ]);
  expect(await numbers(Model)).toEqual(upTo(3));
});

test('writers at the same time get numbers without gap or double, in the order of each document', async () => {
  const Model = numberedModel();
  const docs = await Model.insertMany(Array.from({ length: 4 }, () => ({ n: 0 })));
  const writer = async (w: number) => {
    for (let i = 0; i < 10; i++) await Model.updateOne({ _id: docs[(w + i) % 4]?._id }, { $inc: { n: 1 } });
  };
  await Promise.all(Array.from({ length: 16 }, (_, w) => writer(w)));
  expect(await numbers(Model)).toEqual(upTo(164));
  for (const { _id } of docs) {
    const cvs = (await Model.history(_id)).map(({ cv }) => cv ?? -1);
    expect(cvs).toEqual([...cvs].sort((a, b) => b - a));
  }
});

test('asOf({ cv }) is the state after that many writes, in every kind of read', async () => {
  const Model = numberedModel();
  const states: unknown[] = [];
  const remember = async () => states.push(await Model.find().sort('name').lean());
  const [a] = await Model.create([{ name: 'a', n: 0 }]);
  await remember();
  await Model.create({ name: 'b', n: 1 });
  await remember();
  await Model.updateOne({ name: 'a' }, { n: 2 });
  await remember();
  await Model.deleteOne({ name: 'b' });
  await remember();
  await Model.restore(a?._id, { cv: 0 });
  await remember();
  for (const [cv, state] of states.entries()) {
    const past = Model.asOf({ cv });
    expect(await past.find().sort('name').lean(), `cv ${cv}`).toEqual(state);
    expect(await past.countDocuments()).toBe((state as unknown[]).length);
    expect(await past.aggregate([{ $sort: { name: 1 } }])).toEqual(state);
  }
  expect((await Model.history(a?._id)).map(({ cv, op }) => [cv, op])).toEqual([
    [4, 'RESTORE'],
    [2, 'UPDATE'],
    [0, 'CREATE'],
  ]);
  expect(await Model.getAsOf(a?._id, { cv: 3 }, { lean: true })).toMatchObject({ n: 2 });
});

test('restoreCollection({ cv }) takes all documents back to it', async () => {
  const Model = numberedModel();
  await Model.create({ name: 'a', n: 0 });
  await Model.create({ name: 'b', n: 0 });
  const then = await Model.find().sort('name').lean();
  await Model.updateMany({}, { $inc: { n: 1 } });
  await Model.deleteOne({ name: 'b' });
  await Model.create({ name: 'c' });
  await Model.restoreCollection({ cv: 1 });
  expect(await Model.find().sort('name').lean()).toEqual(then);
  expect(await numbers(Model)).toEqual(upTo(9));
});
