import { beforeAll, expect, test } from 'vitest';
import { finishing } from '../../src/offload/finishing-cursor.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const numbers = () =>
  mongoose.connection.getClient().db(mongoose.connection.name).collection<{ _id: number }>('numbers');

beforeAll(async () => {
  await numbers().insertMany([1, 2, 3, 4, 5].map((_id) => ({ _id })));
});

/** As a read finds batches of which documents are gone: the first of each, or all of them. */
const read = (left: (rows: readonly Uint8Array[]) => readonly Uint8Array[]) => {
  const cursor = numbers().find({}, { sort: { _id: 1 }, batchSize: 2 });
  return finishing(mongoose.mongo.BSON, cursor, async (rows) => left(rows));
};

test('a cursor ends where documents of its batches are gone', async () => {
  expect(await read((rows) => rows.slice(1)).toArray()).toEqual([{ _id: 2 }, { _id: 4 }]);
  expect(await read(() => []).toArray()).toEqual([]);
  expect(await read(() => []).next()).toBe(null);
  const seen: number[] = [];
  for await (const { _id } of read((rows) => rows.slice(0, -1))) seen.push(_id);
  expect(seen).toEqual([1, 3]);
});
