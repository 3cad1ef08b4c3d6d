import { afterAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();
const other = await mongoose.createConnection(inject('mongoUri'), { dbName: mongoose.connection.name }).asPromise();

afterAll(() => other.close());

interface Text {
  _id: string;
  title: string;
  body: string;
}

const store = new SwitchedStore('memory');
const confirm = true;
let models = 0;

/** A model of a collection, with payload or without, as another process may have it. */
function texts(collection: string, options: object) {
  const schema = new mongoose.Schema<Text, ChronosModelType<Text>>(
    { _id: String, title: String, body: String } as never,
    { collection } as never,
  );
  schema.plugin(chronos, options);
  const connection = 'payload' in options ? mongoose.connection : other;
  return connection.model<Text, ChronosModelType<Text>>(`Text${models++}`, schema);
}

const payload = { indexed: ['title'], payload: { json: store, prefix: 'app' } };

test('a model without payload leaves the objects of an erasure to one that has it, and says so', async () => {
  const [With, Without] = [texts('left', payload), texts('left', {})];
  await With.create({ _id: 'a', title: 't', body: 'secret' });
  await With.flush();
  store.isOn = false;
  await expect(With.hardDelete({ id: 'a' }, { confirm })).rejects.toMatchObject({ name: 'StorageError' });
  store.isOn = true;

  const unfinished = { kind: 'unfinished-erasure', detail: expect.stringContaining('a model that has payload') };
  const report = await Without.recover();
  expect(report).toMatchObject({ ok: false, repaired: {}, findings: [unfinished] });
  await Without.hardDelete({ id: 'none' }, { confirm });
  expect(await store.keys('app/left/')).toHaveLength(1);
  expect(await With.recover()).toMatchObject({ repaired: { 'unfinished-erasure': 1 } });
  expect(await store.keys('app/left/')).toEqual([]);
});

test('a model without payload erases no document that has objects', async () => {
  const [With, Without] = [texts('refused', payload), texts('refused', {})];
  await With.create({ _id: 'a', title: 't', body: 'secret' });
  await With.flush();
  await expect(Without.hardDelete({ id: 'a' }, { confirm })).rejects.toThrow(ConfigError);
  expect(await With.findById('a').lean()).toMatchObject({ body: 'secret' });
  await With.deleteOne({ _id: 'a' });
  await expect(Without.hardDelete({ id: 'a' }, { confirm })).rejects.toThrow('Apply the plugin with the payload');
  expect(await With.hardDelete({ id: 'a' }, { confirm })).toMatchObject({ documents: 1, objects: 1 });
});

test('a deletion that erases by a model without payload leaves the objects to one that has it', async () => {
  const erasing = { logicalDelete: { enabled: false } };
  const [With, Without] = [texts('deleted', { ...payload, ...erasing }), texts('deleted', erasing)];
  await With.create({ _id: 'a', title: 't', body: 'secret' });
  await With.flush();
  await Without.deleteOne({ _id: 'a' });
  expect(await With.recover()).toMatchObject({ repaired: { 'unfinished-erasure': 1 } });
  expect(await store.keys('app/deleted/')).toEqual([]);
});

test.each([true, false])(
  'a model without payload changes no part of a document, with versions: %s',
  async (enabled) => {
    const versioning = { versioning: { enabled } };
    const name = `parts-${enabled}`;
    const [With, Without] = [texts(name, { ...payload, ...versioning }), texts(name, versioning)];
    await With.create({ _id: 'a', title: 't', body: 'all of it' });
    await With.flush();
    expect(await With.markItemAsProcessed('a', { confirm })).toBe(true);
    for (const write of [
      () => Without.updateOne({ _id: 'a' }, { title: 'u' }),
      () => Without.updateMany({ title: 't' }, { title: 'u' }),
      () => Without.findOneAndUpdate({ _id: 'a' }, { title: 'u' }),
      () => Without.findByIdAndDelete('a'),
    ]) {
      await expect(write()).rejects.toThrow(ConfigError);
    }
    expect(await With.findById('a').lean()).toMatchObject({ title: 't', body: 'all of it' });
    expect(await Without.updateOne({ _id: 'none' }, { title: 'u' })).toMatchObject({ matchedCount: 0 });
  },
);

test('a model without payload reads what stays in MongoDB, and nothing else in part', async () => {
  const [With, Without] = [texts('read', payload), texts('read', {})];
  await With.create([
    { _id: 'a', title: 't', body: 'all of it' },
    { _id: 'b', title: 'u', body: 'whole' },
  ]);
  await With.flush();
  const then = await With.safeTime();
  await With.markItemAsProcessed('a', { confirm });
  for (const read of [
    () => Without.find().lean(),
    () => Without.findById('a').lean(),
    () => Without.findOne({ body: 'all of it' }, { title: 1 }),
    () => Without.find({}, { title: 1 }, { sort: { body: 1 } }),
    () => Without.countDocuments({ body: 'all of it' }),
    () => Without.distinct('body'),
    () => Without.aggregate([{ $match: { title: 't' } }]),
    () => Without.aggregate([{ $group: { _id: '$body' } }]),
    () => Without.find().cursor().next(),
    () => Without.asOf(then).find(),
    () => Without.getVersion('a', 0),
    () => Without.updateOne({ body: 'all of it' }, { title: 'v' }),
  ]) {
    await expect(read()).rejects.toThrow('Apply the plugin with the payload');
  }
  expect(await Without.find({ title: 't' }, { title: 1 }).lean()).toEqual([{ _id: 'a', title: 't' }]);
  expect(await Without.aggregate([{ $group: { _id: '$title' } }, { $sort: { _id: 1 } }])).toHaveLength(2);
  expect(await Without.countDocuments({ title: 'u' })).toBe(1);
  expect(await Without.getVersion('b', 0, { lean: true })).toMatchObject({ body: 'whole' });
});

test('a model without payload or versions takes no other document than the first in the order', async () => {
  const versioning = { versioning: { enabled: false } };
  const [With, Without] = [texts('sorted', { ...payload, ...versioning }), texts('sorted', versioning)];
  await With.create([
    { _id: 'a', title: 't', body: 'first' },
    { _id: 'b', title: 'u', body: 'second' },
  ]);
  await With.flush();
  await With.markItemAsProcessed('a', { confirm });
  await expect(Without.findOneAndUpdate({}, { title: 'x' }, { sort: { title: 1 } })).rejects.toThrow(ConfigError);
  expect(await With.find({}, { title: 1 }).sort('title').lean()).toMatchObject([{ title: 't' }, { title: 'u' }]);
});
