import type { Connection, Types } from 'mongoose';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, StorageError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Note {
  _id: Types.ObjectId;
  title: string;
  body: string;
  count: number;
}

const store = new SwitchedStore();
let now = new Date('2026-01-01T00:00:00Z');

function notes(
  name: string,
  options: Omit<ChronosPluginOptions['payload'] & object, 'json'>,
  more = {},
  on: Connection = mongoose.connection,
) {
  const schema = new mongoose.Schema<Note, ChronosModelType<Note>>({ title: String, body: String, count: Number });
  schema.plugin(chronos, {
    indexed: ['title'],
    payload: { json: store, ...options },
    clock: { now: () => now },
    ...more,
  });
  return on.model<Note, ChronosModelType<Note>>(name, schema);
}

type Notes = ReturnType<typeof notes>;
const stateOf = async (Notes: Notes, _id: Types.ObjectId) => {
  const row = await mongoose.connection.collection(Notes.collection.name).findOne({ _id });
  return (row as unknown as { _system: { state: string } })._system.state;
};

async function processed(Notes: Notes, note: Partial<Note> = {}) {
  const { _id } = await Notes.create({ title: 'a', body: 'text', count: 1, ...note });
  await Notes.flush();
  await Notes.markItemAsProcessed(_id, { confirm: true });
  expect(await stateOf(Notes, _id)).toBe('processed');
  return _id;
}

beforeEach(() => {
  store.isOn = true;
  store.beforePut = async () => {};
  now = new Date('2026-01-01T00:00:00Z');
});

describe('a transaction of the caller', () => {
  const Notes = notes('Joined', {});

  test('changes documents whose payload is in object storage', async () => {
    const [a, b] = [await processed(Notes), await processed(Notes)];
    await mongoose.connection.transaction(async (session) => {
      await Notes.updateOne({ _id: a }, { $inc: { count: 1 } }, { session });
      await Notes.updateMany({ _id: { $in: [a, b] } }, { $inc: { count: 10 } }, { session });
    });
    expect(
      await Notes.find({ _id: { $in: [a, b] } })
        .sort('_id')
        .lean(),
    ).toMatchObject([
      { body: 'text', count: 12 },
      { body: 'text', count: 11 },
    ]);
    expect((await Notes.verify()).ok).toBe(true);
  });

  test('has its payloads stored once it is committed, and not before', async () => {
    let id: Types.ObjectId | undefined;
    await mongoose.connection.transaction(async (session) => {
      const [note] = await Notes.create([{ title: 'a', body: 'b', count: 0 }], { session });
      id = note?._id;
      await Notes.flush();
      expect(await store.keys(`${mongoose.connection.name}/joineds/${id}/`)).toEqual([]);
    });
    await expect.poll(() => stateOf(Notes, id as Types.ObjectId)).toBe('new');
  });

  test('leaves nothing in object storage when it is aborted', async () => {
    const session = await mongoose.startSession();
    session.startTransaction();
    const [note] = await Notes.create([{ title: 'a', body: 'b', count: 0 }], { session });
    await session.abortTransaction();
    await session.endSession();
    await Notes.flush();
    expect(await store.keys(`${mongoose.connection.name}/joineds/${note?._id}/`)).toEqual([]);
  });
});

describe('an atomic write of many', () => {
  // An `opId` is remembered for 30 days by the clock of the server.
  const Notes = notes('Atomic', {}, { collectionVersion: true, clock: { now: () => new Date() } });

  test('changes documents whose payload is in object storage, each once', async () => {
    await Notes.create(Array.from({ length: 30 }, (_, count) => ({ title: 'many', body: 'text', count })));
    await Notes.flush();
    await Notes.markItemsAsProcessedByTTL(0, { confirm: true });
    await Notes.updateMany({ title: 'many' }, { $inc: { count: 100 } }, { chronos: { multi: 'atomic' } });
    const counts = (await Notes.find({ title: 'many' }).lean()).map(({ count }) => count);
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, count) => count + 100));
    const cvs = (await mongoose.connection.collection('atomics').find().toArray()).map(({ _system }) => _system.cv);
    expect(new Set(cvs).size).toBe(30);
  });

  test('once (opId) changes a document whose payload is in object storage once', async () => {
    const _id = await processed(Notes);
    const options = { chronos: { opId: 'once' } };
    await Promise.all([1, 2].map(() => Notes.updateOne({ _id }, { $inc: { count: 1 } }, options)));
    expect(await Notes.findById(_id).lean()).toMatchObject({ count: 2, body: 'text' });
    const counter = await mongoose.connection.collection('atomics_counter').findOne({});
    const versions = await mongoose.connection.collection('atomics_ver').countDocuments();
    expect(counter).toMatchObject({ value: versions + (await Notes.countDocuments()) });
  });
});

describe('parallel writes', () => {
  const Notes = notes('Parallel', {});

  test('of documents with and without payload in object storage need object storage only for the former', async () => {
    const away = await processed(Notes);
    const here = await Notes.create(Array.from({ length: 5 }, () => ({ title: 'b', body: 'here', count: 1 })));
    await Notes.flush();
    store.isOn = false;
    const ids = [away, ...here.map(({ _id }) => _id)];
    const results = await Promise.allSettled(ids.map((_id) => Notes.updateOne({ _id }, { $inc: { count: 1 } })));
    expect(results.map(({ status }) => status)).toEqual(['rejected', ...here.map(() => 'fulfilled')]);
    expect((results[0] as PromiseRejectedResult).reason).toBeInstanceOf(StorageError);
    expect(await Notes.find({ title: 'b' }).select('count').lean()).toHaveLength(5);
    store.isOn = true;
    await Notes.updateOne({ _id: away }, { $inc: { count: 1 } });
    expect(await Notes.findById(away).lean()).toMatchObject({ count: 2, body: 'text' });
  });

  test('race with uploads and marks, and lose nothing', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, () => processed(Notes, { title: 'race' })));
    let isDone = false;
    const marking = (async () => {
      while (!isDone) await Notes.markItemsAsProcessedByTTL(0, { confirm: true });
    })();
    const rounds = 25;
    await Promise.all(
      ids.map(async (_id) => {
        for (let round = 0; round < rounds; round++) {
          await Notes.updateOne({ _id }, { $inc: { count: 1 }, $set: { body: `text ${round}` } });
        }
      }),
    );
    isDone = true;
    await marking;
    await Notes.flush();
    await Notes.markItemsAsProcessedByTTL(0, { confirm: true });
    for (const _id of ids) {
      expect(await Notes.findById(_id).lean()).toMatchObject({ count: 1 + rounds, body: `text ${rounds - 1}` });
      const history = await Notes.history(_id, { lean: true });
      expect(history.map(({ doc }) => (doc as Note).count)).toEqual(
        Array.from({ length: rounds + 1 }, (_, round) => rounds + 1 - round),
      );
    }
    expect((await Notes.verify()).ok).toBe(true);
  });
});

describe('writeOptimization', () => {
  test("ack: 'stored' has writes wait for object storage, and says what stands where it does not answer", async () => {
    const Notes = notes('Acked', { writeOptimization: { ack: 'stored' } });
    const { _id } = await Notes.create({ title: 'a', body: 'b', count: 0 });
    expect(await stateOf(Notes, _id)).toBe('new');
    await Notes.updateOne({ _id }, { body: 'c' });
    expect(await stateOf(Notes, _id)).toBe('new');
    store.isOn = false;
    const late = Notes.updateOne({ _id }, { body: 'd' }, { chronos: { deadlineMs: 300 } });
    const error = await late.then(null, (failure: unknown) => failure);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ committed: true, ov: 2 });
    expect(await Notes.findById(_id).lean()).toMatchObject({ body: 'd' });
  });

  test('batchS3 has new versions wait for others, unless they are asked for', async () => {
    const Notes = notes('Batched', { writeOptimization: { batchS3: true, batchWindowMs: 600_000 } });
    const { _id } = await Notes.create({ title: 'a', body: 'b', count: 0 });
    await Notes.create({ title: 'a', body: 'b', count: 0 });
    expect(await stateOf(Notes, _id)).toBe('new-not-synched');
    await Notes.flush();
    expect(await stateOf(Notes, _id)).toBe('new');
  });

  test.each([
    [true, 'processed'],
    [false, 'new'],
  ])('allowShadowSkip: %s leaves superseded versions %s once they are stored', async (allowShadowSkip, state) => {
    const devShadow = { ttlHours: 24 };
    const Notes = notes(`Skipping ${allowShadowSkip}`, { devShadow, writeOptimization: { allowShadowSkip } });
    const write = (note: Partial<Note>) => Notes.create({ title: 'a', body: 'b', count: 0, ...note });
    const stored = (_id: Types.ObjectId) => expect.poll(() => stateOf(Notes, _id)).toBe('new');
    const versions = mongoose.connection.collection(`${Notes.collection.name}_ver`);
    const statesOf = async ({ _id }: { _id: Types.ObjectId }) => {
      const rows = await versions.find({ '_id.id': _id }, { sort: { '_id.ov': 1 } }).toArray();
      return rows.map(({ _system }) => _system.state);
    };
    const [before, meanwhile, gone] = [await write({}), await write({}), await write({})];
    for (const { _id } of [before, meanwhile, gone]) await stored(_id);
    await Notes.updateOne({ _id: before._id }, { body: 'c' });
    await Notes.deleteOne({ _id: gone._id });
    await stored(before._id);
    await expect.poll(() => statesOf(before)).toEqual([state]);
    await expect.poll(() => statesOf(gone)).toEqual([state, undefined]);
    store.isOn = false;
    for (const body of ['d', 'e']) await Notes.updateOne({ _id: meanwhile._id }, { body });
    store.isOn = true;
    await expect.poll(() => statesOf(meanwhile), { timeout: 10_000 }).toEqual([state, state]);
    for (const { _id } of [before, meanwhile]) await stored(_id);
    expect(await Notes.getVersion(before._id, 0, { lean: true })).toMatchObject({ body: 'b' });
    expect(await Notes.getVersion(meanwhile._id, 1, { lean: true })).toMatchObject({ body: 'd' });
  });

  test('allowShadowSkip finds what an earlier process has left', async () => {
    const left = notes('Left', { devShadow: { ttlHours: 24 } });
    const { _id } = await left.create({ title: 'a', body: 'b', count: 0 });
    await left.updateOne({ _id }, { body: 'c' });
    await left.flush();
    const later = await mongoose.createConnection(inject('mongoUri'), { dbName: mongoose.connection.name }).asPromise();
    const skipping = { devShadow: { ttlHours: 24 }, writeOptimization: { allowShadowSkip: true } };
    const Notes = notes('Left', skipping, {}, later);
    await Notes.flush();
    const states = await mongoose.connection.collection('lefts_ver').distinct('_system.state');
    expect([states, await stateOf(Notes, _id)]).toEqual([['processed'], 'new']);
    await later.close();
  });
});

describe('devShadow', () => {
  test('keeps whole documents in MongoDB for so many hours', async () => {
    const Notes = notes('Shadowed', { devShadow: { ttlHours: 24 } });
    const { _id } = await Notes.create({ title: 'a', body: 'b', count: 0 });
    now = new Date('2026-01-01T23:00:00Z');
    await Notes.flush();
    expect(await stateOf(Notes, _id)).toBe('new');
    now = new Date('2026-01-02T00:00:01Z');
    await Notes.flush();
    expect(await stateOf(Notes, _id)).toBe('processed');
    await Notes.updateOne({ _id }, { title: 'b' });
    expect(await Notes.findById(_id).lean()).toMatchObject({ title: 'b', body: 'b' });
  });

  test('keeps no document that is larger than it may be', async () => {
    const Notes = notes('Limited', { devShadow: { ttlHours: 24, maxBytesPerDoc: 1_000 } });
    const small = await Notes.create({ title: 'a', body: 'b', count: 0 });
    const large = await Notes.create({ title: 'a', body: 'b'.repeat(1_000), count: 0 });
    await Notes.flush();
    expect(await stateOf(Notes, small._id)).toBe('new');
    expect(await stateOf(Notes, large._id)).toBe('processed');
  });
});

describe('an outage of object storage', () => {
  const Notes = notes('Outage', { devShadow: { ttlHours: 0 } });

  test('delays no write, loses none, and is made up for', async () => {
    store.isOn = false;
    const created = await Notes.create(
      Array.from({ length: 20 }, (_, count) => ({ title: 'o', body: `text ${count}`, count })),
    );
    await Promise.all(created.map(({ _id }) => Notes.updateOne({ _id }, { $inc: { count: 100 } })));
    expect((await Notes.find({ title: 'o' }).lean()).every(({ count, body }) => body === `text ${count - 100}`)).toBe(
      true,
    );
    store.isOn = true;
    await Notes.flush();
    for (const name of ['outages', 'outages_ver']) {
      const rows = await mongoose.connection.collection(name).find().toArray();
      expect(rows).toHaveLength(20);
      for (const row of rows) expect(Object.keys(row)).not.toContain('body');
    }
    expect((await Notes.find({ title: 'o' }).lean()).every(({ count, body }) => body === `text ${count - 100}`)).toBe(
      true,
    );
  });
});

test('a document that cannot be stored delays no other, and is stored once it can be', async () => {
  const Notes = notes('Poisoned', { writeOptimization: { ack: 'stored' } });
  const _id = new mongoose.Types.ObjectId();
  const refusal = new StorageError({ message: 'Too odd', store: store.name, retryable: false });
  store.beforePut = async (key) => {
    if (key.includes(String(_id))) throw refusal;
  };
  const soon = { chronos: { deadlineMs: 1_000 } };
  await expect(Notes.create([{ _id, title: 'a', body: 'odd', count: 0 }], soon)).rejects.toMatchObject({
    committed: true,
    cause: refusal,
  });
  for (let count = 0; count < 12; count++) {
    await Notes.create([{ title: 'a', body: 'b', count }], soon);
  }
  expect(await mongoose.connection.collection('poisoneds').countDocuments({ '_system.state': 'new' })).toBe(12);
  await expect(Notes.updateOne({ _id }, { count: 1 }, soon)).rejects.toMatchObject({ committed: true, ov: 1 });
  await expect(Notes.flush({ deadlineMs: 300 })).rejects.toThrow(StorageError);
  store.beforePut = async () => {};
  await Notes.flush();
  expect(await stateOf(Notes, _id)).toBe('new');
});

test('documents and versions from before payloads were kept are stored once they are adopted', async () => {
  const Notes = notes('Old', {});
  const kept = await Notes.create({ title: 'a', body: 'old', count: 0 });
  const gone = await Notes.create({ title: 'a', body: 'old', count: 0 });
  await Notes.updateOne({ _id: kept._id }, { body: 'newer' });
  await Notes.deleteOne({ _id: gone._id });
  await Notes.flush();
  const noPayload = { '_system.state': 1, '_system.payload': 1, '_system.incarnation': 1 } as const;
  const [heads, records] = ['olds', 'olds_ver'].map((name) => mongoose.connection.collection(name));
  for (const rows of [heads, records]) await rows?.updateMany({}, { $unset: noPayload });
  await heads?.insertOne({ title: 'a', body: 'without history' });
  expect(await Notes.adopt()).toMatchObject({ adopted: 1 });
  await Notes.flush();
  now = new Date(Date.now() + 60_000);
  expect(await Notes.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 4 });
  expect((await Notes.find({ title: 'a' }).lean()).map(({ body }) => body).sort()).toEqual([
    'newer',
    'without history',
  ]);
  expect(await Notes.getVersion(kept._id, 0, { lean: true })).toMatchObject({ body: 'old' });
  expect((await Notes.verify()).ok).toBe(true);
});

test('an erased document leaves no object, and one that comes after it keeps its own', async () => {
  const Notes = notes('Removed', {});
  const _id = await processed(Notes);
  await Notes.updateOne({ _id }, { body: 'b' });
  await Notes.flush();
  const prefix = `${mongoose.connection.name}/removeds/${_id}/`;
  expect(await store.keys(prefix)).toHaveLength(2);
  expect(await Notes.hardDelete({ id: _id }, { confirm: true })).toMatchObject({ objects: 2 });
  expect(await store.keys(prefix)).toEqual([]);
  await Notes.create({ _id, title: 'c', body: 'd', count: 0 });
  await Notes.flush();
  await Notes.hardDelete({ id: new mongoose.Types.ObjectId() }, { confirm: true });
  expect(await store.keys(prefix)).toHaveLength(1);
});

test('an erased version leaves no object, though its upload was under way', async () => {
  const Notes = notes('Erased', {});
  const _id = new mongoose.Types.ObjectId();
  store.beforePut = async (key) => {
    if (key.endsWith('item.json')) await Notes.hardDelete({ id: _id }, { confirm: true });
  };
  await Notes.create({ _id, title: 'a', body: 'b', count: 0 });
  await Notes.flush();
  await expect.poll(() => store.keys(`${mongoose.connection.name}/eraseds/${_id}/`)).toEqual([]);
});
