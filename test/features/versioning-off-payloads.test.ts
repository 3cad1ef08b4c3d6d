import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { headsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body?: string;
  file?: string;
  other?: string;
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');
const text = { contentType: 'text/plain', preferredText: true };
let models = 0;

function modelWith(options: ChronosPluginOptions, on = mongoose, collection = 'files') {
  const definition = { _id: String, title: String, body: String, file: String, other: String } as never;
  const schema = new on.Schema<File, ChronosModelType<File>>(definition, { collection } as never);
  const base64 = { file: text, other: text };
  schema.plugin(chronos, { indexed: ['title'], base64, payload: { json, content, prefix: 'app' }, ...options });
  models += 1;
  return on.model<File, ChronosModelType<File>>(`File${models}`, schema);
}

const Files = modelWith({ versioning: { enabled: false } });
const base64 = (value: string) => Buffer.from(value).toString('base64');
const confirm = true;

/** The keys of all objects, without what begins all of them and without incarnations. */
async function objects(): Promise<string[]> {
  const keys = [...(await json.keys('app/files/s')), ...(await content.keys('app/files/s'))];
  return keys.map((key) => key.replace(/^app\/files\/(s\.\w+)\/[0-9a-f]{8,32}\//, '$1 '));
}

beforeEach(async () => {
  await Files.flush();
  await Files.deleteMany({});
  await Files.flush();
});

test('only the objects of the current version are kept, with the blobs that have not changed', async () => {
  await Files.create({ _id: 'a', title: 't', body: 'first', file: base64('file'), other: base64('one') });
  await Files.flush();
  expect(await objects()).toHaveLength(5);
  await Files.updateOne({ _id: 'a' }, { body: 'second', other: base64('two') });
  await Files.flush();
  const unchanged = ['s.a v0/file/blob.bin', 's.a v0/file/text.txt'];
  const own = ['s.a v1/other/blob.bin', 's.a v1/other/text.txt'];
  expect(await objects()).toEqual(['s.a v1/item.json', ...unchanged, ...own]);
  await Files.markItemAsProcessed('a', { confirm });
  expect(await Files.findById('a').lean()).toMatchObject({ body: 'second', file: base64('file') });
  await Files.updateOne({ _id: 'a' }, { $unset: { other: 1, file: 1 } });
  await Files.flush();
  expect(await objects()).toEqual(['s.a v2/item.json']);
  expect((await headsOf(Files).findOne({ _id: 'a' } as never))?._system).not.toHaveProperty('blobs');
  await Files.markItemAsProcessed('a', { confirm });
  expect(await Files.findById('a').lean()).toEqual({ _id: 'a', title: 't', body: 'second', __v: 0 });
  const collections = await mongoose.connection.db!.listCollections().toArray();
  expect(collections.map(({ name }) => name).sort()).toEqual(['files', 'files_locks']);
});

test('an object is removed only once the one that takes its place is stored', async () => {
  await Files.create({ _id: 'b', title: 't', body: 'first' });
  await Files.flush();
  json.isOn = false;
  await Files.updateOne({ _id: 'b' }, { body: 'second' });
  await Files.updateOne({ _id: 'b' }, { body: 'third' });
  await expect(Files.flush({ deadlineMs: 50 })).rejects.toThrow();
  json.isOn = true;
  expect(await objects()).toEqual(['s.b v0/item.json']);
  await Files.flush();
  expect(await objects()).toEqual(['s.b v2/item.json']);
});

test('a version that is replaced while it is on its way leaves no object', async () => {
  const { arrived, goOn, hold } = held();
  json.beforePut = hold;
  await Files.create([{ _id: 'c', title: 't', body: 'first', file: base64('same') }]);
  await arrived;
  json.beforePut = async () => {};
  await Files.updateOne({ _id: 'c' }, { body: 'second' });
  goOn();
  await Files.flush();
  expect(await objects()).toEqual(['s.c v1/item.json', 's.c v1/file/blob.bin', 's.c v1/file/text.txt']);
});

test('what a second process has stored and a later version goes on with is not taken back by the first', async () => {
  const other = new mongoose.Mongoose();
  const { hosts, replicaSet } = mongoose.connection.getClient().options;
  await other.connect(`mongodb://${hosts.join(',')}/?replicaSet=${replicaSet}`, { dbName: mongoose.connection.name });
  const Second = modelWith({ versioning: { enabled: false } }, other);
  const put = content.beforePut;
  const { arrived, goOn, hold } = held();
  content.beforePut = hold;
  await Files.create([{ _id: 'g', title: 't', body: 'first', file: base64('same') }]);
  await arrived;
  content.beforePut = put;
  await Second.updateOne({ _id: 'g' }, { title: 't' });
  await Second.flush();
  await Second.updateOne({ _id: 'g' }, { body: 'second' });
  await Second.flush();
  goOn();
  await Files.flush();
  await other.disconnect();
  expect(await objects()).toEqual(['s.g v1/item.json', 's.g v0/file/blob.bin', 's.g v0/file/text.txt']);
});

test('objects of a document that comes back while those of the one before are to be erased stay', async () => {
  const Bare = modelWith({ versioning: { enabled: false }, logicalDelete: { enabled: false } }, mongoose, 'bare');
  await Bare.create([{ _id: 'h', title: 't', body: 'planted' }]);
  await Bare.flush();
  json.isOn = false;
  await Bare.deleteOne({ _id: 'h' });
  await Bare.flush();
  json.isOn = true;
  await Bare.create([{ _id: 'h', title: 't', body: 'again' }]);
  await Bare.flush();
  expect(await json.keys('app/bare/s.h/')).toHaveLength(2);
  expect((await Bare.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await json.keys('app/bare/s.h/')).toHaveLength(1);
  await Bare.markItemAsProcessed('h', { confirm });
  expect(await Bare.findById('h').lean()).toMatchObject({ body: 'again' });
});

test('the objects of a deleted document go, and those of one that comes back under its id stay', async () => {
  await Files.create({ _id: 'd', title: 't', body: 'first', file: base64('x') });
  await Files.flush();
  await Files.markItemAsProcessed('d', { confirm });
  json.isOn = false;
  content.isOn = false;
  await Files.deleteOne({ _id: 'd' });
  await Files.flush();
  json.isOn = true;
  content.isOn = true;
  expect(await objects()).toHaveLength(3);
  expect((await Files.verify()).counts).toEqual({ 'unfinished-erasure': 1 });
  await Files.create({ _id: 'd', title: 't', body: 'again', file: base64('y') });
  await Files.flush();
  expect((await Files.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await objects()).toEqual(['s.d v0/item.json', 's.d v0/file/blob.bin', 's.d v0/file/text.txt']);
  await Files.markItemAsProcessed('d', { confirm });
  expect(await Files.findById('d').lean()).toMatchObject({ body: 'again', file: base64('y') });
  expect(await Files.verify()).toMatchObject({ ok: true, findings: [] });
});

test('a reader whose object is removed meanwhile gets the document as it is by then, or none', async () => {
  for (const end of ['replaced', 'deleted'] as const) {
    await Files.create([{ _id: 'e', title: 't', body: 'first' }]);
    await Files.flush();
    await Files.markItemAsProcessed('e', { confirm });
    const { arrived, goOn, hold } = held();
    json.beforeGet = async (key) => (key.endsWith('v0/item.json') ? hold() : undefined);
    const found = Files.find({ title: 't' }).lean().exec();
    const one = Files.findById('e').select('body').lean().exec();
    const latest = Files.getLatest('e', { lean: true });
    await arrived;
    if (end === 'replaced') await Files.replaceOne({ _id: 'e' }, { title: 't', body: 'second' });
    else await Files.deleteOne({ _id: 'e' });
    await Files.flush();
    expect(await objects()).toEqual(end === 'replaced' ? ['s.e v1/item.json'] : []);
    json.beforeGet = async () => {};
    goOn();
    const bodies = [(await found)[0]?.body, (await one)?.body, (await latest)?.body];
    expect({ end, bodies }).toEqual({ end, bodies: Array(3).fill(end === 'replaced' ? 'second' : undefined) });
    await Files.deleteMany({});
    await Files.flush();
  }
});

test('a writer whose document is replaced while its payload is fetched meets the one that took its place', async () => {
  await Files.create([{ _id: 'f', title: 't', body: 'first', other: base64('1') }]);
  await Files.flush();
  await Files.markItemAsProcessed('f', { confirm });
  const { arrived, goOn, hold } = held();
  json.beforeGet = async (key) => (key.endsWith('v0/item.json') ? hold() : undefined);
  const writing = Files.updateOne({ _id: 'f' }, { other: base64('2') }).exec();
  await arrived;
  await Files.collection.replaceOne({ _id: 'f' } as never, { title: 't', body: 'second' } as never, {
    comment: 'apart',
  });
  await Files.flush();
  json.beforeGet = async () => {};
  goOn();
  expect(await writing).toMatchObject({ modifiedCount: 1 });
  await Files.flush();
  await Files.markItemAsProcessed('f', { confirm });
  expect(await Files.findById('f').lean()).toMatchObject({ body: 'second', other: base64('2') });
});

/** Holds back what is done with objects until it may go on. */
function held() {
  const [arrival, departure] = [gate(), gate()];
  const hold = async () => {
    arrival.open();
    await departure.opened;
  };
  return { arrived: arrival.opened, goOn: departure.open, hold };
}

const textOf = (url = '') => Buffer.from(url.split('base64,')[1] ?? '', 'base64').toString('utf8');

test('a version that is replaced before it is stored is presigned as the one that took its place', async () => {
  let isFirst = true;
  content.beforePut = async () => {
    if (!isFirst) return;
    isFirst = false;
    await Files.updateOne({ _id: 'p' }, { file: base64('two') });
  };
  await Files.create({ _id: 'p', title: 't', file: base64('one') });
  expect(textOf((await Files.presign('p')).file?.blobUrl)).toBe('two');
  content.beforePut = async () => {};
});

test('a version that is replaced while it is presigned is presigned as the one that took its place', async () => {
  await Files.create({ _id: 'q', title: 't', file: base64('one') });
  await Files.flush();
  const { presign } = content;
  content.presign = async (...args) => {
    content.presign = presign;
    await Files.updateOne({ _id: 'q' }, { file: base64('two') });
    await Files.flush();
    return presign.apply(content, args);
  };
  expect(textOf((await Files.presign('q')).file?.blobUrl)).toBe('two');
});
