import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, type EntityModel, Prop } from '../../decorators/index.ts';
import { type CreateIndexesProgress, TenantNotFoundError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({
  collection: 'users',
  indexed: ['status'],
  schemaOptions: { collation: { locale: 'en', strength: 2 } },
})
class User extends ChronosModel {
  @Prop({ required: true, unique: true }) email!: string;
  @Prop() status?: string;
}

@ChronosEntity({ collection: 'plans', databaseType: 'metadata' })
class Plan extends ChronosModel {
  @Prop({ index: true }) name?: string;
}

const { init, mongoUri, prefix, admin, databaseNames } = await testRegistries();
const IDS = ['t1', 't2', 't3', 't4', 't5', 't6', 't7', 'new'];

const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: { runtime: [{ key: 'many', mongoConnKey: 'main', dbName: `${prefix}{tenantId}`, tenantIds: IDS }] },
  entities: [User, Plan],
});

const raw = (tenant: string, collection = 'users') => admin.db(`${prefix}${tenant}`).collection(collection);
const namesIn = async (tenant: string, collection?: string) =>
  (await raw(tenant, collection).indexes()).map(({ name }) => name).sort();

test('a collection that comes into being has the options and indexes of its schema from the first document on', async () => {
  const Users = User.forTenant('new');
  const racing = Array.from({ length: 8 }, () => Users.create({ email: 'x@y.z' }));
  const results = await Promise.allSettled(racing);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await namesIn('new')).toEqual(['_id_', 'email_1', 'status_1']);
  const [users] = await admin.db(`${prefix}new`).listCollections({ name: 'users' }, { nameOnly: false }).toArray();
  expect(users).toMatchObject({ options: { collation: { locale: 'en', strength: 2 } } });
});

test.each<[string, (users: EntityModel<typeof User>) => PromiseLike<unknown>]>([
  ['insertMany', (Users) => Users.insertMany([{ email: 'a' }])],
  ['bulkWrite', (Users) => Users.bulkWrite([{ insertOne: { document: { email: 'a' } } }])],
  ['an upsert', (Users) => Users.updateOne({ email: 'a' }, { status: 'x' }, { upsert: true })],
  ['findOneAndUpdate', (Users) => Users.findOneAndUpdate({ email: 'a' }, { status: 'x' }, { upsert: true })],
  ['the native collection', (Users) => Users.collection.insertOne({ email: 'a' } as never)],
  ['a transaction', (Users) => Users.db.transaction((session) => Users.create([{ email: 'a' }], { session }))],
])('so it is by %s', async (way, write) => {
  const id = way.replace(/\W/g, '').toLowerCase();
  chronos.tenants.add(id, { database: 'many' });
  await write(User.forTenant(id));
  expect(await namesIn(id)).toEqual(['_id_', 'email_1', 'status_1']);
  expect(await User.forTenant(id).countDocuments()).toBe(1);
  chronos.tenants.remove(id);
});

test('indexes are rolled out to all tenants that have the collection, and what cannot be is told', async () => {
  for (const id of ['t1', 't2', 't3', 't5']) await raw(id).insertMany([{ email: 'x' }, { email: 'y' }]);
  await raw('t2').insertOne({ email: 'x' });
  await raw('t4', 'other').insertOne({});
  const before = await databaseNames();
  const seen: CreateIndexesProgress[] = [];
  const report = await chronos.tenants.createIndexes({ parallel: 2, onProgress: (progress) => seen.push(progress) });
  expect(report).toMatchObject({ tenants: 8, collections: 4, failed: [{ tenantId: 't2', collection: 'users' }] });
  expect(report.failed[0]?.error).toMatchObject({ code: 11000 });
  expect(seen.map(({ tenantId, done, total }) => [tenantId, done, total])).toEqual([
    ['t1', 2, 8],
    ['t3', 4, 8],
    ['t5', 6, 8],
    ['t7', 8, 8],
  ]);
  for (const id of ['t1', 't3', 't5']) expect(await namesIn(id)).toEqual(['_id_', 'email_1', 'status_1']);
  expect(await namesIn('t2')).toEqual(['_id_', 'status_1']);
  expect(await databaseNames()).toEqual(before);
  expect(await admin.db(`${prefix}t4`).listCollections().toArray()).toHaveLength(1);
});

test('a rollout goes on where an earlier one came to', async () => {
  for (const id of ['t6', 't7']) await raw(id).insertOne({ email: 'x' });
  const seen: string[] = [];
  const stop = chronos.tenants.createIndexes({
    parallel: 1,
    onProgress({ tenantId }) {
      seen.push(tenantId);
      if (tenantId === 't6') throw new RangeError('stopped');
    },
  });
  await expect(stop).rejects.toThrow(RangeError);
  expect(await namesIn('t7')).toEqual(['_id_']);
  const report = await chronos.tenants.createIndexes({ after: seen.at(-1) });
  expect(report).toMatchObject({ tenants: 1, collections: 1, failed: [] });
  expect(await namesIn('t7')).toEqual(['_id_', 'email_1', 'status_1']);
  expect(await chronos.tenants.createIndexes({ tenantIds: ['t7', 't1'] })).toMatchObject({
    tenants: 2,
    collections: 2,
  });
  await expect(chronos.tenants.createIndexes({ tenantIds: ['zoe'] })).rejects.toThrow(TenantNotFoundError);
});

test('a collection that tenants share is done once', async () => {
  @ChronosEntity({ collection: 'notes', tenantField: 'tenant' })
  class Note extends ChronosModel {
    @Prop({ index: true }) text?: string;
  }
  const sharing = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'all', mongoConnKey: 'main', dbName: `${prefix}all`, tenantIds: ['a', 'b', 'c'] }] },
    entities: [Note],
  });
  await Promise.all(['a', 'b', 'c'].map((tenant) => Note.forTenant(tenant).create({ text: 'x' })));
  const names = ['_id_', 'text_1'];
  expect(await namesIn('all', 'notes')).toEqual(names);
  await raw('all', 'notes').dropIndex('text_1');
  expect(await sharing.tenants.createIndexes()).toEqual({ tenants: 3, collections: 1, failed: [] });
  expect(await namesIn('all', 'notes')).toEqual(names);
});
