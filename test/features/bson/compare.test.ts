import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalKey } from '../../../src/bson/canonical-key.ts';
import { compareSortKeys, compareValues } from '../../../src/bson/compare.ts';
import { topLevel } from '../../../src/bson/exact.ts';
import { encodeDocument, oddRawValues, type RawValue } from '../../support/bson-arbitrary.ts';
import { testDatabase } from '../../support/database.ts';

const mongoose = await testDatabase();
const bson = mongoose.mongo.BSON;

/** Values of every type, and numbers that meet across types. */
const values: readonly unknown[] = [
  ...fc.sample(oddRawValues, { numRuns: 1500, seed: 1 }).map(decoded).filter(isOrderedLikeTheServer),
  ...['0.1', '1.10', '-0', '5.0', '5E+2', '9007199254740993', '1E-6000', '-1E+6000', 'NaN', 'Infinity'].map((text) =>
    bson.Decimal128.fromString(text),
  ),
  ...[0, -0, 0.1, 1.1, 500, 2 ** 53, 2 ** 53 + 2, Number.MIN_VALUE, Number.MAX_VALUE, Number.NaN, -Infinity, Infinity],
  ...['0', '500', '9007199254740993', '9223372036854775807'].map((text) => bson.Long.fromString(text)),
];

function decoded({ type, bytes }: RawValue): unknown {
  return topLevel(bson, encodeDocument([['v', { type, bytes }]]), 'v');
}

/** Documents that only their bytes tell apart (repeated keys and the like) have an order of their own. */
function isOrderedLikeTheServer(value: unknown): boolean {
  return !/x\d+:/.test(canonicalKey(value));
}

it('compareValues orders as the server sorts', async () => {
  const collection = mongoose.connection.collection('ordered');
  await collection.insertMany(values.map((v, index) => ({ _id: index as never, w: { v } })));
  const sorted = await collection.find({}, { sort: { w: 1 }, projection: { w: 0 } }).toArray();
  const order = sorted.map(({ _id }) => values[_id as unknown as number]);
  for (let i = 1; i < order.length; i++)
    expect([order[i - 1], order[i], compareValues(order[i - 1], order[i]) <= 0]).toEqual([
      order[i - 1],
      order[i],
      true,
    ]);
});

it('canonicalKey is the same exactly for values that the server groups together', async () => {
  const collection = mongoose.connection.collection('grouped');
  await collection.insertMany(values.map((v, index) => ({ _id: index as never, w: { v } })));
  const groups = await collection
    .aggregate([{ $group: { _id: '$w', members: { $push: '$_id' } } }, { $unset: '_id' }])
    .toArray();
  const keys = groups.map(({ members }) => new Set((members as number[]).map((index) => canonicalKey(values[index]))));
  for (const [index, key] of keys.entries()) expect([groups[index], key.size]).toEqual([groups[index], 1]);
  expect(new Set(keys.flatMap((key) => [...key])).size).toBe(groups.length);
});

it('canonicalKey is the same exactly for values that the server refuses as one _id', async () => {
  const collection = mongoose.connection.collection<{ _id: unknown }>('ids');
  const inserted = new Set<string>();
  for (const v of values.slice(-26)) {
    const key = canonicalKey({ v });
    const refused = await collection.insertOne({ _id: { v } }).then(
      () => false,
      () => true,
    );
    expect([v, refused]).toEqual([v, inserted.has(key)]);
    inserted.add(key);
  }
});

it.each([undefined, { locale: 'fr', strength: 2 }])(
  'compareSortKeys orders as the server does under collation %j',
  async (collation) => {
    const collection = mongoose.connection.collection('words');
    const words = [
      'e',
      'E',
      'é',
      'É',
      'z',
      'ae',
      'æ',
      '',
      'ß',
      'ss',
      '\u{1F4A5}',
      '\uFFFD',
      5,
      null,
      [],
      ['z', 'a'],
      { a: 'É' },
    ];
    await collection.deleteMany({});
    await collection.insertMany(
      words.flatMap((a, i) => words.map((b, j) => ({ a, b: typeof b === 'object' ? i : b, i, j }))),
    );
    const options = {
      sort: { a: 1, b: -1 },
      projection: { key: { $meta: 'sortKey' } },
      raw: true,
      ...(collation && { collation }),
    } as const;
    const raw = (await collection.find({}, options).toArray()) as unknown as Uint8Array[];
    const keys = raw.map((bytes) => topLevel(bson, bytes, 'key') as unknown[]);
    expect(keys).toHaveLength(words.length ** 2);
    for (let i = 1; i < keys.length; i++)
      expect(compareSortKeys(keys[i - 1]!, keys[i]!, [1, -1])).toBeLessThanOrEqual(0);
  },
);
