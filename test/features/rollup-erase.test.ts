import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { allStored, whereFound } from '../support/all-stored.ts';
import { testDatabase } from '../support/database.ts';
import { manifestsIn } from '../support/manifests-in.ts';
import { retain } from '../support/retain.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { VersionedStore } from '../support/versioned-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  text: string;
}

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const confirm = true;
let made = 0;

function modelOn(on: typeof mongoose, collection: string, options: ChronosPluginOptions) {
  const definition = { _id: String, text: String } as never;
  const schema = new on.Schema<Doc, ChronosModelType<Doc>>(definition, { collection } as never);
  schema.plugin(chronos, options);
  return on.model<Doc, ChronosModelType<Doc>>(collection, schema);
}

function modelOf(options: ChronosPluginOptions = {}) {
  made += 1;
  const clock = { day: 0, now: () => new Date(START + clock.day * DAY) };
  const versions = new VersionedStore('memory versions');
  const Doc = modelOn(mongoose, `erased${made}`, { clock, retention: { days: 10, rollup: { versions } }, ...options });
  return { Doc, clock, versions };
}

const PLANTED = Array.from({ length: 12 }, (_, n) => `planted ${n}.`);

async function found(versions: VersionedStore): Promise<string[]> {
  const keys = await manifestsIn(versions);
  const objects = await Promise.all(keys.map(async (key) => gunzipSync(await versions.get(key))));
  const rows = [...(await allStored(mongoose)), ...objects];
  return PLANTED.filter((text) => whereFound(text, rows));
}

async function plant({ Doc, clock }: ReturnType<typeof modelOf>): Promise<void> {
  for (const [n, text] of PLANTED.entries()) {
    clock.day = n * 8;
    await Doc.updateOne({ _id: 'subject' }, { text }, { upsert: true });
    await Doc.updateOne({ _id: 'other' }, { text: `other ${n}` }, { upsert: true });
  }
}

test('an erased document is in no manifest any more, wherever it was thawed, and others stay', async () => {
  const setup = modelOf();
  const { Doc, versions } = setup;
  await plant(setup);
  await retain(Doc);
  const history = await Doc.history('other', { lean: true });
  await Doc.asOf(new Date(START + 20 * DAY)).find();
  expect(await found(versions)).toEqual(PLANTED);
  expect(await Doc.hardDelete({ id: 'subject' }, { dryRun: true })).toMatchObject({ versions: 12 });
  await Doc.hardDelete({ id: 'subject' }, { confirm });
  expect(await found(versions)).toEqual([]);
  expect([...versions.older]).toEqual([]);
  expect(await Doc.history('other', { lean: true })).toEqual(history);
  expect(await Doc.history('subject')).toMatchObject([{ op: 'ERASE' }]);
  expect(await Doc.getVersion('subject', 2)).toBe(null);
  expect(
    await Doc.asOf(new Date(START + 20 * DAY))
      .find()
      .lean(),
  ).toMatchObject([{ _id: 'other', text: 'other 2' }]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('while object storage does not answer the erasure is unfinished, and recover ends it', async () => {
  const setup = modelOf();
  const { Doc, versions } = setup;
  await plant(setup);
  await retain(Doc);
  versions.isOn = false;
  await expect(Doc.hardDelete({ id: 'subject' }, { confirm })).rejects.toMatchObject({ name: 'StorageError' });
  versions.isOn = true;
  expect((await Doc.verify()).counts).toMatchObject({ 'unfinished-erasure': 1 });
  expect((await Doc.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await found(versions)).toEqual([]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('a manifest that is being written while a document is erased does not count, and leaves nothing', async () => {
  const setup = modelOf();
  const { Doc, versions } = setup;
  await plant(setup);
  versions.beforePut = async () => {
    versions.beforePut = async () => {};
    await Doc.hardDelete({ id: 'subject' }, { confirm });
  };
  await retain(Doc);
  await retain(Doc);
  expect(await found(versions)).toEqual([]);
  expect([...versions.older]).toEqual([]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
  expect((await Doc.history('other')).map(({ ov }) => ov)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
});

const ERASING = { logicalDelete: { enabled: false } };

test('a deletion that erases reaches into manifests, also where no record is left beside them', async () => {
  const setup = modelOf(ERASING);
  const { Doc, clock, versions } = setup;
  await plant(setup);
  clock.day = 200;
  await retain(Doc);
  expect(await recordsOf(Doc).countDocuments()).toBe(0);
  await Doc.asOf(new Date(START + 20 * DAY)).find();
  expect(await found(versions)).toEqual(PLANTED);
  const history = await Doc.history('other', { lean: true });
  await Doc.deleteOne({ _id: 'subject' }, { chronos: { reason: 'request 42' } });
  expect(await found(versions)).toEqual([]);
  expect([...versions.older]).toEqual([]);
  expect(await Doc.history('subject')).toMatchObject([{ ov: 12, op: 'ERASE', reason: 'request 42' }]);
  expect(await Doc.history('other', { lean: true })).toEqual(history);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
  await Doc.create([{ _id: 'subject', text: 'again' }]);
  expect((await Doc.history('subject')).map(({ ov, op }) => [ov, op])).toEqual([
    [13, 'CREATE'],
    [12, 'ERASE'],
  ]);
});

test('of a document whose number was put back a proof is the only thing left, in manifests too', async () => {
  for (const [erase, options] of [
    [(setup: ReturnType<typeof modelOf>) => setup.Doc.deleteOne({ _id: 'subject' }), ERASING],
    [(setup: ReturnType<typeof modelOf>) => setup.Doc.hardDelete({ id: 'subject' }, { confirm }), {}],
  ] as const) {
    const setup = modelOf(options);
    const { Doc, clock, versions } = setup;
    await plant(setup);
    clock.day = 200;
    await retain(Doc);
    await headsOf(Doc).replaceOne({ _id: 'subject' as never }, { text: 'foreign' });
    await erase(setup);
    expect(await found(versions)).toEqual([]);
    expect((await Doc.history('subject')).map(({ op }) => op)).toEqual(['ERASE']);
    await Doc.create([{ _id: 'subject', text: 'again' }]);
    expect((await Doc.history('subject')).map(({ op }) => op)).toEqual(['CREATE', 'ERASE']);
    expect((await Doc.verify()).counts).toEqual({});
  }
});

test('a deletion does not wait for manifests that object storage cannot give, and recover ends it', async () => {
  const setup = modelOf(ERASING);
  const { Doc, versions } = setup;
  await plant(setup);
  await retain(Doc);
  versions.isOn = false;
  expect(await Doc.deleteOne({ _id: 'subject' })).toMatchObject({ deletedCount: 1 });
  versions.isOn = true;
  expect((await Doc.verify()).counts).toMatchObject({ 'unfinished-erasure': 1 });
  expect((await Doc.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await found(versions)).toEqual([]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('manifests from a time when versions were rolled up are not forgotten by deletions', async () => {
  const setup = modelOf(ERASING);
  const { Doc, versions } = setup;
  await plant(setup);
  await retain(Doc);
  const other = new mongoose.Mongoose();
  const { hosts, replicaSet } = mongoose.connection.getClient().options;
  await other.connect(`mongodb://${hosts.join(',')}/?replicaSet=${replicaSet}`, { dbName: mongoose.connection.name });
  const Later = modelOn(other, Doc.collection.collectionName, ERASING);
  await Later.deleteOne({ _id: 'subject' });
  await other.disconnect();
  expect((await Doc.verify()).counts).toMatchObject({ 'unfinished-erasure': 1 });
  expect((await Doc.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await found(versions)).toEqual([]);
});

test('a deletion of a held document whose versions are in manifests is refused', async () => {
  const setup = modelOf(ERASING);
  const { Doc, clock, versions } = setup;
  await plant(setup);
  clock.day = 200;
  await retain(Doc);
  await Doc.hold('subject', { actor: 'legal' });
  const refusal = { name: 'LegalHoldError', code: 'CHRONOS_LEGAL_HOLD', id: 'subject' };
  await expect(Doc.deleteOne({ _id: 'subject' })).rejects.toMatchObject(refusal);
  await expect(Doc.deleteMany({})).rejects.toMatchObject(refusal);
  await expect(Doc.findOneAndDelete({ _id: 'subject' })).rejects.toMatchObject(refusal);
  expect(await Doc.countDocuments()).toBe(2);
  expect(await found(versions)).toEqual(PLANTED);
  await Doc.releaseHold('subject');
  await Doc.deleteMany({});
  expect(await found(versions)).toEqual([]);
});
