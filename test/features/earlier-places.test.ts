import { afterAll, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body: string;
  file: string;
}

const opened: (typeof mongoose)[] = [];
afterAll(() => Promise.all(opened.map((one) => one.disconnect())));

const confirm = true;
const secret = Buffer.from('planted').toString('base64');

interface Kept {
  readonly json: SwitchedStore;
  readonly content?: SwitchedStore;
  readonly prefix: string;
}

/** A model as a process of its own has it. */
async function filesOf(collection: string, payload: Kept, dbName = mongoose.connection.name) {
  const on = new mongoose.Mongoose();
  opened.push(on);
  const { hosts, replicaSet } = mongoose.connection.getClient().options;
  await on.connect(`mongodb://${hosts.join(',')}/?replicaSet=${replicaSet}`, { dbName });
  const definition = { _id: String, title: String, body: String, file: String } as never;
  const schema = new on.Schema<File, ChronosModelType<File>>(definition, { collection } as never);
  schema.plugin(chronos, { indexed: ['title'], base64: { file: { contentType: 'text/plain' } }, payload });
  return on.model<File, ChronosModelType<File>>('File', schema);
}

type Files = Awaited<ReturnType<typeof filesOf>>;

async function write(Files: Files, ids: readonly string[]): Promise<void> {
  for (const _id of ids) await Files.create([{ _id, title: 'a', body: 'planted', file: secret }]);
  await Files.updateMany({}, { body: 'planted again' });
  await Files.flush();
}

const documentsOf = (keys: readonly string[]) => keys.filter((key) => !key.includes('!owner'));

test('an erasure follows the objects of a document to the prefixes that the collection had', async () => {
  const json = new SwitchedStore('bucket json');
  const content = new SwitchedStore('bucket content');
  const Before = await filesOf('moved', { json, content, prefix: 'one' });
  await write(Before, ['a', 'b']);
  await Before.markItemAsProcessed('a', { confirm });
  const After = await filesOf('moved', { json, content, prefix: 'two' });
  await After.updateMany({}, { body: 'planted once more' });
  await After.flush();
  expect(await json.keys('one/moved/')).not.toEqual([]);
  expect(await json.keys('two/moved/')).not.toEqual([]);

  expect(await After.hardDelete({ id: 'a' }, { confirm })).toMatchObject({ documents: 1, unreachable: [] });
  const left = [...(await json.keys()), ...(await content.keys())];
  expect(left.filter((key) => key.includes('s.a'))).toEqual([]);
  expect(await After.findById('b').lean()).toMatchObject({ body: 'planted once more', file: secret });
  expect(await After.history('b')).toHaveLength(3);
  expect(await After.verify({ objects: true })).toMatchObject({ ok: true });
});

test('a sweep looks at the prefixes that the collection had, and takes nothing that is referred to', async () => {
  const json = new SwitchedStore('bucket');
  await write(await filesOf('swept', { json, prefix: 'one' }), ['a']);
  await json.put('one/swept/s.gone/v0/item.json', Buffer.from('x'));
  const After = await filesOf('swept', { json, prefix: 'two' });
  await After.updateOne({ _id: 'a' }, { body: 'c' });
  await After.flush();
  expect(await After.sweep({ confirm, graceMs: 0 })).toMatchObject({ orphans: 1 });
  expect(await After.verify({ objects: true })).toMatchObject({ ok: true });
});

test('an erasure stays unfinished, and says why, while objects may be in a bucket that the model has no more', async () => {
  const old = new SwitchedStore('bucket of old');
  await write(await filesOf('left', { json: old, prefix: 'app' }), ['a']);
  const json = new SwitchedStore('bucket of now');
  for (const key of await old.keys()) await json.put(key, await old.get(key));
  const Files = await filesOf('left', { json, prefix: 'app' });

  const report = await Files.hardDelete({ id: 'a' }, { confirm });
  const why = expect.stringMatching(/bucket of old, prefix "app": this model does not have it.*left_locks/);
  expect(report).toMatchObject({ documents: 1, unreachable: [why] });
  expect(documentsOf(await json.keys())).toEqual([]);
  const detail = expect.stringContaining('there may be objects in the bucket of old');
  expect(await Files.verify()).toMatchObject({ findings: [{ kind: 'unfinished-erasure', id: 'a', detail }] });
  expect((await Files.recover()).repaired).toEqual({});

  await mongoose.connection.collection('left_locks').deleteOne({ '_id.store': 'bucket of old' });
  expect((await Files.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
});

test('a copy of a database erases nothing of the one that it is a copy of', async () => {
  const json = new SwitchedStore('bucket');
  const Original = await filesOf('copied', { json, prefix: 'original' });
  await write(Original, ['a']);
  await Original.markItemsAsProcessedByTTL(0, { confirm });
  const dbName = `${mongoose.connection.name}-copy`;
  const copy = mongoose.connection.useDb(dbName);
  for (const name of ['copied', 'copied_ver', 'copied_locks']) {
    await copy.collection(name).insertMany(await mongoose.connection.collection(name).find().toArray());
  }
  const Copy = await filesOf('copied', { json, prefix: 'copy' }, dbName);
  const why = expect.stringMatching(/prefix "original".*belong to the database/);
  expect(await Copy.hardDelete({ id: 'a' }, { confirm })).toMatchObject({ unreachable: [why] });
  expect(await Copy.sweep({ confirm, graceMs: 0 })).toMatchObject({ orphans: 0 });
  expect(await Original.findById('a').lean()).toMatchObject({ body: 'planted again', file: secret });
  await copy.dropDatabase();
});
