import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathsOfSort } from '../../../src/offload/needed-paths.ts';
import { coveredBy, filterPaths, projectionPaths } from '../../../src/payload/covered-by.ts';
import { payloadMap } from '../../../src/payload/payload-map.ts';
import { splitDocument } from '../../../src/payload/split-document.ts';
import { testDatabase } from '../../support/database.ts';

const mongoose = await testDatabase();
const bson = mongoose.mongo.BSON;
const map = payloadMap({ indexed: ['a', 'b.c', 'b.d.e'], base64: { 'x.y': { contentType: 'image/png' } } });
const locate = () => ({ contentBucket: 'content', blobKey: 'k' });

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(0, 1, 2, 'YQ==', 'text', null, true, false),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('c', 'd', 'e', 'y'), tie('value'), { maxKeys: 3 }),
  ),
}));
const documents = fc.sample(fc.dictionary(fc.constantFrom('a', 'b', 'x', 'z'), value), { numRuns: 600, seed: 7 });
const stored = documents.map((document, _id) => bson.serialize({ _id, ...document }));
const decode = (bytes: Uint8Array) => bson.deserialize(bytes, { promoteValues: false });
const whole = mongoose.connection.collection<{ _id: number }>('whole');
const inline = mongoose.connection.collection<{ _id: number }>('inline');
await whole.insertMany(stored.map((bytes) => decode(bytes) as never));
await inline.insertMany(stored.map((bytes) => decode(splitDocument(bytes, { map, locate }).inline) as never));

const conditions = [
  1, null, 'text', [1], [], { c: 1 }, false, { $exists: false }, { $exists: true }, { $ne: 1 }, { $ne: null }, { $gt: 0 }, { $lte: 1 },
  { $in: [1, null] }, { $nin: [1, null] }, { $type: 'array' }, { $type: 'object' }, { $type: 'null' }, { $size: 0 }, { $size: 1 },
  { $not: { $gt: 0 } }, { $elemMatch: { $gt: 0 } }, { $elemMatch: { e: 1 } }, { $all: [1] }, { $not: { $exists: true } }, { $regex: 't' },
]; // biome-ignore format: one line of them is enough
const paths = ['a', 'a.c', 'a.0', 'b.c', 'b.c.e', 'b.c.0', 'b.d.e', 'b.d.e.y'];
const elementConditions = [{ c: 1 }, { c: null }, { 'd.e': { $exists: false } }, { c: { $ne: 1 }, 'd.e': null }];

const filters: readonly Record<string, unknown>[] = [
  ...paths.flatMap((path) => conditions.map((condition) => ({ [path]: condition }))),
  ...elementConditions.flatMap((inner) => [{ b: { $elemMatch: inner } }, { b: { $not: { $elemMatch: inner } } }]),
  { $and: [{ a: 1 }, { $nor: [{ 'b.c': 1 }, { 'b.d.e': null }] }] },
];

describe('the part of a document that stays in Mongo', () => {
  it.each(filters)('meets %j as the whole document does', async (filter) => {
    expect(coveredBy(map, filterPaths(filter))).toBe(true);
    const ids = async (collection: typeof whole) => (await collection.find(filter as never, { sort: { _id: 1 }, projection: { _id: 1 } }).toArray()).map(({ _id }) => _id); // biome-ignore format: short
    expect(await ids(inline)).toEqual(await ids(whole));
  });

  it.each([{ a: 1 }, { 'b.c': -1 }, { 'b.d.e': 1 }])('sorts by %j as the whole document does', async (sort) => {
    expect(coveredBy(map, pathsOfSort(sort))).toBe(true);
    const ids = async (collection: typeof whole) => (await collection.find({}, { sort: { ...sort, _id: 1 } as never }).toArray()).map(({ _id }) => _id); // biome-ignore format: short
    expect(await ids(inline)).toEqual(await ids(whole));
  });

  it.each([{ a: 1 }, { 'b.c': 1 }, { 'b.d.e': true, _id: 0 }, { 'a.c': 1, 'b.d.e.y': 1 }])(
    'shows %j as the whole document does',
    async (projection) => {
      expect(coveredBy(map, projectionPaths(projection))).toBe(true);
      const shown = (collection: typeof whole) =>
        collection.find({}, { sort: { _id: 1 }, projection: projection as never }).toArray();
      expect(await shown(inline)).toEqual(await shown(whole));
    },
  );
});
