import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Item {
  _id: string;
  n?: number;
}

type ItemModel = ChronosModelType<Item>;

const mongoose = await testDatabase();
const schema = new mongoose.Schema<Item, ItemModel>({ _id: String, n: { type: Number, index: true } } as never);
schema.plugin(chronos);
const Item = mongoose.model<Item, ItemModel>('Item', schema);
await Item.init();

const items = () => mongoose.connection.collection<Record<string, unknown>>('items');
const records = () => mongoose.connection.collection<Record<string, unknown>>('items_ver');
const keyOf = (id: string, ov: number) => ({ '_id.id': id, '_id.ov': ov });

/** `a` has versions 0 to 3, `b` was deleted at version 2, `c` is new, and `old` is from before the plugin. */
beforeEach(async () => {
  await items().deleteMany({});
  await records().deleteMany({});
  await items().insertOne({ _id: 'old', n: 1 } as never);
  await Item.insertMany([{ _id: 'a', n: 0 }, { _id: 'b' }, { _id: 'c' }]);
  for (let i = 0; i < 3; i++) await Item.updateOne({ _id: 'a' }, { $inc: { n: 1 } });
  await Item.updateOne({ _id: 'b' }, { n: 1 });
  await Item.deleteOne({ _id: 'b' });
  await Item.updateOne({ _id: 'old' }, { n: 2 });
});

test('what the library has written is in order', async () => {
  const report = await Item.verify();
  expect(report).toEqual({ ok: true, documents: 4, versions: 10, counts: {}, findings: [] });
});

const planted = [
  {
    kind: 'broken-interval',
    finding: { id: 'a', ov: 2 },
    plant: () =>
      records().updateOne(keyOf('a', 1), {
        $set: { '_system.until': new Date(1e12), '_system.updatedAt': new Date(1e12) },
      }),
  },
  {
    kind: 'overlap',
    finding: { id: 'a', ov: 2 },
    plant: () => records().updateOne(keyOf('a', 1), { $set: { '_system.until': new Date(4e12) } }),
  },
  { kind: 'missing-version', finding: { id: 'a', ov: 2 }, plant: () => records().deleteOne(keyOf('a', 1)) },
  {
    kind: 'duplicate-current',
    finding: { id: 'a', ov: 1 },
    plant: () => records().updateOne(keyOf('a', 1), { $unset: { '_system.until': 1 } }),
  },
  { kind: 'missing-tombstone', finding: { id: 'a', ov: 2 }, plant: () => items().deleteOne({ _id: 'a' as never }) },
  {
    kind: 'unversioned-head',
    finding: { id: 'a' },
    plant: () => items().replaceOne({ _id: 'a' as never }, { n: 9 }),
  },
  {
    kind: 'reset-head',
    finding: { id: 'a', ov: 0 },
    plant: () => items().updateOne({ _id: 'a' as never }, { $set: { _system: { ov: 0, updatedAt: new Date() } } }),
  },
  { kind: 'orphan', finding: {}, plant: () => records().insertOne({ _id: 'stray' as never, n: 1 }) },
  {
    kind: 'missing-index',
    finding: {},
    plant: () => records().dropIndex('_id.id_1__id.ov_1'),
  },
] as const;

for (const { kind, finding, plant } of planted) {
  test(`finds ${kind}`, async () => {
    await plant();
    const report = await Item.verify();
    expect(report.ok).toBe(false);
    expect(report.counts[kind]).toBeGreaterThanOrEqual(1);
    expect(report.findings.find((found) => found.kind === kind)).toMatchObject(finding);
    await Item.recover();
  });
}

test('a history collection that came into being without its options is told, and works', async () => {
  await mongoose.connection.collection('plain').insertOne({ _id: 'x', n: 1 } as never);
  await mongoose.connection.collection('plain_ver').createIndex({ n: 1 });
  const plain = new mongoose.Schema<Item, ItemModel>({ _id: String, n: Number } as never, { collection: 'plain' });
  plain.plugin(chronos);
  const Plain = mongoose.model<Item, ItemModel>('Plain', plain);
  await Plain.updateOne({ _id: 'x' }, { n: 2 });
  expect(await Plain.verify()).toMatchObject({ ok: true, counts: { 'implicit-collection': 1 } });
});

test('the list is bounded, the counts are not', async () => {
  await records().deleteMany({ '_id.ov': 0 });
  const report = await Item.verify({ limit: 1 });
  expect(report.findings.length).toBe(1);
  expect(report.counts['missing-version']).toBe(3);
});

test('a model that was never written is in order', async () => {
  const fresh = new mongoose.Schema<Item, ItemModel>({ _id: String } as never);
  fresh.plugin(chronos);
  expect(await mongoose.model<Item, ItemModel>('Fresh', fresh).verify()).toMatchObject({ ok: true, documents: 0 });
});

test('writers beside it are not taken for damage', async () => {
  let running = true;
  const writers = Array.from({ length: 6 }, async (_, w) => {
    for (let i = 0; running; i++) {
      await Item.updateOne({ _id: `w${(w + i) % 9}` }, { $inc: { n: 1 } }, { upsert: true });
      if (i % 7 === 0) await Item.deleteOne({ _id: `w${w}` });
    }
  });
  for (let i = 0; i < 20; i++) expect((await Item.verify()).findings).toEqual([]);
  running = false;
  await Promise.all(writers);
});
