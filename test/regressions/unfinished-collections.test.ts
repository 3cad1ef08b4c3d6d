import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'users' })
class User extends ChronosModel {
  @Prop({ unique: true }) email?: string;
}

const { init, prefix, mongoUri, admin } = await testRegistries();
init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'many', mongoConnKey: 'main', dbName: `${prefix}{tenantId}`, tenantIds: ['cut', 'short', 'other'] },
    ],
  },
  entities: [User],
});

test('a collection whose maker came to no indexes gets them before its first document', async () => {
  const created = await admin.db(`${prefix}cut`).createCollection('users');
  const racing = ['x@y.z', 'x@y.z'].map((email) => User.forTenant('cut').create({ email }));
  const results = await Promise.allSettled(racing);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect((await created.indexes()).map(({ name }) => name)).toEqual(['_id_', 'email_1']);
});

test('a collection that has documents is left as it is', async () => {
  const users = admin.db(`${prefix}short`).collection('users');
  await users.insertOne({ email: 'old@y.z' });
  await User.forTenant('short').create({ email: 'new@y.z' });
  expect((await users.indexes()).map(({ name }) => name)).toEqual(['_id_']);
});

test('an empty collection with another index in the way can be written to', async () => {
  await admin.db(`${prefix}other`).collection('users').createIndex({ email: 1 });
  await expect(User.forTenant('other').create({ email: 'x@y.z' })).resolves.toMatchObject({ email: 'x@y.z' });
});
