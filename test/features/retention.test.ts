import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { headsOf, recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
let made = 0;

/** A model with a clock of its own, which stands at a day. */
function modelOf(options: ChronosPluginOptions) {
  made += 1;
  const clock = {
    day: 0,
    now: () => new Date(START + clock.day * DAY),
  };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>(
    { _id: String, n: Number } as never,
    { collection: `docs${made}` } as never,
  );
  schema.plugin(chronos, { clock, ...options });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`Doc${made}`, schema);
  /** Version n of a document, on its day. */
  const write = async (_id: string, day: number, n: number) => {
    clock.day = day;
    await Doc.updateOne({ _id }, { n }, { upsert: true });
  };
  return { Doc, clock, write };
}

const day = (n: number) => new Date(START + n * DAY);
const confirm = true;
const NONE = { dryRun: false, rolledUp: 0, dropped: 0, manifests: 0 };

async function ovsOf(Doc: unknown, id: string): Promise<number[]> {
  const records = await recordsOf(Doc)
    .find({ '_id.id': id } as never, { sort: { '_id.ov': 1 } })
    .toArray();
  return records.map(({ _id }) => (_id as unknown as { ov: number }).ov);
}

test('days drops the versions that were superseded so long ago, and no others', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 90 } });
  for (const [n, at] of [0, 10, 20, 100].entries()) await write('a', at, n);
  await write('still', 0, 7);
  clock.day = 115;
  expect(await Doc.applyRetention({ dryRun: true })).toEqual({ ...NONE, dryRun: true, dropped: 2 });
  expect(await ovsOf(Doc, 'a')).toEqual([0, 1, 2]);
  expect(await retain(Doc)).toEqual({ ...NONE, dropped: 2 });
  expect(await ovsOf(Doc, 'a')).toEqual([2]);
  expect(await retain(Doc)).toEqual({ ...NONE, dropped: 0 });
  expect(await Doc.findById('still').lean()).toMatchObject({ n: 7 });
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('maxPerItem drops the versions of each document beyond so many', async () => {
  const { Doc, clock, write } = modelOf({ retention: { maxPerItem: 2 } });
  for (let n = 0; n < 6; n++) await write('many', n, n);
  for (let n = 0; n < 2; n++) await write('few', n, n);
  clock.day = 7;
  expect(await retain(Doc)).toEqual({ ...NONE, dropped: 3 });
  expect(await ovsOf(Doc, 'many')).toEqual([3, 4]);
  expect(await ovsOf(Doc, 'few')).toEqual([0]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('both together take what either takes, once', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 10, maxPerItem: 2 } });
  for (let n = 0; n < 6; n++) await write('a', n * 5, n);
  for (let n = 0; n < 3; n++) await write('b', n, n);
  clock.day = 26;
  expect(await retain(Doc)).toEqual({ ...NONE, dropped: 5 });
  expect(await ovsOf(Doc, 'a')).toEqual([3, 4]);
  expect(await ovsOf(Doc, 'b')).toEqual([]);
});

test('a collection that keeps everything has no retention to apply, and it has to be confirmed', async () => {
  const { Doc } = modelOf({});
  await expect(Doc.applyRetention({ confirm })).rejects.toMatchObject({ name: 'ConfigError' });
  const { Doc: Bounded } = modelOf({ retention: { days: 1 } });
  await expect(Bounded.applyRetention({})).rejects.toThrow('confirm: true');
  expect(() => modelOf({ retention: { days: 0 } })).toThrow('retention.days');
  const misspelt = { days: 1, rollUp: {} } as never;
  expect(() => modelOf({ retention: misspelt })).toThrow('unknown key "rollUp"; there are days, maxPerItem, rollup');
});

test('what was dropped is told apart from what never was, in every read', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 90 } });
  for (const [n, at] of [10, 20, 30, 100].entries()) await write('a', at, n);
  await write('later', 25, 0);
  clock.day = 125;
  await retain(Doc);
  const beyond = { name: 'BeyondRetentionError', code: 'CHRONOS_BEYOND_RETENTION', collection: Doc.collection.name };
  const ofA = { ...beyond, id: 'a', floor: day(30) };

  await expect(Doc.getVersion('a', 1)).rejects.toMatchObject({ ...ofA, asked: 1 });
  await expect(Doc.getAsOf('a', day(25))).rejects.toMatchObject({ ...ofA, asked: day(25) });
  await expect(Doc.diff('a', 0, 3)).rejects.toMatchObject(ofA);
  await expect(Doc.restore('a', { ov: 0 })).rejects.toMatchObject(ofA);
  await expect(Doc.restore('a', { at: day(12) })).rejects.toMatchObject(ofA);
  await expect(Doc.asOf(day(25)).findById('a')).rejects.toMatchObject(ofA);
  await expect(Doc.asOf(day(25)).find({ _id: { $in: ['later', 'a'] } })).rejects.toMatchObject(ofA);
  for (const read of [
    () => Doc.asOf(day(25)).find(),
    () => Doc.asOf(day(25)).find({ n: 1 }).sort('n').limit(1),
    () => Doc.asOf(day(25)).countDocuments({ n: 1 }),
    () => Doc.asOf(day(25)).distinct('n'),
    () => Doc.asOf(day(25)).aggregate([{ $match: { n: 1 } }]),
    () => Doc.asOf(day(25)).find().cursor().next(),
    () => Doc.asOf(day(25)).find().sort('n').cursor().next(),
    () => Doc.restoreCollection({ at: day(25) }),
  ]) {
    await expect(read()).rejects.toMatchObject({ ...beyond, floor: day(30) });
  }

  expect(await Doc.getVersion('a', 9)).toBe(null);
  expect(await Doc.getVersion('never', 0)).toBe(null);
  expect(await Doc.getAsOf('later', day(24))).toBe(null);
  expect(await Doc.getAsOf('later', day(25))).toMatchObject({ n: 0 });
  expect(await Doc.asOf(day(26)).findById('later')).toMatchObject({ n: 0 });
  expect(await Doc.asOf(day(30)).find().sort('_id').lean()).toMatchObject([{ n: 2 }, { n: 0 }]);
  expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([3, 2]);
  expect(await Doc.restore('a', { ov: 2 })).toMatchObject({ n: 2 });
});

test('tombstones stay, and tell where numbers go on and when the document was not there', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 10 } });
  await write('a', 0, 0);
  await write('a', 1, 1);
  clock.day = 5;
  await Doc.deleteOne({ _id: 'a' });
  clock.day = 30;
  await retain(Doc);
  expect(await ovsOf(Doc, 'a')).toEqual([2]);
  expect(await Doc.getAsOf('a', day(6))).toBe(null);
  await expect(Doc.getAsOf('a', day(4))).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  await expect(Doc.getLatest('a', { includeDeleted: true })).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  await Doc.create({ _id: 'a', n: 3 });
  expect((await Doc.history('a')).map(({ ov, op }) => [ov, op])).toEqual([
    [3, 'CREATE'],
    [2, 'DELETE'],
  ]);
  await write('a', 31, 4);
  clock.day = 60;
  await retain(Doc);
  // When the version began that was dropped nobody knows any more.
  for (const at of [29, 30]) {
    await expect(Doc.getAsOf('a', day(at))).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  }
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('the last record of a document that vanished unseen stays, so that its numbers go on', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 10 } });
  for (let n = 0; n < 3; n++) await write('a', n, n);
  await headsOf(Doc).deleteOne({ _id: 'a' } as never);
  clock.day = 60;
  expect(await retain(Doc)).toMatchObject({ dropped: 1 });
  await Doc.create({ _id: 'a', n: 9 });
  expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([3, 1]);
});

test('by collection version it is told as well', async () => {
  const { Doc, clock, write } = modelOf({ retention: { maxPerItem: 1 }, collectionVersion: true });
  for (let n = 0; n < 5; n++) await write('a', n, n);
  clock.day = 9;
  await retain(Doc);
  await expect(Doc.asOf({ cv: 2 }).find()).rejects.toMatchObject({ name: 'BeyondRetentionError', asked: { cv: 2 } });
  await expect(Doc.getAsOf('a', { cv: 1 })).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  expect(await Doc.asOf({ cv: 3 }).find().lean()).toMatchObject([{ n: 3 }]);
  expect(await Doc.asOf({ cv: 4 }).find().lean()).toMatchObject([{ n: 4 }]);
});

test('what other collections are joined at an instant has to be there too', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 10 } });
  const { Doc: Other, write: writeOther } = modelOf({});
  await write('a', 0, 0);
  await write('a', 1, 1);
  await writeOther('x', 0, 5);
  clock.day = 60;
  await retain(Doc);
  const from = Doc.collection.name;
  const joins = [
    { $lookup: { from, localField: 'n', foreignField: 'n', as: 'found' } },
    { $lookup: { from, pipeline: [{ $match: {} }], as: 'found' } },
    { $unionWith: { coll: from } },
  ];
  for (const join of joins) {
    await expect(Other.asOf(day(0)).aggregate([join] as never[])).rejects.toMatchObject({ collection: from });
    expect(await Other.asOf(day(2)).aggregate([join] as never[])).not.toEqual([]);
  }
});

test('readers that know an older floor are waited for, and look again when they have known it for long', async () => {
  const { Doc, clock, write } = modelOf({ retention: { days: 10 } });
  await write('a', 0, 0);
  await write('a', 1, 1);
  clock.day = 60;
  const other = new mongoose.Mongoose();
  await other.connect(mongoUri(), { dbName: mongoose.connection.name });
  try {
    const schema = new other.Schema({ _id: String, n: Number }, { collection: Doc.collection.name } as never);
    schema.plugin(chronos);
    const Same = other.model('Same', schema) as unknown as typeof Doc;
    const answers: unknown[] = [];
    let isDone = false;
    const reading = (async () => {
      while (!isDone)
        answers.push(
          await Same.asOf(day(0))
            .find()
            .lean()
            .catch(({ name }: Error) => name),
        );
    })();
    await Doc.applyRetention({ confirm });
    answers.push(
      await Same.asOf(day(0))
        .find()
        .lean()
        .catch(({ name }: Error) => name),
    );
    isDone = true;
    await reading;
    const kinds = new Set(answers.map((answer) => JSON.stringify(answer)));
    expect([...kinds]).toEqual([JSON.stringify([{ _id: 'a', __v: 0, n: 0 }]), '"BeyondRetentionError"']);
  } finally {
    await other.disconnect();
  }
});

function mongoUri(): string {
  return (mongoose.connection.getClient() as unknown as { s: { url: string } }).s.url;
}
