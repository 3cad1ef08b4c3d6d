import type { mongo, Types } from 'mongoose';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos, StorageError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Note {
  _id: Types.ObjectId;
  title: string;
  body: string;
  tags: string[];
  file?: string;
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');
let now = new Date('2026-01-01T00:00:00Z');

const schema = new mongoose.Schema<Note, ChronosModelType<Note>>({
  title: String,
  body: String,
  tags: [String],
  file: String,
});
schema.plugin(chronos, {
  indexed: ['title'],
  base64: { file: { contentType: 'application/pdf' } },
  payload: { json, content, prefix: 'app' },
  clock: { now: () => now },
});
const Notes = mongoose.model<Note, ChronosModelType<Note>>('Note', schema);
const heads = () => mongoose.connection.collection('notes');
const records = () => mongoose.connection.collection('notes_ver');

beforeEach(async () => {
  json.isOn = true;
  content.isOn = true;
  json.beforePut = async () => {};
  json.beforeGet = async () => {};
  now = new Date('2026-01-01T00:00:00Z');
  await Notes.flush();
  await heads().deleteMany({});
  await records().deleteMany({});
});

const FILE = Buffer.from('%PDF-1.7 whatever').toString('base64');
const stored = async () => (await heads().findOne({})) as unknown as Record<string, Record<string, unknown>>;

async function processed(title = 'a'): Promise<Types.ObjectId> {
  const { _id } = await Notes.create({ title, body: 'text', tags: ['x', 'y'], file: FILE });
  await Notes.flush();
  expect(await Notes.markItemAsProcessed(_id, { confirm: true })).toBe(true);
  return _id;
}

describe('a version', () => {
  test('is in MongoDB alone, then in object storage too, then only in part in MongoDB', async () => {
    json.isOn = false;
    const { _id } = await Notes.create({ title: 'a', body: 'text', tags: ['x'], file: FILE });
    expect(await stored()).toMatchObject({ body: 'text', _system: { state: 'new-not-synched' } });
    json.isOn = true;
    await Notes.flush();
    const key = expect.stringMatching(new RegExp(`^app/notes/${_id}/[0-9a-f]{8}/v0/item.json$`));
    expect(await stored()).toMatchObject({ body: 'text', file: FILE, _system: { state: 'new', payload: { key } } });
    await Notes.markItemAsProcessed(_id, { confirm: true });
    const left = await stored();
    expect(Object.keys(left)).toEqual(['_id', 'title', '__v', '_system']);
    expect(left._system).toMatchObject({ state: 'processed', ov: 0, payload: { key }, blobs: [{ path: ['file'] }] });
  });

  test('of a document that goes on to change is stored as well', async () => {
    json.isOn = false;
    const note = await Notes.create({ title: 'a', body: '0', tags: [] });
    for (const body of ['1', '2']) await Notes.updateOne({ _id: note._id }, { body });
    await Notes.deleteOne({ _id: note._id });
    json.isOn = true;
    await Notes.flush();
    const rows = await records()
      .find({}, { sort: { '_id.ov': 1 } })
      .toArray();
    expect(rows.map(({ _system }) => _system.state)).toEqual(['new', 'new', 'new', undefined]);
    expect(await json.keys(`app/notes/${note._id}/`)).toHaveLength(3);
  });

  test('that repeats what the one before has stored refers to it', async () => {
    const { _id } = await Notes.create({ title: 'a', body: 'same', tags: [], file: FILE });
    await Notes.flush();
    await Notes.updateOne({ _id }, { title: 'b' });
    await Notes.flush();
    await Notes.restore(_id, { ov: 0 });
    await Notes.flush();
    expect(await json.keys(`app/notes/${_id}/`)).toHaveLength(2);
    expect(await content.keys(`app/notes/${_id}/`)).toHaveLength(1);
    await Notes.markItemAsProcessed(_id, { confirm: true });
    expect(await Notes.findById(_id).lean()).toMatchObject({ title: 'a', body: 'same', file: FILE });
    expect(await Notes.getVersion(_id, 1, { lean: true })).toMatchObject({ title: 'b', file: FILE });
  });

  test('is marked only by those who mean it', async () => {
    await Notes.create({ title: 'a', body: 'b', tags: [] });
    await Notes.flush();
    await expect(Notes.markItemsAsProcessedByTTL(0, {})).rejects.toThrow(ConfigError);
    now = new Date('2026-01-01T01:30:00Z');
    expect(await Notes.markItemsAsProcessedByTTL(1, { dryRun: true })).toEqual({ itemsProcessed: 1, dryRun: true });
    expect(await stored()).toHaveProperty('body');
    expect(await Notes.markItemsAsProcessedByTTL(2, { confirm: true })).toMatchObject({ itemsProcessed: 0 });
    expect(await Notes.markItemsAsProcessedByTTL(1, { confirm: true })).toMatchObject({ itemsProcessed: 1 });
    expect(await stored()).not.toHaveProperty('body');
  });

  test('stays whole in MongoDB where its object is not what was stored', async () => {
    const { _id } = await Notes.create({ title: 'a', body: 'b', tags: [] });
    await Notes.flush();
    const [key = ''] = await json.keys(`app/notes/${_id}/`);
    await json.put(key, Buffer.from('other'));
    expect(await Notes.markItemAsProcessed(_id, { confirm: true })).toBe(false);
    expect(await stored()).toMatchObject({ body: 'b' });
  });
});

test('versions whose objects cannot be read hold up no others that are to leave MongoDB', async () => {
  const notes = await Notes.create(Array.from({ length: 12 }, (_, n) => ({ title: `${n}`, body: 'b', tags: [] })));
  await Notes.flush();
  const odd = String(notes[3]?._id);
  json.beforeGet = async (key) => {
    if (key.includes(odd)) throw new StorageError({ message: 'Forbidden', store: json.name, key, retryable: false });
  };
  await expect(Notes.markItemsAsProcessedByTTL(0, { confirm: true })).rejects.toThrow('Forbidden');
  expect(await heads().countDocuments({ '_system.state': 'processed' })).toBe(11);
  json.beforeGet = async () => {};
  expect(await Notes.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 1 });
});

describe('a document whose payload is in object storage', () => {
  test('reads as before', async () => {
    const _id = await processed();
    const whole = { _id, title: 'a', body: 'text', tags: ['x', 'y'], file: FILE, __v: 0 };
    expect(await Notes.findById(_id).lean()).toEqual(whole);
    expect((await Notes.findOne({ title: 'a' }))?.toObject()).toEqual(whole);
    expect(await Notes.find({ title: 'a' }).sort('title').lean()).toEqual([whole]);
    expect(await Notes.find().select('body').lean()).toEqual([{ _id, body: 'text' }]);
    expect(await Notes.find().select('-tags -file').lean()).toEqual([{ _id, title: 'a', body: 'text', __v: 0 }]);
    const computed = await Notes.find({}, { length: { $strLenCP: '$body' } } as never).lean();
    expect(computed).toEqual([{ _id, length: 4 }]);
    const seen: unknown[] = [];
    for await (const note of Notes.find().lean().cursor()) seen.push(note);
    expect(seen).toEqual([whole]);
    expect(await Notes.aggregate([{ $match: { title: 'a' } }, { $limit: 5 }])).toEqual([whole]);
    expect(await Notes.asOf(now).find({ title: 'a' }).sort('title').lean()).toEqual([whole]);
    expect(await Notes.getLatest(_id, { lean: true })).toEqual(whole);
  });

  test('costs no object read where only what stays in MongoDB is asked for', async () => {
    await processed();
    json.isOn = false;
    expect(await Notes.find().select('title').lean()).toMatchObject([{ title: 'a' }]);
    expect(await Notes.countDocuments({ title: 'a' })).toBe(1);
    expect(await Notes.distinct('title')).toEqual(['a']);
    expect(await Notes.aggregate([{ $group: { _id: '$title', n: { $sum: 1 } } }])).toEqual([{ _id: 'a', n: 1 }]);
  });

  test('is what cursors of the driver give, whatever they are told later', async () => {
    const _id = await processed();
    const native = Notes.collection as unknown as mongo.Collection<Note>;
    const cursor = native.find({});
    cursor.project({ body: 1 });
    expect(await cursor.clone().toArray()).toEqual([{ _id, body: 'text' }]);
    expect(await cursor.toArray()).toEqual([{ _id, body: 'text' }]);
    expect(() => native.find({}).sort({ body: 1 })).toThrow(ConfigError);
    expect(() => native.find({}).filter({ body: 'text' })).toThrow(ConfigError);
    expect(await native.find({}).filter({ title: 'b' }).toArray()).toEqual([]);
  });

  test('is changed as a whole', async () => {
    const _id = await processed();
    await Notes.updateOne({ _id }, { $push: { tags: 'z' } });
    expect(await Notes.findById(_id).lean()).toMatchObject({ body: 'text', tags: ['x', 'y', 'z'], file: FILE });
    expect(await Notes.getVersion(_id, 0, { lean: true })).toMatchObject({ tags: ['x', 'y'] });
    expect((await Notes.history(_id)).map(({ ov }) => ov)).toEqual([1, 0]);
  });

  test('refers to nothing that a change has taken away', async () => {
    const _id = await processed();
    json.beforePut = async () => {
      throw new StorageError({ message: 'Not yet', store: json.name, retryable: true });
    };
    await Notes.updateOne({ _id }, { $unset: { file: 1 } });
    expect((await stored())._system).not.toHaveProperty('payload');
    json.beforePut = async () => {};
    await Notes.flush();
    await Notes.markItemAsProcessed(_id, { confirm: true });
    expect((await stored())._system).not.toHaveProperty('blobs');
    expect(await Notes.findById(_id).lean()).toEqual({ _id, title: 'a', body: 'text', tags: ['x', 'y'], __v: 0 });
  });

  test('is deleted without it, and restored with it', async () => {
    const _id = await processed();
    json.isOn = false;
    await Notes.deleteOne({ _id });
    json.isOn = true;
    await Notes.restore(_id, { ov: 0 });
    expect(await Notes.findById(_id).lean()).toMatchObject({ body: 'text', file: FILE });
  });

  test('is not looked for by what is there', async () => {
    await processed();
    await expect(Notes.find({ body: 'text' })).rejects.toThrow(/"body" of notes.*Add "body" to indexed/);
    await expect(Notes.find().sort('body')).rejects.toThrow(ConfigError);
    await expect(Notes.updateMany({ tags: 'x' }, { title: 'b' })).rejects.toThrow(ConfigError);
    await expect(Notes.distinct('tags')).rejects.toThrow(ConfigError);
    await expect(Notes.countDocuments({ $expr: { $eq: ['$body', 'text'] } })).rejects.toThrow(ConfigError);
    await expect(Notes.aggregate([{ $match: { body: 'text' } }])).rejects.toThrow(ConfigError);
    await expect(Notes.aggregate([{ $group: { _id: '$tags' } }])).rejects.toThrow(ConfigError);
    const later = Notes.collection.aggregate([]) as unknown as mongo.AggregationCursor;
    expect(() => later.match({ body: 'text' })).toThrow(ConfigError);
    expect(() => later.group({ _id: '$tags' })).toThrow(ConfigError);
    expect(await later.match({ title: 'none' }).toArray()).toEqual([]);
    await expect(Notes.asOf(now).find({ body: 'text' })).rejects.toThrow(ConfigError);
    await expect(Notes.find({}, { tags: { $slice: 1 } })).rejects.toThrow(ConfigError);
  });
});

test('flush says so where object storage does not answer in time', async () => {
  json.isOn = false;
  await Notes.create({ title: 'a', body: 'b', tags: [] });
  const failure = await Notes.flush({ deadlineMs: 50 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StorageError);
  expect(failure).toMatchObject({ retryable: true, committed: false });
});
