import { fail } from 'node:assert/strict';
import type { mongo, Types } from 'mongoose';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ChronosEntity, ChronosModel, Index, Prop, Ref, schemaFor } from '../../decorators/index.ts';
import { EntityDefinitionError, NotFoundError, OptimisticLockError, RouteMismatchError } from '../../src/index.ts';
import { MemoryPayloadStore } from '../../src/payload/stores/memory-payload-store.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'teams', tenantField: 'org' })
class Team extends ChronosModel {
  @Prop({ required: true }) name!: string;
  @Ref(() => Team) parent?: Types.ObjectId;
}

@ChronosEntity({
  collection: 'users',
  tenantField: 'org',
  indexed: ['status'],
  required: ['email'],
  validation: z.object({ _id: z.number(), score: z.number().max(100).optional() }).loose(),
})
@Index({ status: 1, score: -1 })
class User extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop({ required: true, unique: true }) email!: string;
  @Prop() status?: string;
  @Prop() score?: number;
  @Prop({ type: [String] }) tags?: string[];
  @Ref(() => Team) team?: Types.ObjectId;
}

@ChronosEntity()
class Admin extends User {
  @Prop() level?: number;
}

@ChronosEntity({ collection: 'notes' })
class Note extends ChronosModel {
  @Prop() text?: string;
}

const { mongoose, init, prefix, mongoUri, admin } = await testRegistries();
const dbName = `${prefix}rows`;
const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: { runtime: [{ key: 'rows', mongoConnKey: 'main', dbName, tenantIds: ['a', 'b', 'c', 'd', 'e', 'f'] }] },
  entities: [User, Admin, Team, Note],
});
const stored = (collection: string) =>
  admin.db(dbName).collection<{ _id: unknown; [field: string]: unknown }>(collection);
const later = () => new Promise((resolve) => setImmediate(resolve));

/** Two tenants with the same documents, of which only the first is worked with; and a proof that the second stays. */
async function neighbours(a: string, b: string) {
  const Users = User.forTenant(a);
  await Users.createIndexes();
  for (const tenant of [a, b]) {
    const own = User.forTenant(tenant);
    await own.create([
      { _id: 1, email: '1@y.z', status: 'new', score: 1, tags: ['x'] },
      { _id: 2, email: '2@y.z', status: 'new', score: 2, tags: ['x', 'y'] },
      { _id: 3, email: '3@y.z', status: 'old', score: 3, tags: [] },
    ]);
  }
  await User.forTenant(b).updateMany({}, { $inc: { score: 10 } });
  const everything = async () => {
    const heads = await stored('users').find({ org: b }).sort({ _id: 1 }).toArray();
    return [heads, await stored('users_ver').find({ org: b }).sort({ _id: 1 }).toArray()];
  };
  const before = await everything();
  return { Users, unchanged: async () => expect(await everything()).toEqual(before) };
}

test('calls of Mongoose do for one tenant what they do in a database of its own', async () => {
  const { Users, unchanged } = await neighbours('a', 'b');
  expect(await Users.distinct('_id', { _id: { $gt: 1 } })).toEqual([2, 3]);
  expect(
    (
      await Users.find({ _id: { $gte: 1, $lt: 3 } })
        .sort({ _id: -1 })
        .lean()
    ).map(({ _id }) => _id),
  ).toEqual([2, 1]);
  expect(
    (
      await Users.find({ _id: { $nin: [1] } })
        .sort('_id')
        .lean()
    ).map(({ _id }) => _id),
  ).toEqual([2, 3]);
  expect(
    (
      await Users.find({ $or: [{ _id: 1 }, { _id: { $in: [3] } }] })
        .sort('_id')
        .lean()
    ).map(({ _id }) => _id),
  ).toEqual([1, 3]);
  expect((await Users.find({ $expr: { $eq: ['$_id', 2] } }).lean()).map(({ _id }) => _id)).toEqual([2]);
  expect(await Users.find({ _id: 2 }, { _id: 0, email: 1 }).lean()).toEqual([{ email: '2@y.z' }]);
  expect(await Users.find({ _id: 2 }, { _id: '$email', org: 1 } as never).lean()).toEqual([{ _id: '2@y.z', org: 'a' }]);
  expect(await Users.find({ _id: 2 }, { copy: '$_id' }).lean()).toEqual([{ _id: 2, copy: 2 }]);
  expect(await Users.exists({ _id: 1 })).toEqual({ _id: 1 });
  expect(await Users.countDocuments()).toBe(3);
  expect(await Users.estimatedDocumentCount()).toBe(3);

  const upserted = await Users.updateOne({ _id: 4 }, { $set: { email: '4@y.z' } }, { upsert: true });
  expect(upserted).toMatchObject({ upsertedId: 4, upsertedCount: 1, matchedCount: 0 });
  expect(
    await Users.findOneAndUpdate({ _id: 5 }, { email: '5@y.z' }, { upsert: true, returnDocument: 'after' }).lean(),
  ).toMatchObject({
    _id: 5,
    org: 'a',
    email: '5@y.z',
  });
  expect(await Users.updateOne({ _id: 1 }, { $inc: { score: 1 } })).toMatchObject({
    matchedCount: 1,
    modifiedCount: 1,
  });
  expect(await Users.updateOne({ _id: 1 }, { $set: { score: 2, org: 'a' } })).toMatchObject({ modifiedCount: 0 });
  const byPipeline = [{ $set: { status: { $concat: ['s', { $toString: '$_id' }] } } }];
  await Users.updateMany({ _id: { $lte: 2 } }, byPipeline, { updatePipeline: true });
  expect(
    (
      await Users.find({ _id: { $lte: 2 } })
        .sort('_id')
        .lean()
    ).map(({ status }) => status),
  ).toEqual(['s1', 's2']);
  await Users.updateOne({ _id: 3 }, [{ $replaceWith: { email: '3@new', score: 9 } }], { updatePipeline: true });
  expect(await Users.findById(3).lean()).toMatchObject({
    _id: 3,
    org: 'a',
    email: '3@new',
    score: 9,
    _system: { ov: 1 },
  });
  await Users.replaceOne({ _id: 2 }, { email: '2@new' });
  expect(await Users.findById(2).lean()).toMatchObject({ _id: 2, org: 'a', email: '2@new' });

  const bulk = await Users.bulkWrite([
    { insertOne: { document: { _id: 6, email: '6@y.z' } } },
    { updateOne: { filter: { _id: 7 }, update: { $set: { email: '7@y.z' } }, upsert: true } },
    { deleteOne: { filter: { _id: 5 } } },
  ]);
  expect(bulk).toMatchObject({ insertedCount: 1, upsertedCount: 1, deletedCount: 1 });
  expect([bulk.insertedIds, bulk.upsertedIds]).toEqual([{ 0: 6 }, { 1: 7 }]);
  expect(await Users.findOneAndDelete({ _id: 7 }).lean()).toMatchObject({ _id: 7, email: '7@y.z' });
  expect(await Users.deleteMany({ _id: { $gt: 5 } })).toMatchObject({ deletedCount: 1 });
  const inserted = await Users.insertMany([
    { _id: 8, email: '8@y.z' },
    { _id: 9, email: '9@y.z' },
  ]);
  expect(inserted.map(({ _id }) => _id)).toEqual([8, 9]);
  await unchanged();
});

test('what an upsert makes without being told an id is the tenant’s', async () => {
  const Teams = Team.forTenant('a');
  const { upsertedId } = await Teams.updateOne({ name: 'u1' }, { $set: { name: 'u1' } }, { upsert: true });
  expect(upsertedId).toBeInstanceOf(mongoose.Types.ObjectId);
  const team = await Teams.findOneAndReplace({ name: 'u2' }, { name: 'u2' } as never, {
    upsert: true,
    returnDocument: 'after',
  });
  await Teams.updateMany({ name: 'u3' }, { $set: { name: 'u3' } }, { upsert: true });
  await Teams.updateOne({ name: 'u4' }, [{ $set: { name: 'u4' } }], { upsert: true, updatePipeline: true });
  const bulk = await Teams.bulkWrite([
    { replaceOne: { filter: { name: 'u5' }, replacement: { name: 'u5' } as never, upsert: true } },
  ]);
  expect(team?._id).toBeInstanceOf(mongoose.Types.ObjectId);
  expect(bulk.upsertedIds[0]).toBeInstanceOf(mongoose.Types.ObjectId);
  const found = await Teams.find({ name: /^u/ }).sort('name').lean();
  expect(found.map(({ name }) => name)).toEqual(['u1', 'u2', 'u3', 'u4', 'u5']);
  expect(found.every(({ _id }) => _id instanceof mongoose.Types.ObjectId)).toBe(true);
  expect(await stored('teams').countDocuments({ name: /^u/, org: 'a', '_id.t': { $exists: true } })).toBe(5);
});

test('what is unique is unique for each tenant', async () => {
  await neighbours('c', 'd');
  const Users = User.forTenant('c');
  const error = await Users.create({ _id: 9, email: '1@y.z' }).catch((refused: mongo.MongoServerError) => refused);
  expect(error).toMatchObject({ code: 11000, keyPattern: { email: 1 }, keyValue: { email: '1@y.z' } });
  expect(await Users.create({ _id: 1, email: 'n@y.z' }).catch((refused) => refused.keyValue)).toEqual({ _id: 1 });
  const many = Users.insertMany(
    [
      { _id: 20, email: '20@y.z' },
      { _id: 21, email: '1@y.z' },
    ],
    { ordered: false },
  );
  await expect(many).rejects.toMatchObject({ code: 11000, result: { insertedIds: { 0: 20 } } });
  expect(await User.forTenant('d').findById(20)).toBeNull();
  expect((await Users.diffIndexes()).toCreate).toEqual([]);
  expect((await Users.listIndexes()).map(({ name }: { name: string }) => name)).toContain('email_1');
  const keys = (await stored('users').indexes()).map(({ key }) => Object.keys(key).join());
  expect(keys).toEqual(expect.arrayContaining(['org,email', 'org,status,score']));
});

test('aggregations, joins and populate find the tenant’s own by id', async () => {
  const ids = [new mongoose.Types.ObjectId(), new mongoose.Types.ObjectId()] as const;
  for (const tenant of ['e', 'f']) {
    await Team.forTenant(tenant).create([
      { _id: ids[0], name: `root of ${tenant}` },
      { _id: ids[1], name: `leaf of ${tenant}`, parent: ids[0] },
    ]);
    await User.forTenant(tenant).create({ _id: 1, email: '1@y.z', status: 'new', team: ids[1] });
  }
  await Admin.forTenant('e').create({ _id: 2, email: '2@y.z', level: 3, team: ids[0] });
  const before = new Date();
  await later();
  await Team.forTenant('e').updateMany({}, [{ $set: { name: { $concat: ['new ', '$name'] } } }], {
    updatePipeline: true,
  });
  await User.forTenant('e').deleteOne({ _id: 1 });
  const [Users, Teams] = [User.forTenant('e'), Team.forTenant('e')];

  const lookup = { $lookup: { from: 'teams', localField: 'team', foreignField: '_id', as: 'teams' } };
  const project = { $project: { _id: 1, teams: { _id: 1, name: 1 } } };
  expect(await Users.aggregate([lookup, project])).toEqual([
    { _id: 2, teams: [{ _id: ids[0], name: 'new root of e' }] },
  ]);
  expect(await Users.asOf(before).aggregate([{ $match: { _id: 1 } }, lookup, project])).toEqual([
    { _id: 1, teams: [{ _id: ids[1], name: 'leaf of e' }] },
  ]);
  const byPipeline = {
    $lookup: {
      from: 'teams',
      let: { id: '$team' },
      pipeline: [{ $match: { $expr: { $eq: ['$_id', '$$id'] } } }],
      as: 'teams',
    },
  };
  expect(await Users.aggregate([byPipeline, project])).toEqual([
    { _id: 2, teams: [{ _id: ids[0], name: 'new root of e' }] },
  ]);
  expect(await Users.asOf(before).aggregate([{ $match: { _id: 2 } }, byPipeline, project])).toEqual([
    { _id: 2, teams: [{ _id: ids[0], name: 'root of e' }] },
  ]);
  const graph = {
    $graphLookup: {
      from: 'teams',
      startWith: '$parent',
      connectFromField: 'parent',
      connectToField: '_id',
      as: 'above',
    },
  };
  expect(await Teams.aggregate([{ $match: { _id: ids[1] } }, graph])).toMatchObject([
    { _id: ids[1], above: [{ _id: ids[0] }] },
  ]);
  const backwards = { $lookup: { from: 'users', localField: '_id', foreignField: 'team', as: 'users' } };
  expect(await Teams.aggregate([{ $match: { _id: ids[0] } }, backwards])).toMatchObject([
    { _id: ids[0], users: [{ _id: 2 }] },
  ]);
  const union = { $unionWith: { coll: 'teams', pipeline: [{ $match: { _id: ids[0] } }, { $project: { name: 1 } }] } };
  expect(await Users.aggregate([{ $match: { _id: 99 } }, union])).toEqual([{ _id: ids[0], name: 'new root of e' }]);
  expect(
    await Users.aggregate([{ $sort: { _id: -1 } }, { $limit: 1 }, { $group: { _id: '$_id', n: { $sum: 1 } } }]),
  ).toEqual([{ _id: 2, n: 1 }]);

  const found = await Users.findById(2).populate<{ team: { name: string } }>('team').orFail();
  expect(found).toBeInstanceOf(Admin.forTenant('e'));
  expect(found.team.name).toBe('new root of e');
  const past = await Users.asOf(before).find().sort('_id').populate<{ team: { name: string } }>('team');
  expect(past.map(({ _id, team }) => [_id, team.name])).toEqual([
    [1, 'leaf of e'],
    [2, 'root of e'],
  ]);
  expect(
    await Users.asOf(before)
      .find({ _id: { $gt: 1 } })
      .lean(),
  ).toMatchObject([{ _id: 2 }]);
  expect(await Users.asOf(before).distinct('_id')).toEqual(expect.arrayContaining([1, 2]));
  expect(await Users.asOf(before).countDocuments({ status: 'new' })).toBe(1);
  const cursor: number[] = [];
  for await (const { _id } of Users.asOf(before).find().sort({ email: -1 }).cursor()) cursor.push(_id);
  expect(cursor).toEqual([2, 1]);
});

test('the verbs of one tenant do not touch another’s versions', async () => {
  await stored('users').deleteMany({});
  await stored('users_ver').deleteMany({});
  const { Users, unchanged } = await neighbours('a', 'b');
  const before = new Date();
  await later();
  const one = await Users.findById(1).orFail();
  one.status = 'changed';
  await one.save({ chronos: { expectedOv: 0, actor: 'ana' } } as never);
  await expect(one.set('status', 'again').save({ chronos: { expectedOv: 0 } } as never)).rejects.toThrow(
    OptimisticLockError,
  );
  await Users.enrich(2, { tags: ['z'] }, { functionId: 'f' });
  await Users.deleteOne({ _id: 3 });

  expect((await Users.history(1)).map(({ ov, actor, doc }) => [ov, actor, doc?._id, doc?.status])).toEqual([
    [1, 'ana', 1, 'changed'],
    [0, null, 1, 'new'],
  ]);
  expect(await one.diff(0)).toEqual([expect.objectContaining({ path: expect.anything() })]);
  expect(await Users.getVersion(1, 0, { lean: true })).toMatchObject({ _id: 1, status: 'new' });
  expect(await Users.getAsOf(3, before, { lean: true })).toMatchObject({ _id: 3, org: 'a' });
  expect(await Users.getLatest(3)).toBeNull();
  expect(await Users.getLatest(3, { includeDeleted: true })).toMatchObject({ _id: 3 });
  expect((await Users.findById(2).orFail()).tags).toEqual(['x', 'y', 'z']);
  expect(await Users.restore(1, { ov: 0 })).toMatchObject({ _id: 1, status: 'new', org: 'a' });
  expect(await Users.restore(3, { at: before })).toMatchObject({ _id: 3, status: 'old' });
  await Users.create({ _id: 10, email: '10@y.z' });

  const plan = await Users.restoreCollection({ at: before }, { dryRun: true });
  expect(plan).toMatchObject({ restored: 1, deleted: 1, recreated: 0, failed: 0 });
  expect(plan.actions.map(({ id, action }) => [id, action])).toEqual([
    [10, 'delete'],
    [2, 'restore'],
  ]);
  expect(await Users.restoreCollection({ at: before }, { filter: { _id: { $gte: 2 } } })).toMatchObject({
    restored: 1,
    deleted: 1,
  });
  expect((await Users.find().sort('_id').lean()).map(({ _id, tags }) => [_id, tags?.length])).toEqual([
    [1, 1],
    [2, 2],
    [3, 0],
  ]);

  expect(await Users.verify()).toMatchObject({ ok: true, documents: 4 });
  const superseded = await stored('users_ver').countDocuments({ org: 'a', '_system.until': { $exists: true } });
  expect(await Users.compact()).toEqual({ records: superseded });
  expect(await stored('users_ver').countDocuments({ org: 'a', '_system.deleted': true })).toBe(2);
  expect(await stored('users_ver').countDocuments({ org: { $exists: false } })).toBe(0);
  await unchanged();
  await stored('users').deleteMany({ email: '1@y.z' });
  expect(await Users.verify()).toMatchObject({ ok: false, counts: { 'missing-tombstone': 1 }, findings: [{ id: 1 }] });
  expect(await Users.recover()).toMatchObject({ ok: true, repaired: { 'missing-tombstone': 1 } });
  expect(await Users.enrich(99, { tags: ['z'] }).catch((error) => error)).toMatchObject({
    name: 'NotFoundError',
    id: 99,
  });
  expect(NotFoundError).toBeDefined();
});

test('an opId is a tenant’s own, and numbers are the collection’s', async () => {
  const [A, B] = [Team.forTenant('c'), Team.forTenant('d')];
  const _id = new mongoose.Types.ObjectId();
  const chronosOptions = { chronos: { opId: 'op-1' } };
  await A.insertMany([{ _id, name: 'one' }], chronosOptions);
  await A.insertMany([{ _id, name: 'one' }], chronosOptions);
  await B.insertMany([{ _id, name: 'two' }], chronosOptions);
  expect([await A.countDocuments({ _id }), await B.countDocuments({ _id })]).toEqual([1, 1]);
  expect((await B.findById(_id).lean())?._system.opId).toBe('op-1');
  expect(await A.outcome('op-1')).toMatchObject({ result: { insertedIds: { 0: _id } } });
  expect(await Team.forTenant('e').outcome('op-1')).toBeNull();
  const [first, second] = [await A.findById(_id).lean(), await B.findById(_id).lean()];
  expect(second?._system.cv).toBe((first?._system.cv ?? fail('no cv')) + 1);
});

test('versions are checked as the app knows them', async () => {
  const Users = User.forTenant('e');
  await Users.create({ _id: 30, email: '30@y.z', score: 1 });
  await expect(Users.updateOne({ _id: 30 }, { score: 101 })).rejects.toThrow('score');
  await expect(Users.updateOne({ email: 'x' }, { $set: { score: 101 } }, { upsert: true })).rejects.toThrow('score');
  await Users.updateOne({ _id: 30 }, { score: 99 });
  expect(await Users.history(30)).toHaveLength(2);
});

test('changes are told of the tenant’s own documents, as the app knows them', async () => {
  const [A, B] = [Team.forTenant('a'), Team.forTenant('b')];
  const { operationTime } = await admin.db(dbName).command({ ping: 1 });
  const _id = new mongoose.Types.ObjectId();
  await B.create({ _id, name: 'other' });
  await A.create({ _id, name: 'one' });
  await B.updateOne({ _id }, { name: 'other 2' });
  await A.updateOne({ _id }, { name: 'two' });
  await B.deleteOne({ _id });
  await A.deleteOne({ _id });
  const stream = A.watch([], { fullDocument: 'updateLookup', startAtOperationTime: operationTime });
  const told: unknown[] = [];
  while (told.length < 3) {
    const { operationType, documentKey, fullDocument } = (await stream.next()) as never as Record<string, unknown>;
    told.push([operationType, documentKey, (fullDocument as { name?: string } | undefined)?.name]);
  }
  await stream.close();
  expect(told).toEqual([
    ['insert', { _id }, 'one'],
    // It is looked up when the event is read, and by then is gone.
    ['update', { _id }, undefined],
    ['delete', { _id }, undefined],
  ]);
});

test('transactions join what a tenant does', async () => {
  const [Users, Teams] = [User.forTenant('f'), Team.forTenant('f')];
  const aborted = Users.db.transaction(async (session) => {
    await Users.create([{ _id: 50, email: '50@y.z' }], { session });
    await Teams.create([{ name: 'gone' }], { session });
    throw new Error('no');
  });
  await expect(aborted).rejects.toThrow('no');
  expect([await Users.countDocuments({ _id: 50 }), await Teams.countDocuments({ name: 'gone' })]).toEqual([0, 0]);
  const foreign = await User.forTenant('a').startSession();
  await expect(Users.find().session(foreign)).rejects.toThrow(RouteMismatchError);
  await foreign.endSession();
});

test('tenants whose ids are equal under a collation are kept apart', async () => {
  const own = `${prefix}collated`;
  const registry = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'rows', mongoConnKey: 'main', dbName: own, tenantIds: ['x', 'X'] }] },
    entities: [User, Admin, Team],
  });
  await admin.db(own).createCollection('users', { collation: { locale: 'en', strength: 1 } });
  const [lower, upper] = [registry.model(User, { tenantId: 'x' }), registry.model(User, { tenantId: 'X' })];
  await lower.createIndexes();
  for (const Users of [lower, upper]) await Users.create({ _id: 1, email: 'Ana@y.z', status: Users.modelName });
  const before = new Date();
  await expect(lower.create({ _id: 2, email: 'ANA@y.z' })).rejects.toMatchObject({
    code: 11000,
    keyPattern: { email: 1 },
  });
  await upper.updateMany({}, { status: 'upper' });
  expect([await lower.countDocuments({ status: 'upper' }), await upper.countDocuments({ status: 'UPPER' })]).toEqual([
    0, 1,
  ]);
  await lower.updateMany({ _id: { $gt: 0 } }, { status: 'lower' });
  for (const Users of [lower, upper]) {
    const tenant = Users === lower ? 'x' : 'X';
    expect(await Users.asOf(before).find().lean()).toMatchObject([{ org: tenant, status: 'User' }]);
    expect(
      await Users.asOf(before).find({ email: 'ana@Y.Z' }).collation({ locale: 'en', strength: 1 }).lean(),
    ).toMatchObject([{ org: tenant }]);
    expect(await Users.history(1)).toHaveLength(2);
    expect(
      await Users.aggregate([{ $lookup: { from: 'users', localField: 'email', foreignField: 'email', as: 'same' } }]),
    ).toMatchObject([{ org: tenant, same: [{ org: tenant }] }]);
  }
  expect(await lower.deleteMany({ email: 'ANA@y.z' })).toMatchObject({ deletedCount: 1 });
  expect(await upper.countDocuments()).toBe(1);
});

test('an entity needs a field to be shared by, and one that can name a tenant', () => {
  expect(() => Note.forTenant('a')).toThrow(RouteMismatchError);
  expect(() => chronos.with({ key: 'rows', collection: 'users' })).toThrow(RouteMismatchError);
  const payload = { json: new MemoryPayloadStore() };
  @ChronosEntity({ tenantField: 'org', versioning: { payload } })
  class Large extends ChronosModel {
    @Prop() text?: string;
  }
  const registry = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'rows', mongoConnKey: 'main', dbName, tenantIds: ['a'] }] },
    entities: [Large],
  });
  expect(() => registry.model(Large, { tenantId: 'a' })).toThrow(RouteMismatchError);
  @ChronosEntity({ tenantField: 'org' })
  class Wrong extends ChronosModel {
    @Prop() org?: number;
  }
  expect(() => schemaFor(Wrong)).toThrow(EntityDefinitionError);
});
