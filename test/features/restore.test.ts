import type { HydratedDocument } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos, VersionNotFoundError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Page {
  _id: string;
  title: string;
  slug?: string;
  n?: number;
}

type PageModel = ChronosModelType<Page>;

const mongoose = await testDatabase();
const schema = new mongoose.Schema<Page, PageModel>(
  { _id: String, title: String, slug: { type: String, unique: true, sparse: true }, n: Number },
  { timestamps: true },
);
schema.plugin(chronos);
const Page = mongoose.model<Page, PageModel>('Page', schema);
await Page.init();

const pages = () => mongoose.connection.collection('pages');
const records = () => mongoose.connection.collection('pages_ver');

beforeEach(async () => {
  await pages().deleteMany({});
  await records().deleteMany({});
});

async function stored(id: string): Promise<Record<string, unknown>> {
  const { _system, ...content } = (await pages().findOne({ _id: id as never })) as Record<string, unknown>;
  return content;
}

async function versionsOf(id: string): Promise<readonly (readonly [ov: number, op: string])[]> {
  return (await Page.history(id)).map(({ ov, op }) => [ov, op] as const).reverse();
}

/** The numbers of all versions of each document, in their order. */
async function versionNumbers(): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>();
  for (const { _id } of await records().find().sort({ _id: 1 }).toArray()) {
    const { id, ov } = _id as unknown as { id: string; ov: number };
    numbers.set(id, [...(numbers.get(id) ?? []), ov]);
  }
  for (const { _id, _system } of await pages().find().toArray()) {
    numbers.set(String(_id), [...(numbers.get(String(_id)) ?? []), _system.ov]);
  }
  return numbers;
}

async function pageWithThreeVersions(id = 'a'): Promise<HydratedDocument<Page>> {
  const page = await Page.create({ _id: id, title: 'one', slug: id });
  page.title = 'two';
  await page.save();
  await Page.updateOne({ _id: id }, { title: 'three', $inc: { n: 1 } });
  return page;
}

test('restores the very content of a version by a version of its own', async () => {
  await Page.create({ _id: 'a', title: 'one', n: 5 });
  const before = await stored('a');
  await Page.updateOne({ _id: 'a' }, { $set: { title: 'two' }, $unset: { n: 1 } });
  const old = await records().find({}).toArray();

  const restored = await Page.restore('a', { ov: 0 }, { actor: 'ana', reason: 'wrong title' });

  expect(restored).toMatchObject({ title: 'one', n: 5 });
  expect(await stored('a')).toEqual(before);
  expect(await records().find({ '_id.ov': 0 }).toArray()).toEqual(old);
  const [latest, ...rest] = await Page.history('a');
  expect(latest).toMatchObject({ ov: 2, op: 'RESTORE', restoredFrom: 0, actor: 'ana', reason: 'wrong title' });
  expect(rest.map(({ ov, op }) => [ov, op])).toEqual([
    [1, 'UPDATE'],
    [0, 'CREATE'],
  ]);
});

test('restores the version of an instant', async () => {
  await Page.insertMany([{ _id: 'a', title: 'one' }], { chronos: { at: new Date('2026-01-01') } });
  await Page.updateOne({ _id: 'a' }, { title: 'two' }, { chronos: { at: new Date('2026-02-01') } });
  expect(await Page.restore('a', { at: '2026-01-31' })).toMatchObject({ title: 'one' });
  expect(await Page.restore('a', { at: new Date('2026-02-01') })).toMatchObject({ title: 'two' });
});

test('brings a deleted document back, and its numbers go on', async () => {
  await pageWithThreeVersions();
  const before = await stored('a');
  await Page.deleteOne({ _id: 'a' }, { chronos: { actor: 'bob' } });
  expect(await Page.restore('a', { ov: 2 })).toMatchObject({ title: 'three', n: 1 });
  expect(await stored('a')).toEqual(before);
  expect(await versionsOf('a')).toEqual([
    [0, 'CREATE'],
    [1, 'UPDATE'],
    [2, 'UPDATE'],
    [3, 'DELETE'],
    [4, 'RESTORE'],
  ]);
});

test('doc.restore and the version a document is at', async () => {
  const page = await pageWithThreeVersions();
  const restored = await (page as unknown as { restore(target: object): Promise<unknown> }).restore({ ov: 0 });
  expect(restored).toMatchObject({ title: 'one' });
});

test('a state that is current already makes no version', async () => {
  await pageWithThreeVersions();
  expect(await Page.restore('a', { ov: 2 })).toMatchObject({ title: 'three' });
  await Page.restore('a', { ov: 0 });
  await Page.restore('a', { ov: 0 });
  await Page.restore('a', { ov: 3 });
  expect((await versionsOf('a')).length).toBe(4);
});

test('an unknown version or document is an error, and so is a deletion', async () => {
  await pageWithThreeVersions();
  await Page.deleteOne({ _id: 'a' });
  for (const target of [{ ov: 9 }, { ov: -1 }, { ov: 3 }, { at: '2000-01-01' }, { at: new Date() }]) {
    await expect(Page.restore('a', target), JSON.stringify(target)).rejects.toBeInstanceOf(VersionNotFoundError);
  }
  for (const target of [{ ov: 0 }, { at: new Date() }]) {
    await expect(Page.restore('never', target)).rejects.toBeInstanceOf(VersionNotFoundError);
  }
  expect((await versionsOf('a')).length).toBe(4);
  expect(await pages().countDocuments()).toBe(0);
});

test('a unique value taken meanwhile is the native error, and nothing changes', async () => {
  await pageWithThreeVersions();
  await Page.updateOne({ _id: 'a' }, { slug: 'moved' });
  await Page.create({ _id: 'b', title: 'b', slug: 'a' });
  await expect(Page.restore('a', { ov: 0 })).rejects.toMatchObject({ code: 11000, name: 'MongoServerError' });
  await Page.deleteOne({ _id: 'a' });
  const before = await versionsOf('a');
  await expect(Page.restore('a', { ov: 0 })).rejects.toMatchObject({ code: 11000, name: 'MongoServerError' });
  expect(await versionsOf('a')).toEqual(before);
  expect(await pages().countDocuments()).toBe(1);
});

test('what was stored comes back although the schema has moved on', async () => {
  const old = new mongoose.Schema({ _id: String, colour: String, size: Number }, { collection: 'shapes' });
  old.plugin(chronos);
  const Old = mongoose.model('OldShape', old);
  await Old.create({ _id: 'a', colour: 'red', size: 5 });
  await Old.updateOne({ _id: 'a' }, { colour: 'blue' });
  const moved = new mongoose.Schema(
    { _id: String, size: { type: String, minlength: 3 }, weight: { type: Number, required: true } },
    { collection: 'shapes' },
  );
  moved.plugin(chronos);
  const Moved = mongoose.model<unknown, PageModel>('Shape', moved as never);
  await Moved.restore('a', { ov: 0 });
  const shapes = mongoose.connection.collection('shapes');
  const { _system, ...content } = (await shapes.findOne()) as Record<string, unknown>;
  expect(content).toEqual({ _id: 'a', colour: 'red', size: 5, __v: 0 });
});

test('takes part in the transaction of its caller', async () => {
  await pageWithThreeVersions();
  await Page.create({ _id: 'gone', title: 'gone' });
  await Page.deleteOne({ _id: 'gone' });
  const before = [await versionsOf('a'), await versionsOf('gone')];
  const session = await mongoose.startSession();
  session.startTransaction();
  expect(await Page.restore('a', { ov: 0 }, { session })).toMatchObject({ title: 'one' });
  expect(await Page.restore('gone', { ov: 0 }, { session })).toMatchObject({ title: 'gone' });
  expect(await Page.findById('a')).toMatchObject({ title: 'three' });
  await session.abortTransaction();
  expect([await versionsOf('a'), await versionsOf('gone')]).toEqual(before);
  await session.withTransaction(async () => {
    await Page.restore('a', { ov: 0 }, { session });
    await Page.restore('gone', { ov: 0 }, { session });
  });
  await session.endSession();
  expect(await Page.findById('a')).toMatchObject({ title: 'one' });
  expect((await versionsOf('gone')).at(-1)).toEqual([2, 'RESTORE']);
});

test('expectedOv guards a restore', async () => {
  await pageWithThreeVersions();
  const stale = Page.restore('a', { ov: 0 }, { expectedOv: 1 });
  await expect(stale).rejects.toMatchObject({ name: 'OptimisticLockError', expected: 1, actual: 2 });
  await Page.restore('a', { ov: 0 }, { expectedOv: 2 });
  expect((await versionsOf('a')).at(-1)).toEqual([3, 'RESTORE']);
});

test('racing restores and updates have only the two serial outcomes', async () => {
  const ids = Array.from({ length: 500 }, (_, i) => `race-${i}`);
  await Page.insertMany(ids.map((_id) => ({ _id, title: 'one', n: 0 })));
  await Page.updateMany({}, { title: 'two' });
  await Promise.all(
    ids.flatMap((id) => [Page.restore(id, { ov: 0 }), Page.updateOne({ _id: id }, { $inc: { n: 1 } })]),
  );
  const outcomes = new Set<string>();
  for (const { title, n } of await Page.find().lean()) outcomes.add(`${title} ${n}`);
  expect(await versionNumbers()).toEqual(new Map(ids.map((id) => [id, [0, 1, 2, 3]])));
  for (const outcome of outcomes) expect(['one 1', 'one 0']).toContain(outcome);
});

test('racing restores and deletes leave a history without a gap', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `race-${i}`);
  await Page.insertMany(ids.map((_id) => ({ _id, title: 'one' })));
  await Page.updateMany({}, { title: 'two' });
  await Promise.all(ids.flatMap((id) => [Page.restore(id, { ov: 0 }), Page.deleteOne({ _id: id })]));
  const numbers = await versionNumbers();
  expect(numbers.size).toBe(ids.length);
  for (const ovs of numbers.values()) expect(ovs).toEqual(ovs.map((_, i) => i));
});

test('restores among 32 writers leave gapless numbers', async () => {
  await pageWithThreeVersions();
  let running = true;
  const restores = (async () => {
    while (running) {
      await Page.restore('a', { ov: 1 });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let i = 0; i < 10; i++) await Page.updateOne({ _id: 'a' }, { $inc: { n: 1 } });
    }),
  );
  running = false;
  await restores;
  const versions = await versionsOf('a');
  expect(versions.map(([ov]) => ov)).toEqual(versions.map((_, i) => i));
  expect(versions.filter(([, op]) => op === 'UPDATE').length).toBe(322);
  expect(versions.some(([, op]) => op === 'RESTORE')).toBe(true);
});

test('the same opId makes one version', async () => {
  await pageWithThreeVersions();
  const opId = `${new mongoose.Types.ObjectId()}`;
  await Page.restore('a', { ov: 0 }, { opId });
  await Page.updateOne({ _id: 'a' }, { title: 'newer' });
  await Page.restore('a', { ov: 0 }, { opId });
  expect((await Page.history('a'))[0]).toMatchObject({ op: 'UPDATE' });
});
