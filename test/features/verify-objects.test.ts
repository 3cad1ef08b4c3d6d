import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body: string;
  file?: string;
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');
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
const base64 = (text: string) => Buffer.from(text).toString('base64');

beforeEach(async () => {
  await Files.flush();
  for (const name of ['files', 'files_ver', 'files_locks']) await mongoose.connection.collection(name).deleteMany({});
  await Files.sweep({ confirm, graceMs: 0 });
  await Files.create([
    { _id: 'a', title: '0', body: 'of a', file: base64('file of a') },
    { _id: 'b', title: '0', body: 'of b', file: base64('file of b') },
  ]);
  await Files.flush();
  await Files.updateMany({}, { title: '1' });
  await Files.flush();
});

const keyOf = async (store: SwitchedStore, id: string, ending: string) =>
  (await store.keys(`app/files/s.${id}/`)).find((key) => key.endsWith(ending)) as string;

test('objects that are there and what they were are nothing to tell of', async () => {
  await Files.markItemAsProcessed('a', { confirm });
  for (const objects of [undefined, true, false]) {
    expect(await Files.verify({ objects })).toMatchObject({ ok: true, documents: 2, versions: 4, findings: [] });
  }
});

test('an object that is gone, or has another length, is told with its document and version', async () => {
  await Files.markItemAsProcessed('a', { confirm });
  await json.delete(await keyOf(json, 'a', 'v1/item.json'));
  await content.put(await keyOf(content, 'b', 'blob.bin'), Buffer.from('cut'));
  await content.delete(await keyOf(content, 'b', 'text.txt'));
  const { ok, counts, findings } = await Files.verify();
  expect({ ok, counts }).toEqual({ ok: false, counts: { 'missing-object': 2, 'damaged-object': 1 } });
  const told = findings.map(({ kind, id, ov, detail }) => [kind, id, ov, /whole in MongoDB/.test(detail)]).sort();
  expect(told).toEqual([
    ['damaged-object', 'b', 0, true],
    ['missing-object', 'a', 1, false],
    ['missing-object', 'b', 0, true],
  ]);
  expect(findings.find(({ id }) => id === 'a')?.detail).toMatch(
    /v1\/item\.json in the memory json, which is not there/,
  );
  expect(await Files.verify({ objects: false })).toMatchObject({ ok: true, findings: [] });
  expect(await Files.recover()).toMatchObject({ ok: true, repaired: {} });
});

test('other bytes of the same length are found by those who read them', async () => {
  await content.put(await keyOf(content, 'b', 'blob.bin'), Buffer.from('File of b'));
  expect(await Files.verify()).toMatchObject({ ok: true });
  expect(await Files.verify({ objects: true })).toMatchObject({ ok: false, counts: { 'damaged-object': 1 } });
  // The version before and the one after share it; each is stored again before it leaves MongoDB.
  for (const _ of [1, 2]) await Files.markItemsAsProcessedByTTL(0, { confirm });
  expect(await Files.verify({ objects: true })).toMatchObject({ ok: true, findings: [] });
  expect(await Files.getVersion('b', 0, { lean: true })).toMatchObject({ file: base64('file of b') });
  expect(await Files.findById('b').lean()).toMatchObject({ file: base64('file of b') });
});

test('many objects are looked at, and one that cannot be is an error', async () => {
  await Files.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: `many ${n}`, title: '0', body: 'b' })));
  await Files.flush();
  const gone = (await json.keys('app/files/s.many')).slice(0, 100);
  for (const key of gone) await json.delete(key);
  const report = await Files.verify({ limit: 10 });
  expect(report).toMatchObject({ documents: 302, counts: { 'missing-object': 100 } });
  expect(report.findings).toHaveLength(10);
  const { head } = json;
  json.head = async () => {
    throw new RangeError('no answer');
  };
  await expect(Files.verify()).rejects.toThrow('no answer');
  json.head = head;
});
