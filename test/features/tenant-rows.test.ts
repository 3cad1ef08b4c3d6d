import { inspect } from 'node:util';
import type { mongo, Types } from 'mongoose';
import { beforeAll, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop, Ref } from '../../decorators/index.ts';
import { RouteMismatchError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'teams', tenantField: 'tenantId' })
class Team extends ChronosModel {
  @Prop({ required: true }) name!: string;
  @Prop() parent?: string;
}

@ChronosEntity({
  collection: 'users',
  tenantField: 'tenantId',
  indexed: ['status'],
  schemaOptions: { strict: false, strictQuery: false },
})
class User extends ChronosModel<string> {
  @Prop({ type: String }) override _id!: string;
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

const { mongoose, init, prefix, mongoUri, admin } = await testRegistries();
const dbName = `${prefix}rows`;
init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: { runtime: [{ key: 'rows', mongoConnKey: 'main', dbName, tenantIds: ['a', 'b', 'A'] }] },
  hardDeleteEnabled: true,
  entities: [User, Admin, Team],
});

const [A, B] = [User.forTenant('a'), User.forTenant('b')];
const [TeamsA, TeamsB] = [Team.forTenant('a'), Team.forTenant('b')];
const stored = (collection: string) => admin.db(dbName).collection(collection);
const CANARY = 'canary-of-b';
const teamId = new mongoose.Types.ObjectId();

async function everythingOfB(): Promise<unknown> {
  const [heads, records] = [stored('users').find({ tenantId: 'b' }), stored('users_ver').find({ tenantId: 'b' })];
  return [await heads.sort({ _id: 1 }).toArray(), await records.sort({ _id: 1 }).toArray()];
}

let before: Date;

beforeAll(async () => {
  await A.createIndexes();
  await stored('users').createIndex({ tenantId: 1, bio: 'text' });
  await stored('users').createIndex({ tenantId: 1, place: '2dsphere' });
  for (const [Users, Teams, tenant] of [
    [A, TeamsA, 'own-a'],
    [B, TeamsB, CANARY],
  ] as const) {
    await Teams.create({ _id: teamId, name: tenant, parent: 'root' });
    const place = { type: 'Point', coordinates: [1, 1] };
    for (const id of ['1', '2', '3']) {
      const more = { secret: tenant, bio: `bio ${tenant}`, place, amount: id };
      await Users.create({
        _id: id,
        email: `${id}@y.z`,
        status: 'new',
        tags: [tenant],
        team: teamId,
        ...more,
      } as never);
    }
    await Admin.forTenant(tenant === CANARY ? 'b' : 'a').create({
      _id: '4',
      email: '4@y.z',
      level: 1,
      secret: tenant,
    } as never);
  }
  await B.create({ _id: 'only-b', email: 'only@b', secret: CANARY } as never);
  before = new Date();
  for (const Users of [A, B]) await Users.updateMany({}, { status: 'old' });
});

type Attempt = readonly [name: string, run: () => unknown];

const other = { tenantId: 'b' } as never;
const toB = { $set: { tenantId: 'b' } } as never;
const native = () => A.collection as unknown as mongo.Collection<{ _id: string }>;
const pipe = (...stages: object[]) => A.aggregate(stages as never);

/** What reaches for another tenant's documents in reading. None of them may give or tell any. */
const READS: readonly Attempt[] = [
  ['find by its id', () => A.find({ _id: 'only-b' })],
  ['find by the field', () => A.find(other)],
  ['$or', () => A.find({ $or: [{ tenantId: 'b' }, { _id: 'only-b' }, {}] } as never)],
  ['$and', () => A.find({ $and: [{ tenantId: 'b' }] } as never)],
  ['$nor', () => A.find({ $nor: [{ tenantId: 'a' }] } as never)],
  ['$ne', () => A.find({ tenantId: { $ne: 'a' } } as never)],
  ['$in', () => A.find({ tenantId: { $in: ['a', 'b'] }, _id: { $in: ['1', 'only-b'] } } as never)],
  ['$exists', () => A.find({ tenantId: { $exists: true } } as never)],
  ['$expr', () => A.find({ $expr: { $or: [{ $eq: ['$tenantId', 'b'] }, true] } } as never)],
  ['$expr of $$ROOT', () => A.find({ $expr: { $ne: ['$$ROOT', null] } } as never)],
  ['$where', () => A.find({ $where: 'true' } as never)],
  ['$where inside $or', () => A.find({ $or: [{ $where: 'true' }] } as never)],
  ['$text', () => A.find({ $text: { $search: CANARY } })],
  ['$text by id', () => A.find({ _id: 'only-b', $text: { $search: CANARY } })],
  ['$near', () => A.find({ place: { $near: { $geometry: { type: 'Point', coordinates: [1, 1] } } } } as never)],
  ['$jsonSchema', () => A.find({ $jsonSchema: { properties: { tenantId: { enum: ['b'] } } } } as never)],
  [
    'a filter that is a Map',
    () =>
      native()
        .find(new Map([['tenantId', 'b']]) as never)
        .toArray(),
  ],
  ['a collation that ignores case', () => User.forTenant('A').find({}).collation({ locale: 'en', strength: 1 })],
  ['a hint', () => A.find({ status: 'old' }).hint({ status: 1 })],
  ['a hint by name', () => A.find({ status: 'old' }).hint('status_1')],
  ['$natural', () => A.find({}).hint({ $natural: 1 })],
  ['min and max', () => A.find({}, null, { min: { email: '' }, hint: { email: 1 } } as never)],
  ['a projection of the whole', () => A.find({}, { whole: '$$ROOT' } as never)],
  ['findOne', () => A.findOne({ email: 'only@b' })],
  ['findById', () => A.findById('only-b')],
  ['exists', () => A.exists({ _id: 'only-b' })],
  ['distinct', () => A.distinct('secret' as never)],
  ['distinct of ids', () => A.distinct('_id')],
  ['distinct by the field', () => A.distinct('email', { tenantId: { $ne: 'a' } } as never)],
  ['countDocuments', async () => ({ count: await A.countDocuments({ tenantId: { $ne: 'a' } } as never) })],
  [
    'a cursor',
    () =>
      A.find({ tenantId: { $ne: 'x' } } as never)
        .cursor()
        .toArray?.() ?? [],
  ],
  [
    'a cursor, one by one',
    async () => {
      const found: unknown[] = [];
      for await (const one of A.find({ $or: [{}] } as never).cursor()) found.push(one);
      return found;
    },
  ],
  ['an aggregation', () => pipe({ $match: {} })],
  ['an empty aggregation', () => native().aggregate([]).toArray()],
  ['$match', () => pipe({ $match: { $or: [{ tenantId: 'b' }, {}] } })],
  ['$match of $expr', () => pipe({ $match: { $expr: { $eq: ['$tenantId', 'b'] } } })],
  ['$group', () => pipe({ $group: { _id: '$tenantId', all: { $push: '$$ROOT' } } })],
  ['$facet', () => pipe({ $facet: { x: [{ $match: { secret: CANARY } }], y: [{ $unionWith: 'users' }] } })],
  ['$unionWith', () => pipe({ $unionWith: 'users' })],
  ['$unionWith a pipeline', () => pipe({ $unionWith: { coll: 'users', pipeline: [{ $match: { tenantId: 'b' } }] } })],
  ['$unionWith the history', () => pipe({ $unionWith: 'users_ver' })],
  [
    '$unionWith inside $unionWith',
    () => pipe({ $unionWith: { coll: 'users', pipeline: [{ $unionWith: 'users_ver' }] } }),
  ],
  ['$lookup', () => pipe({ $lookup: { from: 'users', localField: 'status', foreignField: 'status', as: 'x' } })],
  ['$lookup by id', () => pipe({ $lookup: { from: 'teams', localField: 'team', foreignField: '_id', as: 'x' } })],
  [
    '$lookup by the field',
    () =>
      pipe({ $set: { b: 'b' } }, { $lookup: { from: 'users', localField: 'b', foreignField: 'tenantId', as: 'x' } }),
  ],
  [
    '$lookup by a stored id',
    () => pipe({ $lookup: { from: 'users', localField: 'status', foreignField: '_id.t', as: 'x' } }),
  ],
  [
    '$lookup a pipeline',
    () =>
      pipe({
        $lookup: {
          from: 'users',
          let: { s: '$status' },
          pipeline: [{ $match: { $expr: { $ne: ['$tenantId', 'a'] } } }],
          as: 'x',
        },
      }),
  ],
  [
    '$lookup both',
    () =>
      pipe({
        $lookup: {
          from: 'users',
          localField: 'status',
          foreignField: 'status',
          pipeline: [{ $match: { tenantId: { $ne: 'a' } } }, { $limit: 9 }],
          as: 'x',
        },
      }),
  ],
  [
    '$lookup inside $lookup',
    () =>
      pipe({ $lookup: { from: 'users', pipeline: [{ $lookup: { from: 'users', pipeline: [], as: 'y' } }], as: 'x' } }),
  ],
  ['$lookup inside $facet', () => pipe({ $facet: { x: [{ $lookup: { from: 'users', pipeline: [], as: 'y' } }] } })],
  ['$lookup the history', () => pipe({ $lookup: { from: 'users_ver', pipeline: [], as: 'x' } })],
  ['$lookup another database', () => pipe({ $lookup: { from: { db: dbName, coll: 'users' }, pipeline: [], as: 'x' } })],
  ['$lookup without a collection', () => pipe({ $lookup: { pipeline: [{ $documents: [{ a: 1 }] }], as: 'x' } })],
  [
    '$graphLookup',
    () =>
      pipe({
        $graphLookup: {
          from: 'users',
          startWith: '$status',
          connectFromField: 'status',
          connectToField: 'status',
          as: 'x',
        },
      }),
  ],
  [
    '$graphLookup to an id',
    () =>
      pipe({
        $graphLookup: { from: 'teams', startWith: '$team', connectFromField: 'team', connectToField: '_id', as: 'x' },
      }),
  ],
  [
    '$graphLookup restricted to another',
    () =>
      pipe({
        $graphLookup: {
          from: 'users',
          startWith: 'b',
          connectFromField: 'tenantId',
          connectToField: 'tenantId',
          restrictSearchWithMatch: { secret: CANARY },
          as: 'x',
        },
      }),
  ],
  [
    '$geoNear',
    () =>
      pipe({
        $geoNear: {
          near: { type: 'Point', coordinates: [1, 1] },
          key: 'place',
          distanceField: 'd',
          query: { tenantId: { $ne: 'a' } },
        },
      }),
  ],
  ['$text in an aggregation', () => pipe({ $match: { $text: { $search: CANARY } } })],
  ['$sample', () => pipe({ $sample: { size: 50 } })],
  ['$collStats', () => pipe({ $collStats: { storageStats: {} } })],
  ['$indexStats', () => pipe({ $indexStats: {} })],
  ['$planCacheStats', () => pipe({ $planCacheStats: {} })],
  ['$documents', () => pipe({ $documents: [{ a: 1 }] })],
  [
    'a stage with two operators',
    () =>
      native()
        .aggregate([{ $match: {}, $unionWith: 'users' }])
        .toArray(),
  ],
  [
    'a cursor of the driver',
    () =>
      native()
        .find({})
        .filter({ tenantId: 'b' } as never)
        .toArray(),
  ],
  ['a clone of a cursor', () => native().find({}).clone().toArray()],
  ['the buffer of a cursor', () => native().find({}).readBufferedDocuments()],
  [
    'a stage added to a cursor',
    () => native().aggregate([]).lookup({ from: 'users', pipeline: [], as: 'x' }).toArray(),
  ],
  ['any stage added to a cursor', () => native().aggregate([]).addStage({ $unionWith: 'users' }).toArray()],
  [
    'the client behind a cursor',
    () => (native().find({}) as unknown as { client: mongo.MongoClient }).client.db(dbName),
  ],
  ['bytes', () => native().find({}, { raw: true }).toArray()],
  ['the driver’s count', async () => ({ count: await native().count() })],
  ['the collection of the connection', () => A.db.collection('users').find({}).toArray()],
  ['the database of the connection', () => A.db.db?.collection('users').find({}).toArray()],
  ['the connection of the collection', () => A.collection.conn.collection('users').find({}).toArray()],
  [
    'Mongoose’s own collection',
    () => (A.collection as unknown as { _getCollection(): mongo.Collection })._getCollection().find({}).toArray(),
  ],
  ['changes of the connection', () => A.db.watch()],
  ['populate', () => A.find().populate('team')],
  ['populate from the other', () => A.find().populate({ path: 'team', model: TeamsB as never })],
  ['the past', () => A.asOf(before).find({ $or: [{}, { tenantId: 'b' }] } as never)],
  ['the past by id', () => A.asOf(before).findById('only-b')],
  ['the past, populated', () => A.asOf(before).find().populate('team')],
  [
    'the past, sorted',
    () =>
      A.asOf(before)
        .find({ tenantId: { $ne: 'a' } } as never)
        .sort('email')
        .limit(9),
  ],
  [
    'the past, aggregated',
    () =>
      A.asOf(before).aggregate([
        { $unionWith: 'users' },
        { $lookup: { from: 'teams', localField: 'team', foreignField: '_id', as: 'x' } },
      ]),
  ],
  ['the past, distinct', () => A.asOf(before).distinct('secret' as never)],
  ['the past, a cursor', () => A.asOf(before).find().cursor().next()],
  ['history', () => A.history('only-b')],
  ['getLatest', () => A.getLatest('only-b', { includeDeleted: true })],
  ['getVersion', () => A.getVersion('only-b', 0)],
  ['getAsOf', () => A.getAsOf('only-b', before)],
  ['diff', () => A.diff('only-b', 0)],
  ['verify', () => A.verify()],
  ['listIndexes', () => A.listIndexes()],
  ['an explanation', () => A.find({}).explain('queryPlanner')],
];

/** What reaches for another tenant's documents in writing. None may change any, or make one that is the other's. */
const WRITES: readonly Attempt[] = [
  ['create with the field', () => A.create({ _id: 'w1', email: 'w1@y.z', tenantId: 'b' } as never)],
  ['insertMany with the field', () => A.insertMany([{ _id: 'w2', email: 'w2@y.z', tenantId: 'b' }] as never)],
  ['the driver’s insert', () => native().insertOne({ _id: 'w3', tenantId: 'b' } as never)],
  ['bulkWrite insert', () => A.bulkWrite([{ insertOne: { document: { email: 'w4@y.z', tenantId: 'b' } as never } }])],
  [
    'save',
    async () => {
      const one = await A.findById('1').orFail();
      one.set('tenantId', 'b');
      return one.save();
    },
  ],
  ['$set', () => A.updateOne({ _id: '1' }, toB)],
  ['$set of many', () => A.updateMany({}, toB)],
  ['$set inside the field', () => native().updateOne({ _id: '1' }, { $set: { 'tenantId.x': 1 } } as never)],
  ['$unset', () => A.updateOne({ _id: '1' }, { $unset: { tenantId: 1 } } as never)],
  ['$rename from', () => A.updateOne({ _id: '1' }, { $rename: { tenantId: 'x' } } as never)],
  ['$rename to', () => native().updateOne({ _id: '1' }, { $rename: { status: 'tenantId' } } as never)],
  ['$min', () => native().updateOne({ _id: '1' }, { $min: { tenantId: 'A' } } as never)],
  [
    '$setOnInsert',
    () => A.updateOne({ _id: 'w5' }, { $setOnInsert: { email: 'w5@y.z', tenantId: 'b' } } as never, { upsert: true }),
  ],
  [
    'an upsert by the field',
    () => A.updateOne({ tenantId: 'b', email: 'w6@y.z' } as never, { status: 'x' }, { upsert: true }),
  ],
  [
    'an upsert by the other’s id',
    () => A.updateOne({ _id: 'only-b' }, { status: 'taken', email: 'w7@y.z' }, { upsert: true }),
  ],
  ['$min of _id', () => native().updateOne({ status: 'none' }, { $min: { _id: 'w9' } } as never, { upsert: true })],
  ['$inc of _id', () => native().updateOne({ _id: 'w10' }, { $inc: { _id: 1 } } as never, { upsert: true })],
  ['$rename to _id', () => native().updateOne({ _id: '1' }, { $rename: { status: '_id.t' } } as never)],
  [
    '$setOnInsert of _id',
    () => native().updateOne({ status: 'none' }, { $setOnInsert: { _id: 'only-b' } } as never, { upsert: true }),
  ],
  [
    '$setOnInsert inside _id',
    () => native().updateOne({ status: 'none' }, { $setOnInsert: { '_id.t': 1 } } as never, { upsert: true }),
  ],
  ['$set of _id', () => native().updateOne({ _id: '1' }, { $set: { _id: 'only-b' } } as never)],
  [
    'a pipeline',
    () => A.updateOne({ _id: '1' }, [{ $set: { tenantId: 'b' } }] as never, { updatePipeline: true } as never),
  ],
  [
    'a pipeline that replaces',
    () =>
      A.updateOne(
        { _id: '2' },
        [{ $replaceWith: { email: 'w8@y.z', tenantId: 'b' } }] as never,
        { updatePipeline: true } as never,
      ),
  ],
  [
    'a pipeline that replaces the id',
    () =>
      native().updateOne({ _id: '3' }, [{ $replaceWith: { $mergeObjects: ['$$ROOT', { _id: 'only-b' }] } }] as never),
  ],
  ['a replacement', () => A.replaceOne({ _id: '1' }, { email: '1@y.z', tenantId: 'b' } as never)],
  ['findOneAndUpdate', () => A.findOneAndUpdate({ secret: CANARY } as never, { status: 'taken' })],
  ['findOneAndUpdate of the field', () => A.findOneAndUpdate({ _id: '1' }, toB)],
  ['findOneAndReplace', () => A.findOneAndReplace({ _id: '1' }, { email: '1@y.z', tenantId: 'b' } as never)],
  ['findOneAndDelete', () => A.findOneAndDelete({ secret: CANARY } as never)],
  ['deleteOne', () => A.deleteOne({ _id: 'only-b' })],
  ['deleteMany', () => A.deleteMany({ $or: [{ tenantId: 'b' }, { secret: CANARY }] } as never)],
  ['deleteMany by a Map', () => native().deleteMany(new Map([['tenantId', 'b']]) as never)],
  ['deleteMany of the driver', () => native().deleteMany({ tenantId: { $ne: 'a' } } as never)],
  [
    'deleteMany under a collation',
    () => User.forTenant('A').deleteMany({}, { collation: { locale: 'en', strength: 1 } }),
  ],
  ['updateMany by $nor', () => A.updateMany({ $nor: [{ tenantId: 'a' }] } as never, { status: 'taken' })],
  ['updateMany by $expr', () => A.updateMany({ $expr: { $ne: ['$tenantId', 'a'] } } as never, { status: 'taken' })],
  [
    'bulkWrite',
    () =>
      A.bulkWrite([
        { updateMany: { filter: { $or: [{ secret: CANARY }] } as never, update: { status: 'taken' } } },
        { deleteMany: { filter: { _id: 'only-b' } } },
        { deleteOne: { filter: { tenantId: { $ne: 'a' } } as never } },
      ]),
  ],
  ['bulkWrite of the field', () => A.bulkWrite([{ updateOne: { filter: { _id: '1' }, update: toB } }])],
  [
    'bulkWrite of the driver',
    () => native().bulkWrite([{ replaceOne: { filter: { _id: '1' }, replacement: { tenantId: 'b' } as never } }]),
  ],
  ['bulkWrite of the connection', () => A.db.bulkWrite([{ model: 'User', name: 'deleteMany', filter: {} }] as never)],
  ['a bulk operation', () => native().initializeOrderedBulkOp()],
  ['$merge', () => pipe({ $set: { tenantId: 'b' } }, { $merge: { into: 'users' } })],
  ['$out', () => pipe({ $out: 'stolen' })],
  ['$out to the history', () => pipe({ $out: 'users_ver' })],
  ['$merge by a cursor', () => native().aggregate([]).out('stolen').toArray()],
  ['enrich', () => A.enrich('1', { tenantId: 'b' } as never)],
  ['enrich of the other’s', () => A.enrich('only-b', { status: 'taken' })],
  ['restore of the other’s', () => A.restore('only-b', { ov: 0 })],
  ['hardDelete', () => A.hardDelete({ id: 'only-b' }, { confirm: true })],
  ['hardDelete by a filter', () => A.hardDelete({ filter: { $or: [{ secret: CANARY }] } }, { confirm: true })],
  ['drop', () => native().drop()],
  ['rename', () => native().rename('stolen')],
  ['dropIndex', () => native().dropIndex('status_1')],
  ['dropIndexes', () => native().dropIndexes()],
  ['dropDatabase', () => A.db.dropDatabase()],
  ['dropCollection', () => A.db.dropCollection('users')],
  ['adopt', () => A.adopt()],
  ['unadopt', () => A.unadopt({ dropHistory: true })],
  ['releaseSpace', () => A.compact({ releaseSpace: true })],
  ['a document of the other', async () => A.bulkSave([await B.findById('1').orFail()] as never)],
];

const NOT_FOUND = new Set(['diff']);

const REFUSED = new Set([
  'find by the field',
  '$unionWith a pipeline',
  'a filter that is a Map',
  'a cursor of the driver',
  '$where',
  '$where inside $or',
  'min and max',
  '$unionWith the history',
  '$unionWith inside $unionWith',
  '$lookup the history',
  '$lookup another database',
  '$lookup without a collection',
  '$collStats',
  '$indexStats',
  '$planCacheStats',
  '$documents',
  'a stage with two operators',
  'a clone of a cursor',
  'the buffer of a cursor',
  'a stage added to a cursor',
  'any stage added to a cursor',
  'the client behind a cursor',
  'bytes',
  'the driver’s count',
  'the collection of the connection',
  'the database of the connection',
  'the connection of the collection',
  'changes of the connection',
  'populate from the other',
]);

test.each(READS)('nothing of another tenant is read by %s', async (name, run) => {
  const outcome = await settled(run);
  expect(inspect(outcome, { depth: 12, maxArrayLength: null })).not.toMatch(/canary|only@b|_id: 'only-b'/);
  if (REFUSED.has(name)) expect(outcome).toBeInstanceOf(RouteMismatchError);
  else if (!NOT_FOUND.has(name)) expect(outcome).not.toBeInstanceOf(Error);
  if (typeof outcome === 'object' && outcome !== null && 'count' in outcome) expect(outcome.count).toBe(0);
});

const TYPED = new Set(
  WRITES.map(([name]) => name).filter((name) =>
    /field|\$set|\$unset|\$rename|\$min|insert|create|save|merge|\$out|drop|adopt|Space|bulk op|rename|connection|a document|a replacement/i.test(
      name,
    ),
  ),
);

test.each(WRITES)('nothing of another tenant is written by %s', async (name, run) => {
  const others = await everythingOfB();
  const counts = [await stored('users').countDocuments({ tenantId: { $nin: ['a', 'b'] } })];
  const outcome = await settled(run);
  expect(inspect(outcome, { depth: 12 })).not.toMatch(/canary/);
  if (TYPED.has(name)) expect(outcome).toHaveProperty('name');
  expect(await everythingOfB()).toEqual(others);
  expect([await stored('users').countDocuments({ tenantId: { $nin: ['a', 'b'] } })]).toEqual(counts);
  expect(await stored('users').countDocuments({ $expr: { $eq: [{ $type: '$_id' }, 'string'] } })).toBe(0);
  expect(await admin.db(dbName).listCollections({ name: 'stolen' }).toArray()).toEqual([]);
});

/** What a call comes to, as the app would have it: plain documents where there are any. */
async function settled(run: () => unknown): Promise<unknown> {
  try {
    const value = await run();
    return [value].flat().map((one) => (one as { toObject?: () => unknown } | null)?.toObject?.() ?? one);
  } catch (error) {
    return error;
  }
}
