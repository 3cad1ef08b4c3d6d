import type { Types } from 'mongoose';
import { expect, test } from 'vitest';
import { type ChronosModelType, chronos, DocumentTooLargeError, StorageError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { shortened } from '../support/shortened.ts';
import { headsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Report {
  _id: Types.ObjectId;
  title: string;
  count?: number;
  text?: string;
  pdf?: string;
  files?: { name: string; data: string }[];
}

const store = new SwitchedStore();
const TYPE = { contentType: 'application/pdf' };
const schema = new mongoose.Schema<Report, ChronosModelType<Report>>(
  {
    title: { type: String, unique: true },
    count: Number,
    text: String,
    pdf: String,
    files: { type: [{ _id: false, name: String, data: String }], default: undefined },
  } as never,
  { versionKey: false } as never,
);
schema.plugin(chronos, {
  indexed: ['title', 'count'],
  base64: { pdf: TYPE, 'files.data': TYPE },
  payload: { json: store, prefix: 'app' },
});
const Reports = mongoose.model<Report, ChronosModelType<Report>>('Report', schema);
await Reports.init();

const MB = 1_000_000;
const blob = (bytes: number, fill: string) => Buffer.alloc(bytes, fill).toString('base64');
/** So that a document is just above 12 MB, or above what MongoDB takes. */
const GROWN = blob(9.1 * MB, 'grown');
const LARGE = blob(14 * MB, 'large');
const OTHER = blob(MB, 'other');
const blobsPut = async () => (await store.keys()).filter((key) => key.endsWith('blob.bin')).length;
const wholeOf = async (title: string) => {
  const { _id, ...content } = (await Reports.findOne({ title }).lean()) as Report;
  return shortened(content);
};
const stateOf = async (title: string) =>
  (await headsOf(Reports).findOne({ title }))?._system as Record<string, unknown>;

type Write = (small: Types.ObjectId, title: string) => Promise<unknown>;

/** Every way to make a small document a large one. */
const growing: Record<string, Write> = {
  save: async (_id) => {
    const found = (await Reports.findById(_id)) as Report & { save(): Promise<unknown> };
    found.pdf = GROWN;
    await found.save();
  },
  updateOne: (_id) => Reports.updateOne({ _id }, { $set: { pdf: GROWN } }),
  updateMany: (_, title) => Reports.updateMany({ title }, { $set: { pdf: GROWN } }),
  replaceOne: (_id, title) => Reports.replaceOne({ _id }, { title, count: 1, text: 'x', pdf: GROWN }),
  findOneAndUpdate: async (_id) => {
    const after = await Reports.findByIdAndUpdate(_id, { $set: { pdf: GROWN } }, { returnDocument: 'after' }).lean();
    expect(shortened(after?.pdf)).toBe(shortened(GROWN));
  },
  findOneAndReplace: async (_id, title) => {
    const replacement = { title, count: 1, text: 'x', pdf: GROWN };
    expect(await Reports.findOneAndReplace({ _id }, replacement).lean()).not.toHaveProperty('pdf');
  },
  'bulkWrite updateOne': (_id) => Reports.bulkWrite([{ updateOne: { filter: { _id }, update: { $set: { pdf: GROWN } } } }]), // biome-ignore format: short
  enrich: (_id) => Reports.enrich(_id, { pdf: GROWN }),
  'a transaction': (_id) =>
    mongoose.connection.transaction(async (session) => {
      await Reports.updateOne({ _id }, { $set: { pdf: GROWN } }, { session });
      expect(shortened((await Reports.findById(_id).session(session))?.pdf)).toBe(shortened(GROWN));
    }),
};

test.each(Object.keys(growing))('a document that grows above 12 MB by %s is stored first', async (title) => {
  const { _id } = await Reports.create({ title, count: 1, text: 'x' });
  const before = await blobsPut();
  await growing[title]?.(_id, title);
  expect((await blobsPut()) - before).toBe(1);
  expect(await stateOf(title)).toMatchObject({ ov: 1, state: 'processed', blobs: [{ path: ['pdf'] }] });
  expect(await wholeOf(title)).toEqual({ title, count: 1, text: 'x', pdf: shortened(GROWN) });
  expect(await Reports.getVersion(_id, 0, { lean: true })).toEqual({ _id, title, count: 1, text: 'x' });
});

test('a large document is inserted by an upsert, whatever its filter', async () => {
  const update = { $set: { pdf: GROWN }, $setOnInsert: { count: 1 } };
  const { upsertedId } = await Reports.updateOne({ title: 'upsert' }, update, { upsert: true });
  expect(await wholeOf('upsert')).toEqual({ title: 'upsert', count: 1, pdf: shortened(GROWN) });
  expect(await Reports.exists({ title: 'upsert' })).toEqual({ _id: upsertedId });
  const made = await Reports.findOneAndReplace(
    { title: 'up' },
    { title: 'up', pdf: GROWN },
    { upsert: true, returnDocument: 'after' },
  );
  expect(shortened(made?.pdf)).toBe(shortened(GROWN));
  expect(await Reports.updateMany({ title: 'many' }, { pdf: GROWN }, { upsert: true })).toMatchObject({
    upsertedCount: 1,
  });
});

test('a large document changes by every operator that leaves its blobs alone, and they stay where they are', async () => {
  const files = [{ name: 'a', data: OTHER }, { name: 'b', data: 'YWJj' }]; // biome-ignore format: short
  const { _id } = await Reports.create({ title: 'l', count: 1, text: 'x', pdf: LARGE, files });
  const before = await blobsPut();
  await Reports.updateOne({ _id }, { $inc: { count: 1 }, $set: { text: 'y' } });
  await Reports.updateMany({ title: 'l' }, [{ $set: { text: { $concat: ['$text', 'z'] } } }] as never, { updatePipeline: true } as never); // biome-ignore format: short
  expect(await Reports.findByIdAndUpdate(_id, { $inc: { count: 1 } }, { select: 'count' }).lean()).toEqual({
    _id,
    count: 2,
  });
  await Reports.updateOne({ _id }, { $push: { files: { $each: [{ name: 'c', data: 'ZGVm' }], $position: 0 } } });
  await Reports.updateOne({ _id, title: 'l' }, { $set: { 'files.1.name': 'A' } });
  const doc = (await Reports.findById(_id)) as Report & { save(): Promise<unknown> };
  doc.text = 'saved';
  await doc.save();
  await Reports.enrich(_id, { text: 'enriched' });
  expect(await wholeOf('l')).toEqual(
    shortened({
      title: 'l',
      count: 3,
      text: 'enriched',
      pdf: LARGE,
      files: [{ name: 'c', data: 'ZGVm' }, { name: 'A', data: OTHER }, files[1]],
    }),
  );
  expect((await blobsPut()) - before).toBe(1);
  expect(await Reports.updateOne({ _id }, { $set: { text: 'enriched' } })).toMatchObject({ modifiedCount: 0 });
  expect(await stateOf('l')).toMatchObject({ ov: 7 });
  await expect(Reports.updateOne({ _id }, { $rename: { pdf: 'text' } })).rejects.toThrow(DocumentTooLargeError);

  await Reports.updateOne({ _id }, { $unset: { pdf: 1 }, $set: { 'files.1.data': 'YWJj' } });
  expect(await stateOf('l')).toMatchObject({ ov: 8, state: expect.stringMatching(/^new/) });
  expect(await Reports.restore(_id, { ov: 0 })).toMatchObject({ title: 'l', count: 1 });
  expect(shortened((await Reports.findById(_id).lean())?.pdf)).toBe(shortened(LARGE));
  await Reports.deleteOne({ _id });
  await Reports.restore(_id, { ov: 3 });
  expect(shortened(await Reports.findById(_id).lean())).toMatchObject({ text: 'yz', pdf: shortened(LARGE) });
  expect(await Reports.findOneAndDelete({ _id }).select('title').lean()).toMatchObject({ title: 'l' });
  expect((await Reports.verify({ objects: true })).ok).toBe(true);
  await Reports.hardDelete({ id: _id }, { confirm: true });
  expect((await store.keys(`app/reports/${_id}`)).length).toBe(0);
}, 60_000);

test('many updates of a large document at once all take effect', async () => {
  const { _id } = await Reports.create({ title: 'busy', count: 0, pdf: GROWN });
  await Promise.all(Array.from({ length: 4 }, () => Reports.updateOne({ _id }, { $inc: { count: 1 } })));
  expect(await stateOf('busy')).toMatchObject({ ov: 4 });
  expect(await wholeOf('busy')).toEqual({ title: 'busy', count: 4, pdf: shortened(GROWN) });
});

test('while object storage is down what would make a document large is refused, and others are not', async () => {
  const { _id } = await Reports.create({ title: 'down', count: 0 });
  await Reports.flush();
  store.isOn = false;
  try {
    await expect(Reports.updateOne({ _id }, { $set: { pdf: GROWN } })).rejects.toThrow(StorageError);
    await expect(Reports.replaceOne({ _id }, { title: 'down', pdf: GROWN })).rejects.toMatchObject({
      committed: false,
    });
    await Reports.updateOne({ _id }, { $set: { pdf: 'YWJj' } });
  } finally {
    store.isOn = true;
  }
  expect(await stateOf('down')).toMatchObject({ ov: 1 });
});
