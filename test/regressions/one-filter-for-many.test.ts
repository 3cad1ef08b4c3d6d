import type { Model } from 'mongoose';
import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { upTo } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Item {
  _id: string;
  n: number;
  tags: string[];
  blob?: string;
}

const schema = () => new mongoose.Schema<Item>({ _id: String, n: Number, tags: [String], blob: String });
const Plain = mongoose.model('Plain', schema());
const Versioned = versioned(mongoose.model('Versioned', schema().plugin(chronos)));
const Numbered = versioned(mongoose.model('Numbered', schema().plugin(chronos, { collectionVersion: true })));

const numbers = upTo(2_999);
const ofMany = { n: { $in: numbers.map((n) => 1_000_000_000_000_000 + n) } };
const documents = numbers.slice(0, 1_000).map((n) => ({ _id: `${n}`, n: 1_000_000_000_000_000 + n }));
const plusOne = [{ $set: { n: { $add: ['$n', 1] } } }] as never;
const pipeline = { updatePipeline: true } as object;

test.each([
  ['by a pipeline', Versioned, (Model: Model<Item>) => Model.updateMany(ofMany, plusOne, pipeline)],
  ['that collects a functionId', Versioned, (Model: Model<Item>) => addOne(Model, { functionId: 'f' })],
  ['that numbers versions', Numbered, (Model: Model<Item>) => addOne(Model, {})],
] as const)('an updateMany %s takes a filter of any size', async (_title, Model, write) => {
  await Model.insertMany(documents);
  expect(await write(Model as never)).toMatchObject({ matchedCount: 1_000, modifiedCount: 1_000 });
  expect(await Model.verify()).toMatchObject({ ok: true, versions: 2_000 });
  await Model.collection.drop();
});

function addOne(Model: Model<Item>, chronos: object): Promise<unknown> {
  return Model.updateMany(ofMany, { $inc: { n: 1 } }, { chronos } as object).exec();
}

const caseless = { collation: { locale: 'en', strength: 2 } };
const twins = upTo(9).flatMap((n) => [`a${n}`, `A${n}`]);
/** So large that they do not fit into one transaction. */
const blobOf = (_id: string) => (/[01]$/.test(_id) ? { blob: 'x'.repeat(3_000_000) } : {});

const WRITES: Readonly<Record<string, (Model: Model<Item>) => Promise<unknown>>> = {
  'updateMany by operators': (Model) => Model.updateMany({ tags: 'X' }, { $inc: { n: 1 } }, caseless),
  'updateMany by a pipeline': (Model) => Model.updateMany({ tags: 'X' }, plusOne, { ...caseless, ...pipeline }),
  'updateMany that adds to a set': (Model) => Model.updateMany({}, { $addToSet: { tags: 'X' } }, caseless),
  updateOne: (Model) => Model.updateOne({ _id: 'A7' }, { $addToSet: { tags: 'y' } }, caseless),
  findOneAndUpdate: (Model) =>
    Model.findOneAndUpdate(
      { _id: 'a8', n: { $gt: 0 } },
      { $pull: { tags: 'X' } },
      { ...caseless, sort: { _id: -1 } },
    ).lean(),
  deleteOne: (Model) => Model.deleteOne({ _id: 'A9' }, caseless),
  deleteMany: (Model) => Model.deleteMany({ _id: { $in: ['A1', 'a2'] } }, caseless),
};

test('under a collation, ids that are equal stay two documents', async () => {
  const [plain, versionedOne] = [Plain, Versioned] as unknown as [Model<Item>, Model<Item>];
  for (const Model of [plain, versionedOne]) {
    await Model.insertMany(twins.map((_id) => ({ _id, n: 1, tags: ['x'], ...blobOf(_id) })));
  }
  for (const [name, write] of Object.entries(WRITES)) {
    const expected = await write(plain);
    expect(await write(versionedOne), name).toEqual(expected);
    const [left, right] = [await versionedOne.find().sort('_id').lean(), await plain.find().sort('_id').lean()];
    expect(JSON.stringify(left) === JSON.stringify(right), name).toBe(true);
  }
  expect(await Versioned.verify()).toMatchObject({ ok: true, findings: [] });
});
