import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ChronosModelType,
  chronos,
  PayloadIntegrityError,
  PayloadMissingError,
  VersionNotFoundError,
} from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Author {
  _id: number;
  name: string;
  bio: string;
}
interface Book {
  _id: number;
  title: string;
  text: string;
  notes?: { page: number; words: string }[];
  cover?: string;
  author: number | Author;
}

const store = new SwitchedStore();
let now = new Date(0);
const day = (number: number) => new Date(Date.UTC(2026, 0, number));
const COVER = Buffer.from('a cover').toString('base64');

const authors = new mongoose.Schema<Author, ChronosModelType<Author>>({ _id: Number, name: String, bio: String });
const books = new mongoose.Schema<Book, ChronosModelType<Book>>({
  _id: Number,
  title: String,
  text: String,
  notes: [{ page: Number, words: String, _id: false }],
  cover: String,
  author: { type: Number, ref: 'Author' } as never,
});
for (const schema of [authors, books]) {
  (schema as typeof books).plugin(chronos, {
    indexed: ['title', 'name'],
    base64: { cover: { contentType: 'image/png' } },
    payload: { json: store },
    clock: { now: () => now },
  });
}
books.index({ title: 1 });
const Author = mongoose.model<Author, ChronosModelType<Author>>('Author', authors);
const Book = mongoose.model<Book, ChronosModelType<Book>>('Book', books);

async function offload(): Promise<void> {
  for (const model of [Author, Book]) {
    await model.flush();
    await model.markItemsAsProcessedByTTL(0, { confirm: true });
  }
}

/** Day 1: created. Day 2: changed. Day 3: 2 is deleted. All of it in object storage. */
beforeAll(async () => {
  now = day(1);
  await Author.create({ _id: 1, name: 'Ana', bio: 'young' });
  await Book.create([1, 2, 3].map((_id) => ({ _id, title: `b${_id}`, text: `text ${_id}`, cover: COVER, author: 1 })));
  now = day(2);
  await Author.updateOne({ _id: 1 }, { bio: 'old' });
  await Book.updateMany({}, { $push: { notes: { page: 1, words: 'a' } } });
  now = day(3);
  await Book.deleteOne({ _id: 2 });
  await offload();
  now = day(4);
});

const first = (_id: number) => ({
  _id,
  title: `b${_id}`,
  text: `text ${_id}`,
  cover: COVER,
  author: 1,
  notes: [],
  __v: 0,
});

test('history and single versions are whole', async () => {
  const history = await Book.history(2, { lean: true });
  expect(history.map(({ op, doc }) => [op, (doc as Book | null)?.notes?.length])).toEqual([
    ['DELETE', undefined],
    ['UPDATE', 1],
    ['CREATE', 0],
  ]);
  expect(await Book.getVersion(1, 0, { lean: true })).toEqual(first(1));
  expect(await Book.getAsOf(2, day(1), { lean: true })).toEqual(first(2));
  expect(await Book.getLatest(2, { lean: true, includeDeleted: true })).toMatchObject({ text: 'text 2', cover: COVER });
  expect(await Book.diff(1, 0, 1)).toEqual([
    { op: 'add', path: ['notes', 0], after: expect.objectContaining({ words: 'a' }) },
  ]);
});

describe('a read of the past', () => {
  test('gives whole documents, sorted, limited and one by one', async () => {
    const past = () => Book.asOf(day(1)).find({ title: { $in: ['b1', 'b2', 'b3'] } });
    expect(await past().lean()).toHaveLength(3);
    expect(await past().sort({ title: -1 }).limit(2).lean()).toEqual([first(3), first(2)]);
    const seen: unknown[] = [];
    for await (const book of past().sort('title').lean().cursor()) seen.push(book);
    expect(seen).toEqual([first(1), first(2), first(3)]);
    expect(await Book.asOf(day(1)).aggregate([{ $match: { title: 'b2' } }])).toEqual([first(2)]);
    expect(await Book.asOf(day(2)).find().sort('title').select('notes').lean()).toMatchObject(
      [1, 2, 3].map((_id) => ({ _id, notes: [{ page: 1, words: 'a' }] })),
    );
  });

  test('populates what is in object storage, as of the same instant', async () => {
    const then = await Book.asOf(day(1)).findOne({ title: 'b1' }).populate('author').lean();
    expect(then).toMatchObject({ text: 'text 1', author: { bio: 'young' } });
    expect(await Book.findOne({ title: 'b1' }).populate('author').lean()).toMatchObject({ author: { bio: 'old' } });
  });

  test('costs no object read where only what stays in MongoDB is asked for', async () => {
    const { get } = store.calls;
    expect(await Book.asOf(day(1)).find().sort('title').select('title').lean()).toHaveLength(3);
    expect(await Book.asOf(day(1)).countDocuments({ title: 'b2' })).toBe(1);
    expect(await Book.asOf(day(1)).distinct('title')).toHaveLength(3);
    expect(store.calls.get).toBe(get);
  });
});

test('documents are enriched, restored and written partly loaded', async () => {
  await Book.enrich(1, { notes: [{ page: 2, words: 'b' }] } as never);
  expect(await Book.findById(1).lean()).toMatchObject({
    text: 'text 1',
    cover: COVER,
    notes: [{ page: 1 }, { page: 2 }],
  });
  await Book.restore(1, { ov: 0 });
  expect(await Book.findById(1).lean()).toEqual(first(1));
  await offload();
  const partly = await Book.findById(3).select('title').orFail();
  partly.title = 'B3';
  await partly.save();
  expect(await Book.findById(3).lean()).toMatchObject({ title: 'B3', text: 'text 3', cover: COVER });
  await offload();
});

test('a collection is taken back to an instant', async () => {
  now = day(5);
  const report = await Book.restoreCollection({ at: day(2) });
  expect(report).toMatchObject({ restored: 2, recreated: 1, failed: 0 });
  const books = await Book.find().sort('title').lean();
  expect(books).toMatchObject([1, 2, 3].map((_id) => ({ _id, title: `b${_id}`, cover: COVER, notes: [{ page: 1 }] })));
  await offload();
  expect((await Book.verify()).ok).toBe(true);
  expect(await Book.restoreCollection({ at: day(5) })).toMatchObject({ restored: 0, recreated: 0 });
});

test('a collection of large documents is taken back some at a time', async () => {
  const large = Array.from({ length: 10 }, (_, n) => 100 + n);
  now = day(6);
  await Book.insertMany(large.map((_id) => ({ _id, title: 'large', text: 'x'.repeat(1_000_000), author: 1 })));
  await offload();
  now = day(7);
  await Book.updateMany({ title: 'large' }, { text: 'short' });
  await offload();
  now = day(8);
  const pages: number[] = [];
  const onProgress = ({ done }: { done: number }) => pages.push(done);
  const report = await Book.restoreCollection({ at: day(6) }, { filter: { title: 'large' }, onProgress });
  expect(report).toMatchObject({ restored: 10, failed: 0 });
  const sizes = pages.map((done, index) => done - (pages[index - 1] ?? 0));
  // Those of now are small; those of then come in pages of eight megabytes, whatever of them is in MongoDB.
  expect(sizes.filter((size) => size > 0)).toEqual([10, 8, 2]);
  expect((await Book.findById(100))?.text).toHaveLength(1_000_000);
  now = day(5);
  await Book.deleteMany({ title: 'large' });
});

test('records are compacted as they are', async () => {
  await Book.compact();
  expect(await Book.getVersion(2, 0, { lean: true })).toEqual(first(2));
});

test('blobs of any version are presigned, of one that is not stored yet too', async () => {
  const [current, before] = [await Book.presign(1), await Book.presign(1, { at: day(1), ttlSeconds: 60 })];
  expect(current).toEqual({ cover: { blobUrl: expect.stringMatching(/^data:image\/png/), expiresIn: 3_600 } });
  expect(before.cover?.expiresIn).toBe(60);
  await Book.create({ _id: 8, title: 'b8', cover: COVER, author: 1 });
  expect(await Book.presign(8, { ov: 0, projection: ['text'] })).toEqual({});
  expect(Object.keys(await Book.presign(8))).toEqual(['cover']);
  await expect(Book.presign(8, { ov: 1 })).rejects.toThrow(VersionNotFoundError);
});

test('a damaged or missing object is an error that names it, and no wrong document', async () => {
  const _id = 9;
  await Book.create({ _id, title: 'b9', text: 'text', author: 1 });
  await offload();
  const [key = ''] = (await store.keys()).filter((one) => one.includes('/n.9/'));
  const whole = Buffer.from(await store.get(key));
  whole[whole.length - 3] = (whole[whole.length - 3] as number) ^ 1;
  await store.put(key, whole);
  await expect(Book.findById(_id)).rejects.toThrow(PayloadIntegrityError);
  await store.delete(key);
  await expect(Book.find({ title: 'b9' }).lean()).rejects.toThrow(PayloadMissingError);
  expect(await Book.findById(_id).select('title').lean()).toEqual({ _id, title: 'b9' });
  await expect(Book.updateOne({ _id }, { text: 'other' })).rejects.toThrow(PayloadMissingError);
  await Book.deleteOne({ _id });
});
