import { gunzipSync } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { allStored, whereFound } from '../support/all-stored.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { VersionedStore } from '../support/versioned-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body?: string;
  file?: string;
}

const json = new VersionedStore('memory json');
const content = new VersionedStore('memory content');
const schema = new mongoose.Schema<File, ChronosModelType<File>>(
  { _id: String, title: String, body: String, file: String } as never,
  { collection: 'files' } as never,
);
schema.plugin(chronos, {
  indexed: ['title'],
  base64: { file: { contentType: 'text/plain', preferredText: true } },
  payload: { json, content, prefix: 'app' },
});
const Files = mongoose.model<File, ChronosModelType<File>>('File', schema);
const confirm = true;

beforeEach(async () => {
  await Files.flush();
  for (const name of ['files', 'files_ver', 'files_locks']) await mongoose.connection.collection(name).deleteMany({});
});

const PLANTED = Array.from({ length: 6 }, (_, n) => `planted ${n}`);
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** What is in the database and in both stores. */
async function stored(): Promise<Buffer[]> {
  const objects = [json, content].map(async (store) => {
    const keys = await store.keys();
    return Promise.all(keys.map(async (key) => readable(Buffer.from(await store.get(key)))));
  });
  return [...(await allStored(mongoose)), ...(await Promise.all(objects)).flat()];
}

function readable(bytes: Buffer): Buffer {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

async function found(): Promise<string[]> {
  const rows = await stored();
  return PLANTED.filter((text) => whereFound(text, rows) || whereFound(base64(text), rows));
}

test('with an erased document go its objects, whatever state its versions are in, and those of others stay', async () => {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = PLANTED;
  await Files.create({ _id: 'subject', title: a, body: b, file: base64(c) });
  await Files.create({ _id: 'sub', title: 'other', body: 'x', file: base64('x') });
  await Files.updateOne({ _id: 'subject' }, { body: d, file: base64(e) });
  await Files.flush();
  await Files.markItemAsProcessed('subject', { confirm });
  await Files.updateOne({ _id: 'subject' }, { title: f });
  expect(await found()).toEqual(PLANTED);
  const others = (await json.keys('app/files/s.sub/')).length;
  const report = await Files.hardDelete({ id: 'subject' }, { confirm });
  await Files.flush();
  expect(report).toMatchObject({ documents: 1, versions: 3 });
  expect(report.objects).toBeGreaterThan(5);
  expect(await found()).toEqual([]);
  expect(await json.keys('app/files/s.subject/')).toEqual([]);
  expect(await json.keys('app/files/s.sub/')).toHaveLength(others);
  expect((await Files.findById('sub'))?.body).toBe('x');
  expect(await Files.verify()).toMatchObject({ ok: true, findings: [] });
});

test('an upload that is under way leaves no object and no older version of one', async () => {
  const [arrival, erasure] = [gate(), gate()];
  content.beforePut = async () => {
    arrival.open();
    await erasure.opened;
  };
  await Files.create({ _id: 'late', title: 't', body: 'planted 0', file: base64('planted 1') });
  await arrival.opened;
  await Files.hardDelete({ id: 'late' }, { confirm });
  content.beforePut = async () => {};
  erasure.open();
  await Files.flush();
  expect(await found()).toEqual([]);
  expect([...json.older, ...content.older]).toEqual([]);
});

test('a document that comes back under its id keeps objects of its own', async () => {
  for (let life = 0; life < 2; life++) {
    await Files.create({ _id: 'again', title: 't', body: 'same', file: base64('same') });
    await Files.flush();
    if (life === 0) await Files.hardDelete({ id: 'again' }, { confirm });
  }
  expect(await Files.markItemAsProcessed('again', { confirm })).toBe(true);
  expect(await Files.findById('again').lean()).toMatchObject({ body: 'same', file: base64('same') });
  json.isOn = false;
  await Files.hardDelete({ id: 'again' }, { confirm }).catch(() => undefined);
  expect((await Files.verify()).counts).toEqual({ 'unfinished-erasure': 1 });
  json.isOn = true;
  await Files.create({ _id: 'again', title: 'new', body: 'new' });
  await Files.flush();
  expect((await Files.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  await Files.markItemAsProcessed('again', { confirm });
  expect(await Files.findById('again').lean()).toMatchObject({ body: 'new' });
  expect(await json.keys('app/files/s.again/')).toHaveLength(1);
});
