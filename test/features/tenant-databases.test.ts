import { inspect } from 'node:util';
import type { Types } from 'mongoose';
import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop, Ref } from '../../decorators/index.ts';
import { ConfigError, RouteMismatchError, TenantNotFoundError } from '../../src/index.ts';
import { BAD_TENANT_IDS } from '../support/bad-tenant-ids.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'teams' })
class Team extends ChronosModel {
  @Prop({ required: true }) name!: string;
}

@ChronosEntity({ collection: 'users' })
class User extends ChronosModel {
  @Prop({ required: true }) email!: string;
  @Prop() status?: string;
  @Ref(() => Team) team?: Types.ObjectId;
}

@ChronosEntity()
class Admin extends User {
  @Prop() level?: number;
}

const { init, prefix, mongoUri, databaseNames } = await testRegistries();

init({
  mongoConns: [
    { key: 'shared', mongoUri },
    { key: 'own', mongoUri: `${mongoUri}&appName=own` },
  ],
  databases: {
    runtime: [
      { key: 'many', mongoConnKey: 'shared', dbName: `${prefix}app_{tenantId}`, tenantIds: ['a', 'b'] },
      { key: 'big', mongoConnKey: 'own', dbName: `${prefix}big`, tenantId: 'big' },
    ],
  },
  entities: [User, Admin],
});

test.each(['a', 'big'])('tenant %s has documents, versions and a past of its own', async (tenant) => {
  const Users = User.forTenant(tenant);
  expect(User.forTenant(tenant)).toBe(Users);
  const user = await Users.create({ email: 'x@y.z', status: 'trial' });
  const before = new Date();
  user.status = 'active';
  await user.save();
  expect(await Users.findOne({ status: 'active' }).lean()).toMatchObject({ email: 'x@y.z', _system: { ov: 1 } });
  expect(await Users.asOf(before).findOne().lean()).toMatchObject({ status: 'trial' });
  expect(await user.history()).toHaveLength(2);
  expect(await Users.history(user._id)).toHaveLength(2);
  expect(await User.forTenant('b').countDocuments()).toBe(0);
  expect(await User.forTenant('b').history(user._id)).toHaveLength(0);
  expect(user).toBeInstanceOf(Users);
  expect(user).not.toBeInstanceOf(User.forTenant('b'));
});

test('references, discriminators and transactions stay with the tenant', async () => {
  const [Teams, Users, Admins] = [Team.forTenant('a'), User.forTenant('a'), Admin.forTenant('a')];
  const team = await Teams.create({ name: 'one' });
  const boss = await Admins.create({ email: 'boss@y.z', level: 3, team: team._id });
  expect(boss).toBeInstanceOf(Admins);
  expect(boss).toBeInstanceOf(Users);
  const found = await Users.findOne({ email: 'boss@y.z' }).populate<{ team: { name: string } }>('team').orFail();
  expect(found).toBeInstanceOf(Admins);
  expect(found.team.name).toBe('one');
  expect(found.collection.conn.name).toBe(`${prefix}app_a`);
  await Users.db.transaction(async (session) => {
    await Users.updateOne({ _id: boss._id }, { status: 'away' }, { session });
    await Teams.updateOne({ _id: team._id }, { name: 'two' }, { session });
  });
  expect(await Teams.history(team._id)).toHaveLength(2);
  expect((await Admins.getVersion(boss._id, 0))?.status).toBeUndefined();
  expect(await Team.forTenant('b').findById(team._id)).toBeNull();
});

test('nothing is made before it is written to', async () => {
  expect(await databaseNames()).toEqual([`${prefix}app_a`, `${prefix}big`].sort());
});

const IDS_OF_NOBODY = [
  'c',
  'A',
  'B',
  'BIG',
  'Big',
  'constructor',
  'toString',
  'hasOwnProperty',
  'undefined',
  'null',
  'many',
  'big2',
];

test('no other id leads anywhere: no connection is opened and no database made', async () => {
  expect(BAD_TENANT_IDS.length).toBeGreaterThanOrEqual(80);
  const { mongoose: quiet, init: initQuiet } = await testRegistries();
  @ChronosEntity()
  class Note extends ChronosModel {
    @Prop() text?: string;
  }
  const registry = initQuiet({
    mongoConns: [{ key: 'shared', mongoUri }],
    databases: {
      runtime: [{ key: 'many', mongoConnKey: 'shared', dbName: `${prefix}app_{tenantId}`, tenantIds: ['a'] }],
    },
    entities: [Note],
  });
  const before = await databaseNames();
  for (const id of [...BAD_TENANT_IDS, ...IDS_OF_NOBODY, undefined]) {
    expect(() => Note.forTenant(id as string), inspect(id)).toThrow(TenantNotFoundError);
    expect(() => registry.model(Note, { tenantId: id as string })).toThrow(TenantNotFoundError);
    expect(() => registry.with({ databaseType: 'runtime', tenantId: id as string, collection: 'notes' })).toThrow(
      TenantNotFoundError,
    );
    expect(() => registry.model(Note, { tier: 'tenant', extIdentifier: id as string })).toThrow(TenantNotFoundError);
  }
  expect(quiet.connections.filter(({ readyState }) => readyState !== 0)).toEqual([]);
  expect(await databaseNames()).toEqual(before);
});

test('a document, a session and a pipeline stay with their tenant', async () => {
  const [A, B] = [User.forTenant('a'), User.forTenant('b')];
  const user = await A.create({ email: 'x@y.z' });
  expect(() => new B(user)).toThrow(RouteMismatchError);
  await expect(B.create(user)).rejects.toThrow(RouteMismatchError);
  await expect(B.insertMany([user])).rejects.toThrow(RouteMismatchError);
  await expect(B.bulkSave([user])).rejects.toThrow(RouteMismatchError);
  await expect(A.findOne().populate({ path: 'team', model: Team.forTenant('b') as never })).rejects.toThrow(
    RouteMismatchError,
  );
  const session = await A.startSession();
  await expect(B.find().session(session)).rejects.toThrow(RouteMismatchError);
  await expect(B.updateOne({}, { status: 'x' }, { session })).rejects.toThrow(RouteMismatchError);
  await expect(B.history(user._id, { session })).rejects.toThrow(RouteMismatchError);
  await expect(B.enrich(user._id, { status: 'x' }, { session })).rejects.toThrow(RouteMismatchError);
  await session.endSession();
  const elsewhere = { db: `${prefix}app_b`, coll: 'x' };
  await expect(A.aggregate([{ $out: elsewhere }])).rejects.toThrow(RouteMismatchError);
  await expect(A.aggregate([{ $merge: { into: elsewhere } }])).rejects.toThrow(RouteMismatchError);
  expect(() => A.db.useDb('other')).toThrow(RouteMismatchError);
  expect(() => A.db.close()).toThrow(RouteMismatchError);
  expect(await B.countDocuments()).toBe(0);
});

test('a registry that is closed gives no models, and leaves its entities to another', async () => {
  @ChronosEntity()
  class Memo extends ChronosModel {
    @Prop() text?: string;
  }
  const config = {
    mongoConns: [{ key: 'shared', mongoUri }],
    databases: { runtime: [{ key: 'memos', mongoConnKey: 'shared', dbName: `${prefix}memos`, tenantId: 'a' }] },
    entities: [Memo],
  };
  const first = init(config);
  const Memos = Memo.forTenant('a');
  await Memos.create({ text: 'one' });
  await first.close();
  await first.close();
  expect(() => Memo.forTenant('a')).toThrow(ConfigError);
  expect(() => first.model(Memo, { tenantId: 'a' })).toThrow(ConfigError);
  await expect(Memos.find()).rejects.toThrow();
  init(config);
  expect(await Memo.forTenant('a').countDocuments()).toBe(1);
});
