import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, VersioningDisabledError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Item {
  _id: string;
  name?: string;
  n: number;
  tags: string[];
}

function modelIn(collection: string, options: ChronosPluginOptions) {
  const definition = { _id: String, name: String, n: { type: Number, default: 0 }, tags: [String] } as never;
  const schema = new mongoose.Schema<Item, ChronosModelType<Item>>(definition, { collection } as never);
  schema.plugin(chronos, options);
  return mongoose.model<Item, ChronosModelType<Item>>(`${collection} ${Math.random()}`, schema);
}

// An `opId` is remembered for 30 days by the clock of the server.
let time = Date.now();
const clock = {
  now: () => {
    time += 1_000;
    return new Date(time);
  },
};
const OFF = { versioning: { enabled: false }, clock } as const;
const Items = modelIn('items', OFF);

async function collections(): Promise<string[]> {
  const all = await mongoose.connection.db!.listCollections().toArray();
  return all.map(({ name }) => name).sort();
}

const systemOf = async (model: unknown, _id: string) => {
  const head = await headsOf(model).findOne({ _id } as never);
  return head?._system as Record<string, unknown> | undefined;
};

/** Every way to write one document or many, which are to leave no version. */
const WRITES: Record<string, (model: typeof Items, _id: string) => PromiseLike<unknown>> = {
  save: async (model, _id) => {
    const doc = await model.findById(_id).orFail();
    doc.n += 1;
    return doc.save();
  },
  updateOne: (model, _id) => model.updateOne({ _id }, { $inc: { n: 1 } }),
  'updateOne, undecidable': (model, _id) => model.updateOne({ _id }, { $max: { n: 1e6 } }),
  'updateOne, pipeline': (model, _id) =>
    model.updateOne({ _id }, [{ $set: { n: { $add: ['$n', 1] } } }], { updatePipeline: true } as never),
  'findOneAndUpdate, before': (model, _id) => model.findOneAndUpdate({ _id }, { $push: { tags: 'x' } }),
  'findOneAndUpdate, after': (model, _id) =>
    model.findOneAndUpdate({ _id }, { $push: { tags: 'y' } }, { returnDocument: 'after' }),
  replaceOne: (model, _id) => model.replaceOne({ _id }, { name: 'replaced', n: 7, tags: [] }),
  updateMany: (model, _id) => model.updateMany({ _id }, { $inc: { n: 1 } }),
  bulkWrite: (model, _id) => model.bulkWrite([{ updateOne: { filter: { _id }, update: { $inc: { n: 1 } } } }]),
  enrich: (model, _id) => model.enrich(_id, { name: 'enriched' }, { functionId: 'f@1' }),
  transaction: (model, _id) =>
    mongoose.connection.transaction(async (session) => {
      await model.updateOne({ _id }, { $inc: { n: 1 } }, { session });
    }),
  native: (model, _id) => model.collection.updateOne({ _id } as never, { $inc: { n: 1 } }),
  opId: (model, _id) => model.updateOne({ _id }, { $inc: { n: 1 } }, { chronos: { opId: 'once' } }),
};

test('no write leaves a version, and each counts the document on', async () => {
  await Items.create({ _id: 'a' });
  let ov = 0;
  for (const [name, write] of Object.entries(WRITES)) {
    await write(Items, 'a');
    ov += 1;
    expect({ name, ov: (await systemOf(Items, 'a'))?.ov }).toEqual({ name, ov });
  }
  await Items.updateOne({ _id: 'a' }, { $inc: { n: 1 } }, { chronos: { opId: 'once' } });
  expect((await systemOf(Items, 'a'))?.ov).toBe(ov);
  expect((await systemOf(Items, 'a'))?.functionIds).toEqual(['f@1']);
  await Items.deleteOne({ _id: 'a' });
  await Items.insertMany([{ _id: 'b' }, { _id: 'c' }]);
  await Items.deleteMany({});
  expect(await collections()).toEqual(['items', 'items_locks']);
  expect(await Items.countDocuments()).toBe(0);
});

test('a write that changes nothing reports so, and at the most counts the document on', async () => {
  await Items.create({ _id: 'same', name: 'x', n: 1 });
  const before = await headsOf(Items).findOne({ _id: 'same' } as never);
  const same = { _id: 'same' };
  expect(await Items.updateOne(same, { name: 'x' })).toMatchObject({ matchedCount: 1, modifiedCount: 0 });
  expect(await Items.updateOne(same, { $unset: { nothing: 1 } }, { strict: false })).toMatchObject({
    modifiedCount: 0,
  });
  expect(await Items.findOneAndUpdate(same, { n: 1 })).toMatchObject({ n: 1 });
  expect(await Items.updateOne({ _id: 'none' }, { n: 1 })).toMatchObject({ matchedCount: 0, modifiedCount: 0 });
  const after = await headsOf(Items).findOne({ _id: 'same' } as never);
  expect({ ...after, _system: undefined }).toEqual({ ...before, _system: undefined });
  // One command cannot know beforehand; a number that was read once is not given again.
  expect((await systemOf(Items, 'same'))?.ov).toBe(3);
});

test('the current version is read as before, and what is asked of the past is refused', async () => {
  await Items.create({ _id: 'now', n: 0 });
  const created = new Date(time);
  expect(await Items.history('now').then((all) => all.map((one) => one.ov))).toEqual([0]);
  await Items.updateOne({ _id: 'now' }, { n: 1 }, { chronos: { actor: 'ana' } });
  expect((await Items.getLatest('now'))?.n).toBe(1);
  expect((await Items.getVersion('now', 1))?.n).toBe(1);
  expect(await Items.getVersion('now', 2)).toBe(null);
  expect((await Items.getAsOf('now', new Date(time)))?.n).toBe(1);
  expect((await Items.history('now', { limit: 1 })).map((one) => one.actor)).toEqual(['ana']);
  const refused: Record<string, () => unknown> = {
    'asOf().find': () => Items.asOf(created).find(),
    'find().asOf': () => Items.find().asOf(created),
    aggregate: () => Items.aggregate([{ $match: {} }]).option({ chronos: { asOf: created } } as never),
    history: () => Items.history('now'),
    getVersion: () => Items.getVersion('now', 0),
    getAsOf: () => Items.getAsOf('now', created),
    'getLatest, deleted': () => Items.getLatest('none', { includeDeleted: true }),
    diff: () => Items.diff('now', 0),
    restore: () => Items.restore('now', { ov: 0 }),
    restoreCollection: () => Items.restoreCollection({ at: created }),
    enrich: () => Items.enrich('none', { n: 1 }, { includeDeleted: true }),
  };
  for (const [name, call] of Object.entries(refused)) {
    const error = await Promise.resolve()
      .then(call)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect({ name, error: (error as Error | undefined)?.constructor }).toEqual({
      name,
      error: VersioningDisabledError,
    });
  }
  expect(() => Items.asOf(created)).toThrow(VersioningDisabledError);
  expect(() => Items.find().asOf(created)).toThrow(/items.*versioning: \{ enabled: true \}/s);
});

test('a document of the past that refers to one without versions says so when it is populated', async () => {
  const schema = new mongoose.Schema({ _id: String, item: { type: String, ref: Items.modelName } } as never, {
    collection: 'orders',
  });
  schema.plugin(chronos);
  const Orders = mongoose.model('Order', schema) as unknown as ChronosModelType<{ _id: string; item: string }>;
  await Orders.create({ _id: 'o', item: 'now' });
  const populated = Orders.asOf(new Date()).find().populate('item');
  await expect(populated.exec()).rejects.toThrow(VersioningDisabledError);
  const joined = [{ $lookup: { from: 'items', localField: 'item', foreignField: '_id', as: 'items' } }];
  await expect(Orders.asOf(new Date()).aggregate(joined).exec()).rejects.toThrow(VersioningDisabledError);
  expect(await Orders.aggregate(joined)).toMatchObject([{ items: [{ _id: 'now', n: 1 }] }]);
});

test('expectedOv, cv and unique values hold as they do with versions', async () => {
  const Counted = modelIn('counted', { ...OFF, collectionVersion: true });
  await Counted.create({ _id: 'a' });
  await Promise.all([1, 2, 3, 4].map((n) => Counted.updateOne({ _id: 'a' }, { $inc: { n } })));
  expect(await systemOf(Counted, 'a')).toMatchObject({ ov: 4, cv: 4 });
  const expecting = (expectedOv: number) => Counted.updateOne({ _id: 'a' }, { n: 0 }, { chronos: { expectedOv } });
  await expect(expecting(3)).rejects.toMatchObject({ name: 'OptimisticLockError', actual: 4 });
  expect(await expecting(4)).toMatchObject({ modifiedCount: 1 });
  await headsOf(Items).createIndex({ name: 1 }, { unique: true, sparse: true });
  await Items.create([{ _id: 'u1', name: 'one' }]);
  await Items.create([{ _id: 'u2', name: 'two' }]);
  const taken = await Items.updateOne({ _id: 'u2' }, { name: 'one' }).catch((error: unknown) => error);
  expect(taken).toMatchObject({ code: 11000, keyValue: { name: 'one' } });
  expect((await systemOf(Items, 'u2'))?.ov).toBe(0);
});

test('no update is lost among many writers, and every one is counted', async () => {
  await Items.create({ _id: 'hot', n: 0 });
  const one = () => Items.updateOne({ _id: 'hot' }, { $inc: { n: 1 } }).exec();
  const two = () => Items.findOneAndUpdate({ _id: 'hot' }, { $inc: { n: 1 } }, { returnDocument: 'after' }).exec();
  await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one() : two())));
  expect(await Items.findById('hot').lean()).toMatchObject({ n: 40 });
  expect((await systemOf(Items, 'hot'))?.ov).toBe(40);
});

test('an id that comes back begins anew', async () => {
  await Items.create({ _id: 'again' });
  await Items.updateOne({ _id: 'again' }, { n: 5 });
  await Items.deleteOne({ _id: 'again' });
  await Items.updateOne({ _id: 'again' }, { $set: { n: 1 } }, { upsert: true });
  expect(await systemOf(Items, 'again')).toMatchObject({ ov: 0 });
  expect(await Items.verify()).toMatchObject({ ok: true, findings: [] });
});

test('the history of before it was disabled stays, and goes on with a gap when it is enabled again', async () => {
  const On = modelIn('turned', {});
  await On.create([{ _id: 'kept', n: 0 }]);
  await On.create([{ _id: 'gone', n: 0 }]);
  await On.updateMany({}, { $inc: { n: 1 } });
  const other = new mongoose.Mongoose();
  await other.connect(uriOf(), { dbName: mongoose.connection.name });
  const schema = new other.Schema<Item, ChronosModelType<Item>>(
    { _id: String, n: Number, tags: [String] } as never,
    {
      collection: 'turned',
    } as never,
  );
  schema.plugin(chronos, OFF);
  const Off = other.model<Item, ChronosModelType<Item>>('Off', schema);
  await Off.updateOne({ _id: 'kept' }, { $inc: { n: 1 } });
  await Off.deleteOne({ _id: 'gone' });
  await Off.create([{ _id: 'gone', n: 10 }]);
  await Off.create([{ _id: 'new', n: 0 }]);
  await Off.updateOne({ _id: 'new' }, { n: 1 });
  expect(await Off.verify()).toMatchObject({ ok: true, counts: { gap: 1 } });
  expect(await Off.recover()).toMatchObject({ ok: true, repaired: {} });
  expect(await mongoose.connection.collection('turned_ver').countDocuments()).toBe(2);
  await other.disconnect();

  await On.updateMany({}, { $inc: { n: 1 } });
  const ovs = async (id: string) => (await On.history(id)).map(({ ov, doc }) => [ov, doc?.n]);
  expect(await ovs('kept')).toEqual([
    [3, 3],
    [2, 2],
    [0, 0],
  ]);
  expect(await ovs('new')).toEqual([
    [2, 2],
    [1, 1],
  ]);
  expect((await On.findById('gone'))?.n).toBe(11);
  expect(await On.verify()).toMatchObject({ ok: true });
});

function uriOf(): string {
  const { hosts, replicaSet } = mongoose.connection.getClient().options;
  return `mongodb://${hosts.join(',')}/?replicaSet=${replicaSet}`;
}
