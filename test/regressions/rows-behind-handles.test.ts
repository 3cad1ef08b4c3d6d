import { on } from 'node:events';
import type { mongo } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { RouteMismatchError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'notes', tenantField: 'tenant' })
class Note extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() text?: string;
}

const { mongoose, init, prefix, mongoUri, admin } = await testRegistries();
init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [{ key: 'rows', mongoConnKey: 'main', dbName: `${prefix}rows`, tenantIds: ['a', 'b'] }],
  },
  entities: [Note],
});

const [A, B] = [Note.forTenant('a'), Note.forTenant('b')];
const native = A.collection as unknown as mongo.Collection<{ _id: number; text?: string }>;
const upsert = { upsert: true } as const;

beforeEach(async () => {
  for (const Notes of [A, B]) {
    await Notes.deleteMany({});
    await Notes.create({ _id: 1, text: 'one' });
  }
});

test('a part of a filter that is a Map is kept', async () => {
  const none = { $and: [new Map([['text', 'none']])] } as never;
  expect(await native.countDocuments(none)).toBe(0);
  expect(await native.deleteMany(none)).toMatchObject({ deletedCount: 0 });
  expect(await native.countDocuments({ $or: [new Map([['_id', 1]])] } as never)).toBe(1);
});

test.each<[string, (id: number) => object]>([
  ['$in', (id) => ({ _id: { $in: [id] } })],
  ['$or', (id) => ({ $or: [{ _id: id, text: 'new' }] })],
  ['$and', (id) => ({ $and: [{ text: 'new' }, { $and: [{ _id: { $eq: id } }] }] })],
  ['$and, beside a range', (id) => ({ _id: { $gt: 0 }, $and: [{ _id: id }] })],
])('an upsert whose filter names its id in %s is made under it', async (_, filterOf) => {
  expect(await A.updateOne(filterOf(2), { text: 'new' }, upsert)).toMatchObject({ upsertedId: 2 });
  expect(await A.findOneAndUpdate(filterOf(3), { text: 'new' }, { ...upsert, returnDocument: 'after' })).toMatchObject({
    _id: 3,
  });
  await A.bulkWrite([{ updateOne: { filter: filterOf(4), update: { text: 'new' }, ...upsert } }]);
  expect(await A.updateOne(filterOf(2), { text: 'new' }, upsert)).toMatchObject({ matchedCount: 1 });
  expect((await A.find({ text: 'new' }).sort('_id').lean()).map(({ _id }) => _id)).toEqual([2, 3, 4]);
  expect(await B.countDocuments()).toBe(1);
  expect(
    await admin
      .db(`${prefix}rows`)
      .collection('notes')
      .countDocuments({ '_id.t': { $exists: false } }),
  ).toBe(0);
});

test('a projection of _id by a number of BSON shows it as any other', async () => {
  const { Int32, Double } = mongoose.mongo;
  for (const one of [1, true, new Int32(1), new Double(1)]) {
    expect(await native.findOne({ _id: 1 }, { projection: { _id: one, text: 1 } })).toEqual({ _id: 1, text: 'one' });
  }
  expect(await native.findOne({ _id: 1 }, { projection: { _id: new Int32(0), text: 1 } })).toEqual({ text: 'one' });
});

test('what is made or watched does not lead to the whole collection', async () => {
  expect(await A.db.createCollection('others')).toBeUndefined();
  const stream = native.watch() as unknown as { parent: unknown; cursor: unknown; close(): Promise<void> };
  expect(() => stream.parent).toThrow(RouteMismatchError);
  expect(() => stream.cursor).toThrow(RouteMismatchError);
  await stream.close();
});

test('changes are told by events and by iteration', async () => {
  const { operationTime: startAtOperationTime } = await admin.db(prefix).command({ ping: 1 });
  await B.create({ _id: 2, text: 'of b' });
  await A.create({ _id: 3, text: 'of a' });
  const [events, iterated] = [A.watch([], { startAtOperationTime }), native.watch([], { startAtOperationTime })];
  const emitted = on(events, 'change');
  const changes = [async () => (await emitted.next()).value[0], () => iterated.next()];
  for (const next of changes) {
    const told: unknown[] = [];
    while (!told.includes(3)) told.push(((await next()) as { documentKey: { _id: number } }).documentKey._id);
    expect(told).not.toContain(2);
  }
  await events.close();
  await iterated.close();
  expect(iterated.closed).toBe(true);
});
