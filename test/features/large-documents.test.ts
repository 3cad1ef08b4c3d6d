import type { Types } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import {
  type ChronosModelType,
  chronos,
  DocumentTooLargeError,
  ExternalizationError,
  StorageError,
} from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { shortened } from '../support/shortened.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Report {
  _id: Types.ObjectId;
  title: string;
  text?: string;
  pdf?: string;
  files?: { name: string; data: string }[];
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');
const TYPE = { contentType: 'application/pdf' };
const schema = new mongoose.Schema<Report, ChronosModelType<Report>>({
  title: { type: String, unique: true },
  text: String,
  pdf: String,
  files: { type: [{ _id: false, name: String, data: String }], default: undefined },
} as never);
schema.plugin(chronos, {
  indexed: ['title'],
  base64: { pdf: TYPE, 'files.data': TYPE },
  payload: { json, content, prefix: 'app' },
});
const Reports = mongoose.model<Report, ChronosModelType<Report>>('Report', schema);
await Reports.init();
// Whose the objects are is stored once, before all others.
await Reports.create({ title: 'first', pdf: 'YWJj' });

const MB = 1_000_000;
/** Base64 of so many bytes. */
const blob = (bytes: number, fill: string) => Buffer.alloc(bytes, fill).toString('base64');
/** So that a document is just above 12 MB. */
const LARGE = blob(9.1 * MB, 'large');
const OTHER = blob(9.1 * MB, 'other');
const HALF = blob(5 * MB, 'half');

beforeEach(async () => {
  json.isOn = true;
  content.isOn = true;
  content.beforePut = async () => {};
  await Reports.flush();
  await headsOf(Reports).deleteMany({});
  await recordsOf(Reports).deleteMany({});
});

const head = async () => (await headsOf(Reports).findOne({})) as unknown as Record<string, Record<string, unknown>>;

/** Every way to insert a document. */
const inserts: Record<string, (document: Partial<Report>) => Promise<unknown>> = {
  create: (document) => Reports.create(document),
  save: (document) => new Reports(document).save(),
  insertMany: (document) => Reports.insertMany([{ title: 'small' }, document]),
  'bulkWrite, insertOne': (document) =>
    Reports.bulkWrite([{ insertOne: { document: document as Report } }, { insertOne: { document: { title: 'small' } } }] as never), // biome-ignore format: short
  'native insertOne': (document) => Reports.collection.insertOne({ ...document } as never),
  'an opId': (document) => Reports.create([document], { chronos: { opId: `create ${document.title}` } }),
  'a transaction': (document) =>
    mongoose.connection.transaction(async (session) => void (await Reports.create([document], { session }))),
};

test.each(Object.keys(inserts))('a document above 12 MB is inserted by %s, its blobs first', async (name) => {
  const document = { title: name, text: 'x', pdf: LARGE, files: [{ name: 'a', data: 'YWJj' }] };
  const puts = content.calls.put;
  await inserts[name]?.(document);
  expect(content.calls.put - puts).toBe(2);
  const stored = await headsOf(Reports).findOne({ title: name });
  expect(Object.keys(stored ?? {})).not.toContain('text');
  const blobKey = expect.stringMatching(/^app\/reports\/[0-9a-f]{24}\/[0-9a-f]{8}\/v0\/pdf\/[0-9a-f]{8}\/blob\.bin$/);
  expect(stored).toMatchObject({ _system: { ov: 0, state: 'processed', blobs: [{ path: ['pdf'], blobKey }, {}] } });
  expect(shortened(await Reports.findOne({ title: name }).select('-_id -__v').lean())).toEqual(shortened(document));
  expect((await Reports.verify({ objects: true })).ok).toBe(true);
});

test('a document of 12 MB at most is committed as a whole', async () => {
  json.isOn = false;
  content.isOn = false;
  await Reports.create({ title: 'a', pdf: blob(8.9 * MB, 'x') });
  expect(await head()).toMatchObject({ _system: { state: 'new-not-synched' } });
});

test('while object storage is down a large document is refused before any write', async () => {
  content.isOn = false;
  for (const insert of Object.values(inserts).filter((_, index) => index !== 2 && index !== 3)) {
    await expect(insert({ title: 'a', pdf: LARGE })).rejects.toMatchObject({ name: 'StorageError', committed: false });
  }
  expect(await headsOf(Reports).countDocuments()).toBe(0);
  content.isOn = true;
  json.isOn = false;
  await expect(Reports.create({ title: 'a', pdf: LARGE })).rejects.toThrow(StorageError);
  expect(await headsOf(Reports).countDocuments()).toBe(0);
});

test('what is too large is refused before anything of it is stored', async () => {
  const puts = content.calls.put;
  await expect(Reports.create({ title: 'a', pdf: blob(16.8 * MB, 'x') })).rejects.toThrow(ExternalizationError);
  const five = Array.from({ length: 5 }, (_, n) => ({ name: `${n}`, data: blob(14 * MB, 'x') }));
  await expect(Reports.create({ title: 'a', files: five })).rejects.toThrow(ExternalizationError);
  await expect(Reports.create({ title: 'a', text: 'x'.repeat(17 * MB), pdf: HALF })).rejects.toThrow(
    DocumentTooLargeError,
  );
  await expect(Reports.create({ title: 'a', pdf: `*${LARGE}${LARGE}`.slice(0, 18 * MB) })).rejects.toThrow(
    DocumentTooLargeError,
  );
  expect(content.calls.put).toBe(puts);
});

test('what was not committed leaves objects that a sweep removes, and no others', async () => {
  await Reports.create({ title: 'a', pdf: LARGE });
  await Reports.sweep({ confirm: true, graceMs: 0 });
  const kept = await content.keys();
  await expect(Reports.create({ title: 'a', pdf: OTHER })).rejects.toThrow(/E11000/);
  const session = await mongoose.startSession();
  session.startTransaction();
  await Reports.create([{ title: 'b', pdf: OTHER }], { session });
  await session.abortTransaction();
  await session.endSession();
  expect(await content.keys()).toHaveLength(kept.length + 2);
  await Reports.sweep({ confirm: true, graceMs: 0 });
  expect(await content.keys()).toEqual(kept);
  expect(shortened(await Reports.findOne({ title: 'a' }).lean())).toMatchObject({ pdf: shortened(LARGE) });
});
