import { beforeEach, expect, test } from 'vitest';
import { ConfigError, chronos, VersionNotFoundError, versioned } from '../../src/index.ts';
import { allStored, whereFound } from '../support/all-stored.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, numbersOf, recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema(
  { _id: String, name: String, notes: [String], n: Number },
  { collection: 'subjects' },
);
schema.plugin(chronos);
const Subject = versioned(mongoose.model('Subject', schema));
const confirm = true;

beforeEach(async () => {
  await Promise.all(['subjects', 'subjects_ver', 'subjects_locks'].map((name) => emptied(name)));
});

async function emptied(name: string): Promise<void> {
  await mongoose.connection.collection(name).deleteMany({});
}

/** Strings in every place where content of one document may be kept. */
const PLANTED = Array.from({ length: 12 }, (_, n) => `planted-${n}-${Math.random().toString(36).slice(2)}`);

async function plant(id: string): Promise<void> {
  const [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = '', i = '', j = '', k = '', l = ''] = PLANTED;
  await Subject.create({ _id: id, name: a, notes: [b] });
  await Subject.updateOne({ _id: id }, { name: c }, { chronos: { actor: d, reason: e } });
  const once = { chronos: { opId: 'once' }, returnDocument: 'after' } as const;
  await Subject.findOneAndUpdate({ _id: id }, { name: f }, once);
  await Subject.enrich(id, { notes: [g] }, { functionId: h });
  await Subject.deleteOne({ _id: id }, { chronos: { reason: i } });
  await Subject.create({ _id: id, name: j });
  const without = { chronos: { opId: 'without' }, projection: { _id: 0 }, includeResultMetadata: true } as const;
  await Subject.findOneAndUpdate({ _id: id }, { name: k }, without as object);
  await Subject.updateOne({ _id: id }, { name: l });
}

test('of an erased document no content is found anywhere, and others stay byte for byte', async () => {
  await Subject.create([
    { _id: 'other', name: 'o' },
    { _id: 'another', name: 'p' },
  ]);
  await Subject.updateMany({}, { n: 1 }, { chronos: { opId: 'many' } });
  await Subject.findOneAndUpdate({ _id: 'other' }, { n: 2 }, { chronos: { opId: 'others' } });
  await Subject.deleteOne({ _id: 'another' });
  await emptied('subjects_locks');
  await Subject.findOneAndUpdate({ _id: 'other' }, { n: 3 }, { chronos: { opId: 'others' } });
  const before = await allStored(mongoose);
  await plant('subject');
  expect((await where()).sort()).toEqual([...PLANTED].sort());

  const report = await Subject.hardDelete({ id: 'subject' }, { confirm, actor: 'dpo', reason: 'request 42' });
  expect(report).toMatchObject({ dryRun: false, documents: 1, versions: 8, results: 2, objects: 0, ids: ['subject'] });
  expect(await where()).toEqual([]);
  const after = new Set((await allStored(mongoose)).map((row) => row.toString('hex')));
  expect(before.filter((row) => !after.has(row.toString('hex')))).toEqual([]);
  expect((await Subject.verify()).findings).toEqual([]);
});

/** Which of the planted strings are stored. */
async function where(): Promise<string[]> {
  const rows = await allStored(mongoose);
  return PLANTED.filter((text) => whereFound(text, rows));
}

test('its past answers as if it had never been, but for the proof', async () => {
  await plant('subject');
  const at = new Date();
  await Subject.hardDelete({ id: 'subject' }, { confirm, actor: 'dpo', reason: 'request 42' });
  expect(await Subject.history('subject')).toMatchObject([
    { ov: 8, op: 'ERASE', actor: 'dpo', reason: 'request 42', until: null, doc: null },
  ]);
  expect(await Subject.asOf(at).find()).toEqual([]);
  for (const includeDeleted of [false, true]) {
    expect(await Subject.getLatest('subject', { includeDeleted })).toBe(null);
    expect(await Subject.getAsOf('subject', at, { includeDeleted })).toBe(null);
    expect(await Subject.getAsOf('subject', new Date(), { includeDeleted })).toBe(null);
    for (const ov of [0, 3, 8]) expect(await Subject.getVersion('subject', ov, { includeDeleted })).toBe(null);
  }
  for (const target of [{ ov: 0 }, { ov: 8 }, { at }]) {
    await expect(Subject.restore('subject', target)).rejects.toBeInstanceOf(VersionNotFoundError);
  }
  await expect(Subject.enrich('subject', { n: 1 }, { includeDeleted: true })).rejects.toThrow('Cannot find subjects');
});

test('a call that is repeated with its opId writes nothing and returns no content', async () => {
  await plant('subject');
  await Subject.hardDelete({ id: 'subject' }, { confirm });
  const options = { chronos: { opId: 'once' }, upsert: true } as const;
  expect(await Subject.findOneAndUpdate({ _id: 'subject' }, { name: 'again' }, options)).toBe(null);
  expect(await headsOf(Subject).countDocuments()).toBe(0);
  expect(await Subject.outcome('once')).toMatchObject({ result: null });
});

test('its numbers go on when the id comes back, and it can be erased again', async () => {
  await plant('subject');
  await Subject.hardDelete({ id: 'subject' }, { confirm });
  await Subject.create({ _id: 'subject', name: 'new' });
  await Subject.updateOne({ _id: 'subject' }, { name: 'newer' });
  expect(await numbersOf(Subject, 'subject')).toEqual([8, 9, 10]);
  await expect(Subject.restore('subject', { ov: 3 })).rejects.toBeInstanceOf(VersionNotFoundError);
  expect((await Subject.restore('subject', { ov: 9 })).name).toBe('new');
  expect(await Subject.verify()).toMatchObject({ ok: true, findings: [] });
  expect(await Subject.hardDelete({ id: 'subject' }, { confirm })).toMatchObject({ documents: 1, versions: 3 });
  expect(await numbersOf(Subject, 'subject')).toEqual([8, 12]);
  expect(await Subject.hardDelete({ id: 'subject' }, { confirm })).toMatchObject({ documents: 0, versions: 0 });
  expect(await Subject.verify()).toMatchObject({ ok: true, findings: [] });
});

test('documents from before the plugin and deleted ones are erased too, in any number and with any history', async () => {
  await headsOf(Subject).insertOne({ _id: 'old', name: 'old' } as never);
  await Subject.create({ _id: 'gone', name: 'gone' });
  await Subject.deleteOne({ _id: 'gone' });
  await Subject.create({ _id: 'long', n: 0 });
  for (let n = 0; n < 3; n++) {
    const updates = Array.from({ length: 400 }, () => ({
      updateOne: { filter: { _id: 'long' }, update: { $inc: { n: 1 } } },
    }));
    await Subject.bulkWrite(updates);
  }
  await Subject.insertMany(Array.from({ length: 250 }, (_, n) => ({ _id: `many ${n}`, n })));
  expect(await Subject.hardDelete({ ids: ['old', 'gone', 'long', 'none'] }, { confirm })).toMatchObject({
    documents: 3,
    versions: 1 + 2 + 1201,
    ids: ['old', 'gone', 'long'],
  });
  const progress: number[] = [];
  const onProgress = ({ documents, total }: { documents: number; total: number }) => progress.push(documents, total);
  const filter = { n: { $gte: '100' } };
  expect(await Subject.hardDelete({ filter }, { confirm, onProgress })).toMatchObject({ documents: 150 });
  expect(progress).toEqual([100, 150, 150, 150]);
  expect(await headsOf(Subject).countDocuments()).toBe(100);
  expect(await recordsOf(Subject).countDocuments({ '_system.op': { $ne: 'ERASE' } })).toBe(0);
  expect(await Subject.verify()).toMatchObject({ ok: true, findings: [] });
}, 120_000);

test('nothing is erased without confirmation, and a dry run tells what would be', async () => {
  await plant('subject');
  const before = await allStored(mongoose);
  await expect(Subject.hardDelete({ id: 'subject' })).rejects.toBeInstanceOf(ConfigError);
  const counts = { documents: 1, versions: 8, results: 1, objects: 0, retained: 0, unreachable: [], ids: ['subject'] };
  expect(await Subject.hardDelete({ ids: ['subject', 'none'] }, { dryRun: true })).toEqual({ dryRun: true, ...counts });
  expect(await Subject.hardDelete({ filter: {} }, { dryRun: true, confirm })).toEqual({ dryRun: true, ...counts });
  expect(await allStored(mongoose)).toEqual(before);
});

test('a condition that would be left out erases nothing', async () => {
  await Subject.create({ _id: 'a', name: 'Ana' });
  const Strict = Subject as unknown as { schema: { set(option: string, value: unknown): void } };
  Strict.schema.set('strictQuery', true);
  try {
    for (const filter of [{ name: undefined }, { nmae: 'Bob' }, { n: { $gte: 0 }, name: undefined }]) {
      await expect(Subject.hardDelete({ filter }, { confirm })).rejects.toThrow(ConfigError);
    }
  } finally {
    Strict.schema.set('strictQuery', false);
  }
  expect(await Subject.countDocuments()).toBe(1);
});
