import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

interface Doc {
  name: string;
  n: number;
}

const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ name: String, n: Number } as never, {
  strictQuery: true,
});
schema.plugin(chronos);
const Docs = mongoose.model<Doc, ChronosModelType<Doc>>('Doc', schema);
let before: Date;

beforeEach(async () => {
  await Docs.deleteMany({});
  await Docs.create([
    { name: 'a', n: 1 },
    { name: 'b', n: 1 },
  ]);
  before = new Date();
  await Docs.updateMany({}, { n: 2 });
});

const LOST: [string, object][] = [
  ['undefined', { name: undefined }],
  ['unknown', { title: 'a' }],
  ['undefined in a list of conditions', { $and: [{ n: 2 }, { name: undefined }] }],
  ['unknown in a list of conditions', { $and: [{ n: 2 }, { title: 'a' }] }],
  ['compared with undefined', { name: { $ne: undefined } }],
];

test.each(LOST)('a condition that is %s restores nothing', async (_title, filter) => {
  await expect(Docs.restoreCollection({ at: before }, { filter: filter as never })).rejects.toThrow(ConfigError);
  expect(await Docs.countDocuments({ n: 2 })).toBe(2);
});

test.each(LOST)('a condition that is %s erases nothing', async (_title, filter) => {
  await expect(Docs.hardDelete({ filter: filter as never }, { confirm: true })).rejects.toThrow(ConfigError);
  expect(await Docs.countDocuments({ n: 2 })).toBe(2);
});

test.each([undefined, null])('without any filter, %s, nothing is erased', async (filter) => {
  await expect(Docs.hardDelete({ filter } as never, { confirm: true })).rejects.toThrow(ConfigError);
  expect(await Docs.countDocuments()).toBe(2);
});

test('conditions that are meant are kept, those in lists too', async () => {
  const filter = { $or: [{ name: 'a' }, { $and: [{ n: '2' }, { name: { $in: ['a', null] } }] }] };
  expect(await Docs.restoreCollection({ at: before }, { filter })).toMatchObject({ restored: 1 });
  expect(await Docs.hardDelete({ filter: { $or: [{ name: 'a' }] } }, { confirm: true })).toMatchObject({
    documents: 1,
  });
});
