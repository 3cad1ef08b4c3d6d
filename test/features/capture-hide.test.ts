import { expect, test } from 'vitest';
import { chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const fields = { _id: Number, n: Number, s: String, list: [{ k: Number, v: String }], sub: { a: Number, b: Number } };
const Plain = mongoose.model('PlainShown', new mongoose.Schema(fields));
const Versioned = mongoose.model('VersionedShown', new mongoose.Schema(fields).plugin(chronos));
const documents = [1, 2, 3].map((_id) => ({
  _id,
  n: _id,
  s: `text ${_id}`,
  list: [1, 2, 3].map((k) => ({ k, v: `${k}` })),
  sub: { a: _id, b: -_id },
}));
for (const model of [Plain, Versioned]) {
  await model.collection.createIndex({ s: 'text' });
  await model.collection.insertMany(documents.map((document) => structuredClone(document)) as never[]);
}

const decimalZero = mongoose.mongo.Decimal128.fromString('0');
const projections: [object | undefined, object?][] = [
  [undefined],
  [{}],
  [{ n: 1 }],
  [{ n: 0 }],
  [{ n: true }],
  [{ n: false }],
  [{ n: decimalZero }],
  [{ n: new mongoose.mongo.Long(0) }],
  [{ _id: 0 }],
  [{ _id: 1 }],
  [{ _id: 0, n: 1 }],
  [{ _id: 1, n: 0 }],
  [{ _id: 0, n: 0 }],
  [{ 'sub.a': 1 }],
  [{ 'sub.a': 0 }],
  [{ sub: { a: 1 } }],
  [{ sub: { a: 0 } }],
  [{ sub: { a: { $slice: 1 } } }],
  [{ sub: { a: { $add: [1, 1] } } }],
  [{ sub: [0] }],
  [{ list: { $slice: 1 } }],
  [{ list: { $slice: [1, 1] } }],
  [{ list: { $slice: 1 }, n: 1 }],
  [{ list: { $slice: 1 }, n: 0 }],
  [{ list: { $slice: 1 }, _id: 0 }],
  [{ list: { $slice: ['$list', 1] } }],
  [{ list: { $elemMatch: { k: 2 } } }],
  [{ list: { $elemMatch: { k: 2 } }, n: 1 }],
  [{ 'list.$': 1 }, { 'list.k': 2 }],
  [{ score: { $meta: 'textScore' } }, { $text: { $search: 'text' } }],
  [{ score: { $meta: 'textScore' }, n: 1 }, { $text: { $search: 'text' } }],
  [{ sum: { $add: ['$n', 1] } }],
  [{ literal: 'text' }],
  [{ copy: '$n' }],
];

test.each(projections)(
  'a read with the projection %j shows what it shows without history',
  async (projection, filter = {}) => {
    const options = { sort: { _id: 1 }, ...(projection === undefined ? {} : { projection }) } as const;
    const read = async (model: typeof Plain) => ({
      find: await model.collection.find(filter, options as object).toArray(),
      findOne: await model.collection.findOne(filter, options as object),
      lean: await model
        .find(filter, projection, { sort: { _id: 1 }, strictQuery: false })
        .lean()
        .catch(String),
      // Projected by the write that returns the document; `$` and text scores are for reads alone.
      update: await model.collection
        .findOneAndUpdate({ _id: 1 as never, ...filter }, { $set: { n: 1 } }, options as object)
        .catch(({ code }) => code),
    });
    expect(await read(Versioned as unknown as typeof Plain)).toEqual(await read(Plain));
  },
);

const pipelines: object[][] = [
  [{ $match: { n: { $gt: 1 } } }],
  [{ $sort: { n: -1 } }, { $limit: 1 }],
  [{ $project: { n: 1 } }],
  [{ $project: { n: 0 } }],
  [{ $set: { m: 1 } }],
  [{ $group: { _id: '$n', all: { $sum: 1 } } }, { $sort: { _id: 1 } }],
  [{ $sort: { n: 1 } }, { $group: { _id: null, all: { $push: '$$ROOT' } } }],
  [{ $count: 'n' }],
  [{ $sortByCount: '$sub' }, { $sort: { _id: 1 } }],
  [{ $bucket: { groupBy: '$n', boundaries: [0, 2, 9], output: { all: { $push: '$$CURRENT' } } } }],
  [{ $unwind: '$list' }, { $sort: { _id: 1, 'list.k': 1 } }],
  [{ $replaceWith: '$sub' }],
  [{ $facet: { a: [{ $match: { n: 1 } }], b: [{ $count: 'n' }] } }],
  [{ $sort: { n: 1 } }, { $project: { fields: { $objectToArray: '$$ROOT' } } }],
];

test.each(pipelines.map((pipeline) => [pipeline]))(
  'an aggregate %j gives what it gives without history',
  async (pipeline) => {
    const read = (model: typeof Plain) => model.aggregate(structuredClone(pipeline) as never);
    expect(await read(Versioned as unknown as typeof Plain)).toEqual(await read(Plain));
  },
);

test('documents that a join brings in are shown without it too', async () => {
  const from = Versioned.collection.collectionName;
  const joined = await Plain.aggregate([
    { $lookup: { from, localField: '_id', foreignField: '_id', as: 'joined' } },
    { $unionWith: from },
  ]);
  // Read through a model without history, a collection with history shows all that it holds.
  expect(JSON.stringify(joined)).toContain('_system');
  const own = await Versioned.aggregate([
    { $lookup: { from, localField: '_id', foreignField: '_id', as: 'joined' } },
    { $graphLookup: { from, startWith: '$n', connectFromField: 'n', connectToField: 'n', as: 'graph' } },
    { $unionWith: from },
  ]);
  expect(own).toHaveLength(6);
  expect(JSON.stringify(own)).not.toContain('_system');
});
