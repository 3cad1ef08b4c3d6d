import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { manifestsIn } from '../support/manifests-in.ts';
import { retain } from '../support/retain.ts';
import { recordsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
  other?: string;
}

const DAY = 86_400_000;
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const day = (n: number) => new Date(START + n * DAY);
let made = 0;

interface Setup {
  readonly period?: 'daily' | 'weekly' | 'monthly';
  readonly days?: number;
  readonly maxPerItem?: number;
  readonly more?: ChronosPluginOptions;
}

/** A model that rolls its versions up, with a clock of its own. */
function modelOf({ period, days = 10, maxPerItem, more = {} }: Setup = {}) {
  made += 1;
  const clock = { ms: START, now: () => new Date(clock.ms) };
  const versions = new SwitchedStore('memory versions');
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>(
    { _id: String, n: Number, other: { type: String, ref: `Rolled${made}` } } as never,
    { collection: `rolled${made}`, versionKey: false } as never,
  );
  const retention = { days, maxPerItem, rollup: { versions, manifestPeriod: period, prefix: 'app' } };
  schema.plugin(chronos, { clock, retention, ...more });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`Rolled${made}`, schema);
  const write = async (_id: string, at: number, change: Partial<Doc>) => {
    clock.ms = START + at * DAY;
    await Doc.updateOne({ _id }, change, { upsert: true });
  };
  return { Doc, clock, versions, write, collection: `rolled${made}` };
}

async function oneByOne(query: { cursor(): AsyncIterable<{ n: number }> }): Promise<number[]> {
  const numbers = [];
  for await (const { n } of query.cursor()) numbers.push(n);
  return numbers;
}

const left = (Doc: unknown) => recordsOf(Doc).countDocuments();

test('rolled up versions leave the collection for manifests, and are read as before', async () => {
  const { Doc, clock, versions, write, collection } = modelOf();
  for (let n = 0; n < 5; n++) await write('a', n * 8, { n, other: 'b' });
  for (let n = 0; n < 3; n++) await write('b', n * 9, { n: 10 + n });
  await write('gone', 0, { n: 99 });
  clock.ms = START + 20 * DAY;
  await Doc.deleteOne({ _id: 'gone' });
  clock.ms = START + 100 * DAY;

  const ask = async () => ({
    history: await Doc.history('a', { lean: true }),
    page: await Doc.history('a', { lean: true, limit: 2, before: 3 }),
    version: await Doc.getVersion('a', 1, { lean: true }),
    asOf: await Doc.getAsOf('a', day(9), { lean: true }),
    deleted: await Doc.getLatest('gone', { lean: true, includeDeleted: true }),
    before: await Doc.getAsOf('a', new Date(START - 1)),
    diff: await Doc.diff('a', 0, 3),
    find: await Doc.asOf(day(9))
      .find({ n: { $gt: 0 } })
      .sort('n')
      .lean(),
    cursor: await oneByOne(Doc.asOf(day(9)).find().sort('-n')),
    unsorted: (await oneByOne(Doc.asOf(day(9)).find())).sort(),
    one: await Doc.asOf(day(9)).findById('b').lean(),
    count: await Doc.asOf(day(9)).countDocuments(),
    distinct: await Doc.asOf(day(9)).distinct('n'),
    aggregate: await Doc.asOf(day(9)).aggregate([{ $group: { _id: null, sum: { $sum: '$n' } } }]),
    populated: await Doc.asOf(day(9)).findById('a').populate('other').lean(),
    restore: await Doc.restoreCollection({ at: day(9) }, { dryRun: true }),
    visible: await Doc.asOf(day(9)).find().select('+_system').lean(),
  });
  const before = await ask();
  const rows = await left(Doc);
  expect(await retain(Doc)).toEqual({ dryRun: false, rolledUp: 7, dropped: 0, manifests: 2 });
  expect(await left(Doc)).toBe(rows - 7);
  const keys = await manifestsIn(versions);
  expect(keys.map((key) => key.replace(/[0-9a-f]{16}/, 'NAME'))).toEqual([
    `app/__manifests__/${collection}/2026/01/2026-01-01-NAME.ndjson.gz`,
    `app/__manifests__/${collection}/2026/02/2026-02-01-NAME.ndjson.gz`,
  ]);
  const lines = gunzipSync(await versions.get(keys[1] as string))
    .toString()
    .trimEnd()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line)._id)).toEqual([{ id: 'a', ov: 3 }]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
  expect(await ask()).toEqual(before);
  expect(await ask()).toEqual(before);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
  expect(await retain(Doc)).toMatchObject({ rolledUp: 0 });
});

test('reads of single documents put nothing back, others do, and it leaves again an hour after the last of them', async () => {
  const { Doc, clock, write } = modelOf();
  for (let n = 0; n < 4; n++) await write('a', n, { n });
  clock.ms = START + 60 * DAY;
  await retain(Doc);
  expect(await left(Doc)).toBe(0);
  await Doc.getVersion('a', 1);
  await Doc.getAsOf('a', day(1));
  await Doc.history('a');
  await Doc.asOf(day(59)).find();
  expect(await left(Doc)).toBe(0);
  expect(await Doc.asOf(day(1)).find().lean()).toMatchObject([{ n: 1 }]);
  expect(await left(Doc)).toBe(3);
  clock.ms += HOUR / 2;
  expect(await Doc.asOf(day(1)).find().lean()).toMatchObject([{ n: 1 }]);
  clock.ms += HOUR - 1;
  await retain(Doc);
  expect(await left(Doc)).toBe(3);
  clock.ms += 1;
  await retain(Doc);
  expect(await left(Doc)).toBe(0);
  expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([3, 2, 1, 0]);
  expect(await Doc.asOf(day(1)).aggregate([{ $match: {} }])).toMatchObject([{ n: 1 }]);
});

test.each([
  ['daily', ['2026/01/2026-01-07', '2026/01/2026-01-13', '2026/02/2026-02-02']],
  ['weekly', ['2026/01/2026-01-05', '2026/01/2026-01-12', '2026/02/2026-02-02']],
  ['monthly', ['2026/01/2026-01-01', '2026/02/2026-02-01']],
] as const)('manifestPeriod %s keeps together what ended in the same period', async (period, expected) => {
  const { Doc, clock, versions, write } = modelOf({ period });
  for (const [n, at] of [0, 6, 12, 32].entries()) await write('a', at, { n });
  clock.ms = START + 90 * DAY;
  await retain(Doc);
  const periods = (await manifestsIn(versions)).map((key) => key.replace(/^.*?(\d{4}\/.*)-[0-9a-f]{16}.*$/, '$1'));
  expect(periods).toEqual(expected);
});

test('a restore brings a rolled up version back, in a transaction of the caller too', async () => {
  const { Doc, clock, write } = modelOf();
  for (let n = 0; n < 4; n++) await write('a', n, { n });
  clock.ms = START + 60 * DAY;
  await retain(Doc);
  await mongoose.connection.transaction(async (session) => {
    await Doc.restore('a', { ov: 1 }, { session });
    expect(await Doc.asOf(day(2)).find({}, null, { session }).lean()).toMatchObject([{ n: 2 }]);
  });
  expect(await Doc.findById('a').lean()).toMatchObject({ n: 1 });
  expect((await Doc.history('a')).map(({ ov, op }) => [ov, op])[0]).toEqual([4, 'RESTORE']);
  const report = await Doc.restoreCollection({ at: day(0) });
  expect(report).toMatchObject({ restored: 1 });
  expect(await Doc.findById('a').lean()).toMatchObject({ n: 0 });
});

test('by collection version it is read as before', async () => {
  const { Doc, clock, write } = modelOf({ more: { collectionVersion: true } });
  for (let n = 0; n < 4; n++) await write('a', n, { n });
  await write('b', 4, { n: 9 });
  clock.ms = START + 60 * DAY;
  await retain(Doc);
  for (let cv = 0; cv < 4; cv++) {
    expect(await Doc.asOf({ cv }).find().lean()).toMatchObject([{ n: cv }]);
    expect(await Doc.getAsOf('a', { cv })).toMatchObject({ n: cv });
  }
  expect(await Doc.asOf({ cv: 4 }).countDocuments()).toBe(2);
});

test('an export has what was rolled up, and is imported as if it had not been', async () => {
  const { Doc, clock, write, collection } = modelOf();
  for (let n = 0; n < 4; n++) await write('a', n, { n });
  clock.ms = START + 60 * DAY;
  await retain(Doc);
  const { Doc: Copy } = modelOf();
  const backup = new SwitchedStore('memory backup');
  const file = { store: backup, key: `${collection}.gz` };
  expect(await Doc.exportHistory(file)).toMatchObject({ versions: 3, heads: 1 });
  expect(await Copy.importHistory(file)).toMatchObject({ inserted: 4 });
  expect(await Copy.history('a', { lean: true })).toEqual(await Doc.history('a', { lean: true }));
  expect(await recordsOf(Copy).countDocuments({ '_system.thawed': { $exists: true } })).toBe(0);
  expect(await Doc.importHistory(file)).toMatchObject({ inserted: 0, present: 4 });
});

test('while object storage does not answer nothing leaves, and what has left is told to be away', async () => {
  const { Doc, clock, versions, write } = modelOf();
  for (let n = 0; n < 3; n++) await write('a', n, { n });
  clock.ms = START + 60 * DAY;
  versions.isOn = false;
  await expect(retain(Doc)).rejects.toMatchObject({ name: 'StorageError' });
  expect(await left(Doc)).toBe(2);
  expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([2, 1, 0]);
  versions.isOn = true;
  await retain(Doc);
  expect(await left(Doc)).toBe(0);
  versions.isOn = false;
  await expect(Doc.asOf(day(1)).find()).rejects.toMatchObject({ name: 'StorageError' });
  expect(await Doc.asOf(day(59)).find()).toHaveLength(1);
});

test('a manifest that is missing or damaged is an error, and never an older or empty answer', async () => {
  const { Doc, clock, versions, write } = modelOf();
  for (let n = 0; n < 3; n++) await write('a', n, { n });
  clock.ms = START + 60 * DAY;
  await retain(Doc);
  const [key = ''] = await manifestsIn(versions);
  await versions.put(key, Buffer.from('something else'));
  await expect(Doc.asOf(day(1)).find()).rejects.toMatchObject({ name: 'PayloadIntegrityError', key });
  await expect(Doc.getVersion('a', 0)).rejects.toMatchObject({ name: 'PayloadIntegrityError', key });
  await versions.delete(key);
  await expect(Doc.asOf(day(1)).find()).rejects.toMatchObject({ name: 'PayloadMissingError', key });
  await expect(Doc.getVersion('a', 0)).rejects.toMatchObject({ name: 'PayloadMissingError', key });
});

test('manifests that are dropped leave what is beyond retention, and what is held stays', async () => {
  const { Doc, clock, versions, write } = modelOf();
  for (const [n, at] of [0, 10, 40, 50].entries()) for (const id of ['a', 'b']) await write(id, at, { n });
  clock.ms = START + 100 * DAY;
  await retain(Doc);
  await Doc.hold('b');
  await Doc.asOf(day(5)).find();
  await expect(Doc.dropManifests({ before: day(31) }, {})).rejects.toThrow('confirm: true');
  for (const before of [undefined, new Date(Number.NaN), '2020-01-01T00:00:00Z', null]) {
    const unclear = Doc.dropManifests({ before } as never, { confirm: true });
    await expect(unclear).rejects.toMatchObject({ name: 'ConfigError' });
  }
  expect(await Doc.dropManifests({ before: day(31) }, { dryRun: true })).toEqual({ dryRun: true, dropped: 1 });
  expect(await Doc.dropManifests({ before: day(31) }, { confirm: true })).toEqual({ dryRun: false, dropped: 1 });
  expect(await manifestsIn(versions)).toHaveLength(2);
  await expect(Doc.getVersion('a', 0)).rejects.toMatchObject({ name: 'BeyondRetentionError', id: 'a' });
  await expect(Doc.asOf(day(5)).find()).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  expect(await Doc.getVersion('b', 0)).toMatchObject({ n: 0 });
  expect(await Doc.asOf(day(5)).findById('b').lean()).toMatchObject({ n: 0 });
  expect(await Doc.asOf(day(20)).find().sort('_id').lean()).toMatchObject([{ n: 1 }, { n: 1 }]);
  expect(await Doc.getAsOf('a', new Date(START - 1)).catch(({ name }) => name)).toBe('BeyondRetentionError');
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test.each([
  ['dropped', (Doc: ChronosModelType<Doc>) => Doc.collection.drop()],
  [
    'dropped as a database would',
    (Doc: ChronosModelType<Doc>) => mongoose.connection.db!.dropCollection(Doc.collection.collectionName),
  ],
  ['left as an ordinary one without its history', (Doc: ChronosModelType<Doc>) => Doc.unadopt({ dropHistory: true })],
])('a collection that is %s leaves no manifest', async (_title, drop) => {
  const { Doc, clock, versions, write } = modelOf();
  for (let n = 0; n < 4; n++) await write('a', n * 20, { n });
  clock.ms = START + 200 * DAY;
  await retain(Doc);
  expect(await manifestsIn(versions)).toHaveLength(3);
  versions.isOn = false;
  await expect(drop(Doc)).rejects.toMatchObject({ name: 'StorageError' });
  versions.isOn = true;
  await drop(Doc);
  expect(await manifestsIn(versions)).toEqual([]);
  await write('b', 201, { n: 7 });
  await write('b', 202, { n: 8 });
  expect(await Doc.getVersion('b', 0)).toMatchObject({ n: 7 });
  await retain(Doc);
  expect(await Doc.verify()).toMatchObject({ ok: true });
});

test('a manifest that its store does not let go of yet does not keep others from being deleted', async () => {
  const { Doc, clock, versions, write, collection } = modelOf({ period: 'daily' });
  for (let n = 0; n < 3; n++) await write('a', n * 20, { n });
  clock.ms = START + 200 * DAY;
  await retain(Doc);
  const [locked] = await manifestsIn(versions);
  const records = mongoose.connection.collection(`${collection}_locks`);
  await records.updateMany({ state: 'kept' }, { $set: { state: 'doomed' } });
  versions.lockedKey = locked;
  await retain(Doc);
  expect(await manifestsIn(versions)).toEqual([locked]);
  versions.lockedKey = undefined;
  await retain(Doc);
  expect(await manifestsIn(versions)).toEqual([]);
});
