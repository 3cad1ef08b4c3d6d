import type { Connection } from 'mongoose';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { adopt } from '../../src/admin/adopt.ts';
import { type ChronosModelType, ConfigError, chronos, memoryBuckets } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { storeOf } from '../support/store-of.ts';

const mongoose = await testDatabase();

interface Note {
  _id: number;
  title: string;
  n: number;
  body: string;
  file?: string;
}
type Notes = ChronosModelType<Note>;

const { json, content } = memoryBuckets();
const FILE = Buffer.from('%PDF-1.7 whatever').toString('base64');

let now = new Date('2026-01-01T00:00:00Z');

interface Kept {
  readonly indexed?: readonly string[];
  readonly base64?: readonly string[];
}

const opened: Connection[] = [];
afterAll(() => Promise.all(opened.map((connection) => connection.close())));

/** The model of a process of its own, which keeps in MongoDB what it says. */
async function processWith({ indexed = [], base64 = [] }: Kept): Promise<Notes> {
  const connection = await mongoose
    .createConnection(inject('mongoUri'), { dbName: mongoose.connection.name })
    .asPromise();
  opened.push(connection);
  const schema = new mongoose.Schema<Note, Notes>(
    { _id: Number, title: String, n: Number, body: String, file: String },
    { versionKey: false, autoIndex: false },
  );
  schema.plugin(chronos, {
    indexed: [...indexed],
    base64: Object.fromEntries(base64.map((path) => [path, { contentType: 'application/pdf' }])),
    payload: { json, content, prefix: 'app' },
    clock: { now: () => now },
  });
  return connection.model<Note, Notes>('Note', schema);
}

const raw = (suffix = '') => mongoose.connection.collection<{ _id: never }>(`notes${suffix}`);

/** Adopts without the time that other processes are given, of which none asks for what is taken out. */
const adopted = (Notes: Notes) => adopt(storeOf(Notes), {}, 0);

async function processed(Notes: Notes, _id: number): Promise<void> {
  await Notes.flush();
  expect(await Notes.markItemAsProcessed(_id, { confirm: true })).toBe(true);
}

/** Two versions of a document, of which only what the process keeps is left in MongoDB. */
async function twoVersions(Notes: Notes, _id = 1): Promise<Date> {
  await Notes.create({ _id, title: 'a', n: 1, body: 'text', file: FILE });
  const before = now;
  now = new Date(now.getTime() + 1_000);
  await Notes.updateOne({ _id }, { body: 'more' });
  await processed(Notes, _id);
  now = new Date(now.getTime() + 1_000);
  return before;
}

beforeEach(async () => {
  for (const suffix of ['', '_ver', '_locks']) await raw(suffix).deleteMany({});
});

describe('a path that is indexed after documents have left', () => {
  test('is refused in a filter, whatever is read first, until adopt', async () => {
    await twoVersions(await processWith({ indexed: ['title'] }));
    const later = () => processWith({ indexed: ['title', 'n'] });
    const lacking = { name: 'ConfigError', message: expect.stringMatching(/"n" of notes.*adopt\(\)/) };
    await expect((await later()).find({ n: 1 })).rejects.toMatchObject(lacking);
    await expect((await later()).find({}).sort({ n: 1 })).rejects.toMatchObject(lacking);
    await expect((await later()).findOne({ n: 1 })).rejects.toMatchObject(lacking);
    await expect((await later()).countDocuments({ n: 1 })).rejects.toMatchObject(lacking);
    await expect((await later()).distinct('n')).rejects.toMatchObject(lacking);
    await expect((await later()).updateOne({ n: 1 }, { body: '' })).rejects.toMatchObject(lacking);
    await expect((await later()).bulkWrite([{ deleteOne: { filter: { n: 1 } } }])).rejects.toMatchObject(lacking);
    await expect((await later()).aggregate([{ $match: { n: 1 } }])).rejects.toMatchObject(lacking);
    await expect((await later()).aggregate([{ $group: { _id: '$n' } }])).rejects.toMatchObject(lacking);
    expect(await (await later()).countDocuments({ title: 'a' })).toBe(1);
  });

  test('is refused of the past as well', async () => {
    const at = await twoVersions(await processWith({ indexed: ['title'] }));
    const later = () => processWith({ indexed: ['title', 'n'] });
    await expect((await later()).asOf(at).find({ n: 1 })).rejects.toThrow(ConfigError);
    await expect((await later()).asOf(at).countDocuments({ n: 1 })).rejects.toThrow(ConfigError);
    await expect((await later()).asOf(at).distinct('n')).rejects.toThrow(ConfigError);
    await expect((await later()).asOf(at).aggregate([{ $match: { n: 1 } }])).rejects.toThrow(ConfigError);
  });

  test('is fetched where it is only selected', async () => {
    const at = await twoVersions(await processWith({ indexed: ['title'] }));
    const later = () => processWith({ indexed: ['title', 'n'] });
    const selected = [{ _id: 1, n: 1 }];
    expect(await (await later()).find({}, { n: 1 }).lean()).toEqual(selected);
    expect(await (await later()).asOf(at).find({}, { n: 1 }).lean()).toEqual(selected);
    expect(await (await later()).findOne({}, { n: 1 }).lean()).toEqual(selected[0]);
  });

  test('is there of heads and versions after adopt, and not any more of those that leave later', async () => {
    const at = await twoVersions(await processWith({ indexed: ['title'] }));
    const Later = await processWith({ indexed: ['title', 'n'] });
    await adopted(Later);
    expect(await Later.find({ n: 1 }).lean()).toHaveLength(1);
    expect(await Later.asOf(at).find({ n: 1 }).lean()).toMatchObject([{ n: 1, body: 'text', file: FILE }]);
    expect(await raw().findOne({})).toMatchObject({ title: 'a', n: 1, _system: { state: 'processed' } });
    expect(await raw('_ver').findOne({})).toMatchObject({ title: 'a', n: 1, _system: { state: 'processed' } });
    await twoVersions(Later, 2);
    expect(await (await processWith({ indexed: ['title', 'n'] })).countDocuments({ n: 1 })).toBe(2);
  });

  test('is indexed by itself where no document has left', async () => {
    const Before = await processWith({ indexed: ['title'] });
    await Before.create({ _id: 1, title: 'a', n: 1, body: 'text' });
    await Before.flush();
    const Later = await processWith({ indexed: ['title', 'n'] });
    await Later.create({ _id: 2, title: 'b', n: 1, body: 'text' });
    expect(await Later.countDocuments({ n: 1 })).toBe(2);
  });

  test('is the same as one that was taken out and comes back', async () => {
    await (await processWith({ indexed: ['title', 'n'] })).create({ _id: 1, title: 'a', n: 1, body: 'text' });
    const Without = await processWith({ indexed: ['title'] });
    await adopted(Without);
    await processed(Without, 1);
    expect(await raw().findOne({})).not.toHaveProperty('n');
    await expect((await processWith({ indexed: ['title', 'n'] })).countDocuments({ n: 1 })).rejects.toThrow(
      ConfigError,
    );
  });
});

describe('two processes of which one keeps less', () => {
  test('both find what either has marked', async () => {
    const More = await processWith({ indexed: ['title', 'n'] });
    await twoVersions(More, 1);
    const Less = await processWith({ indexed: ['title'] });
    await twoVersions(Less, 2);
    expect(await More.countDocuments({ n: 1 })).toBe(2);
    await expect(Less.countDocuments({ n: 1 })).rejects.toThrow(ConfigError);
  });

  test('what the one marks while the other adopts is found', async () => {
    const Less = await processWith({ indexed: ['title'] });
    await twoVersions(Less, 1);
    const More = await processWith({ indexed: ['title', 'n'] });
    await adopted(More);
    await twoVersions(Less, 2);
    expect(await More.countDocuments({ n: 1 })).toBe(2);
  });
});

test('what one process takes out, another that still has it is refused, and never misses', async () => {
  const Old = await processWith({ indexed: ['title', 'n'] });
  await twoVersions(Old, 1);
  const New = await processWith({ indexed: ['title'] });
  let isDone = false;
  const answers = new Set<unknown>();
  const asking = (async () => {
    while (!isDone) answers.add(await Old.countDocuments({ n: 1 }).catch(({ name }: Error) => name));
  })();
  await New.adopt();
  isDone = true;
  await asking;
  for (const answer of answers) expect([1, 'ConfigError']).toContain(answer);
  await twoVersions(New, 2);
  expect(await raw().findOne({ _id: 2 as never })).not.toHaveProperty('n');
  for (const ask of [Old.countDocuments({ n: 1 }), Old.updateMany({ n: 1 }, { body: '' }), Old.find({ n: 1 })]) {
    await expect(ask).rejects.toThrow(ConfigError);
  }
  expect(await Old.find({}, { n: 1 }).sort('_id').lean()).toEqual([1, 2].map((_id) => ({ _id, n: 1 })));
}, 30_000);

describe('a property that becomes base64', () => {
  test('stays to be searched by a process that knows nothing of it', async () => {
    const Before = await processWith({});
    await Before.create({ _id: 1, title: 'a', n: 1, body: 'text', file: FILE });
    expect(await Before.countDocuments({ file: FILE })).toBe(1);
    const Later = await processWith({ base64: ['file'] });
    await twoVersions(Later, 2);
    expect(await Before.countDocuments({ file: FILE })).toBe(2);
    await adopted(Later);
    await twoVersions(Later, 3);
    expect(await raw().countDocuments({ file: FILE as never })).toBe(2);
    expect((await Later.findById(3).lean())?.file).toBe(FILE);
  });

  test('leaves also with what was stored before', async () => {
    const Before = await processWith({});
    await Before.create({ _id: 1, title: 'a', n: 1, body: 'text', file: FILE });
    await Before.flush();
    const Later = await processWith({ base64: ['file'] });
    await adopted(Later);
    await Later.markItemAsProcessed(1, { confirm: true });
    await processed(Later, 1);
    expect(await raw().countDocuments({ file: FILE as never })).toBe(0);
    expect((await Later.findById(1).lean())?.file).toBe(FILE);
  });

  test('is whole again where it is none any more', async () => {
    const Before = await processWith({ base64: ['file'] });
    await twoVersions(Before, 1);
    expect((await (await processWith({})).find({}).lean())[0]?.file).toBe(FILE);
    const Later = await processWith({});
    await expect(Later.countDocuments({ file: FILE })).rejects.toThrow(ConfigError);
    await adopted(Later);
    expect(await Later.countDocuments({ file: FILE })).toBe(1);
    expect(await Later.findById(1).lean()).toEqual({ _id: 1, title: 'a', n: 1, body: 'more', file: FILE });
  });
});
