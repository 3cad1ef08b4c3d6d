import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { allStored, whereFound } from '../support/all-stored.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Person {
  _id: string;
  name?: string;
  note?: string;
  n?: number;
}

let models = 0;
function modelIn(collection: string, options: ChronosPluginOptions) {
  const definition = { _id: String, name: String, note: String, n: Number } as never;
  const schema = new mongoose.Schema<Person, ChronosModelType<Person>>(definition, { collection } as never);
  schema.plugin(chronos, options);
  models += 1;
  return mongoose.model<Person, ChronosModelType<Person>>(`Person${models}`, schema);
}

const ERASING = { logicalDelete: { enabled: false } } as const;
const People = modelIn('people', ERASING);

beforeEach(async () => {
  for (const { name } of await mongoose.connection.db!.listCollections().toArray()) {
    await mongoose.connection.collection(name).deleteMany({});
  }
});

/** Every way to delete one document. */
const DELETIONS: Record<string, (model: typeof People, _id: string) => PromiseLike<unknown>> = {
  deleteOne: (model, _id) => model.deleteOne({ _id }),
  'deleteOne, unpinned': (model, _id) => model.deleteOne({ name: `name of ${_id}` }),
  deleteMany: (model, _id) => model.deleteMany({ _id: { $in: [_id] } }),
  findOneAndDelete: (model, _id) => model.findOneAndDelete({ _id }),
  'doc.deleteOne': async (model, _id) => (await model.findById(_id).orFail()).deleteOne(),
  bulkWrite: (model, _id) => model.bulkWrite([{ deleteOne: { filter: { _id } } }]),
  'bulkWrite, many': (model, _id) => model.bulkWrite([{ deleteMany: { filter: { _id } } }]),
  native: (model, _id) => model.collection.deleteOne({ _id } as never),
  transaction: (model, _id) =>
    mongoose.connection.transaction(async (session) => {
      await model.deleteOne({ _id }, { session });
    }),
  'findOneAndDelete, opId': (model, _id) => model.findOneAndDelete({ _id }, { chronos: { opId: `delete ${_id}` } }),
  'findOneAndDelete, opId, without _id': (model, _id) =>
    model.findOneAndDelete({ _id }, { projection: { _id: 0 }, chronos: { opId: `delete ${_id}` } }),
};

async function lived(model: typeof People, _id: string): Promise<void> {
  await model.create({ _id, name: `name of ${_id}`, note: `first of ${_id}` });
  await model.updateOne({ _id }, { note: `second of ${_id}` });
  const same = { note: `second of ${_id}` };
  await model.findOneAndUpdate({ _id }, same, { chronos: { opId: `same ${_id}` } });
  await model.findOneAndUpdate({ _id }, { n: 1 }, { chronos: { opId: `update ${_id}` } });
}

test.each(Object.keys(DELETIONS))('%s erases a document with its history, and leaves a proof', async (name) => {
  await lived(People, 'subject');
  await lived(People, 'other');
  const before = (await allStored(mongoose)).filter((row) => row.includes('other')).length;
  await DELETIONS[name]?.(People, 'subject');
  await People.flush();
  const rows = await allStored(mongoose);
  expect(['name of', 'first of', 'second of'].filter((text) => whereFound(`${text} subject`, rows))).toEqual([]);
  expect(rows.filter((row) => row.includes('other'))).toHaveLength(before);
  const history = await People.history('subject');
  expect(history.map(({ ov, op, doc }) => [ov, op, doc])).toEqual([[3, 'ERASE', null]]);
  expect(await People.verify()).toMatchObject({ ok: true, findings: [] });
  expect(await mongoose.connection.collection('people_locks').countDocuments({ erase: { $exists: true } })).toBe(0);
});

test('an aborted transaction erases nothing, and what one began anew does not delete stays', async () => {
  await lived(People, 'a');
  await lived(People, 'b');
  const before = await allStored(mongoose);
  const session = await mongoose.startSession();
  session.startTransaction();
  await People.deleteOne({ _id: 'a' }, { session });
  await session.abortTransaction();
  expect(await allStored(mongoose)).toEqual(before);
  session.startTransaction();
  await People.deleteOne({ _id: 'b' }, { session });
  await session.commitTransaction();
  await session.endSession();
  await People.flush();
  expect((await People.history('a')).map(({ ov }) => ov)).toEqual([2, 1, 0]);
  expect(whereFound('of a', await allStored(mongoose))).toBe(true);
  expect(whereFound('of b', await allStored(mongoose))).toBe(false);
});

test('who, why and when stay, and an id that comes back goes on after the proof', async () => {
  await lived(People, 'a');
  await People.deleteOne({ _id: 'a' }, { chronos: { actor: 'dpo', reason: 'request 42' } });
  await People.create([{ _id: 'a', name: 'new' }]);
  await People.updateOne({ _id: 'a' }, { n: 2 });
  const history = await People.history('a');
  expect(history.map(({ ov, op, actor, reason }) => [ov, op, actor, reason])).toEqual([
    [5, 'UPDATE', null, null],
    [4, 'CREATE', null, null],
    [3, 'ERASE', 'dpo', 'request 42'],
  ]);
  await expect(People.restore('a', { ov: 1 })).rejects.toMatchObject({ name: 'VersionNotFoundError' });
  expect(await People.getLatest('a', { includeDeleted: true })).toMatchObject({ name: 'new' });
});

test('many documents go at once, with more versions than fit into one transaction', async () => {
  const ids = Array.from({ length: 30 }, (_, n) => `p${n}`);
  await People.insertMany(ids.map((_id) => ({ _id, note: `planted ${_id}` })));
  const records = ids.flatMap((id) =>
    Array.from({ length: 300 }, (_, ov) => ({
      _id: { id, ov },
      note: `planted ${id}`,
      _system: { ov, updatedAt: new Date(ov), until: new Date(ov + 1), node: ov * 2 + 1 },
    })),
  );
  await recordsOf(People).insertMany(records as never[]);
  await headsOf(People).updateMany({}, { $set: { _system: { ov: 300, updatedAt: new Date(300) } } } as never);
  expect(await People.deleteMany({})).toMatchObject({ deletedCount: 30 });
  expect(whereFound('planted', await allStored(mongoose))).toBe(false);
  expect(await recordsOf(People).countDocuments()).toBe(30);
  expect(await People.verify()).toMatchObject({ ok: true, findings: [] });
});

test('writers and deleters of one document at the same time leave a whole life or none', async () => {
  for (let round = 0; round < 10; round++) {
    const _id = `race ${round}`;
    await People.create({ _id, note: `planted ${round}`, n: 0 });
    await Promise.all([
      People.updateOne({ _id }, { $inc: { n: 1 } }),
      People.findOneAndUpdate({ _id }, { n: 0 }, { chronos: { opId: `op ${round}` } }),
      People.deleteOne({ _id }),
      People.findOneAndUpdate({ _id }, { $inc: { n: 1 } }, { chronos: { opId: `other ${round}` } }),
    ]);
  }
  await People.flush();
  expect(await People.countDocuments()).toBe(0);
  expect(whereFound('planted', await allStored(mongoose))).toBe(false);
  expect(await People.verify()).toMatchObject({ ok: true, findings: [] });
});

test('without versions nothing at all is left', async () => {
  const Bare = modelIn('bare', { ...ERASING, versioning: { enabled: false } });
  for (const [name, erase] of Object.entries(DELETIONS)) {
    await lived(Bare, name);
    await erase(Bare, name);
    await Bare.flush();
    const rows = await allStored(mongoose);
    expect({ name, found: whereFound(`of ${name}`, rows) }).toEqual({ name, found: false });
  }
  expect(await headsOf(Bare).countDocuments()).toBe(0);
  expect(await mongoose.connection.db!.listCollections({ name: 'bare_ver' }).toArray()).toEqual([]);
  expect(await Bare.verify()).toMatchObject({ ok: true, documents: 0, findings: [] });
});

test('objects go after the deletion, which an outage of their store does not delay', async () => {
  const store = new SwitchedStore('memory');
  const base64 = { note: { contentType: 'text/plain', preferredText: true } };
  const Files = modelIn('files', { ...ERASING, indexed: ['n'], base64, payload: { json: store, prefix: 'app' } });
  const live = async (_id: string) => {
    await Files.create({ _id, name: `name of ${_id}`, note: Buffer.from(`note of ${_id}`).toString('base64') });
    await Files.updateOne({ _id }, { name: `new name of ${_id}` });
    await Files.flush();
  };
  await live('a');
  await live('b');
  await Files.markItemAsProcessed('a', { confirm: true });
  await Files.deleteOne({ _id: 'a' });
  await Files.flush();
  expect(await store.keys('app/files/s.a/')).toEqual([]);
  const ofB = await store.keys('app/files/s.b/');
  expect(ofB.length).toBeGreaterThan(2);
  store.isOn = false;
  await mongoose.connection.transaction(async (session) => {
    await Files.deleteOne({ _id: 'b' }, { session });
  });
  expect(await Files.findById('b')).toBe(null);
  await Files.flush();
  store.isOn = true;
  expect(await store.keys('app/files/s.b/')).toEqual(ofB);
  expect((await Files.verify()).counts).toEqual({ 'unfinished-erasure': 1 });
  await live('b');
  expect((await Files.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await store.keys('app/files/s.b/')).not.toEqual(expect.arrayContaining([ofB[0]]));
  expect(await Files.findById('b').lean()).toMatchObject({ name: 'new name of b' });
  expect(await Files.verify()).toMatchObject({ ok: true, findings: [] });
});
