import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { ConfigError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'people', tenantField: 'org' })
class Person extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() name?: string;
}

const { init, prefix, mongoUri, admin } = await testRegistries();
const dbName = `${prefix}erasure`;
const config = {
  mongoConns: [{ key: 'main', mongoUri }],
  databases: { runtime: [{ key: 'rows', mongoConnKey: 'main', dbName, tenantIds: ['a', 'b'] }] },
  entities: [Person],
};

test('a tenant erases its own documents, and nothing of another who has the same ids', async () => {
  const chronos = init({ ...config, hardDeleteEnabled: true });
  const options = { chronos: { opId: 'op' }, projection: { _id: 0, org: 0 } };
  for (const tenant of ['a', 'b']) {
    const People = Person.forTenant(tenant);
    await People.create([1, 2].map((_id) => ({ _id, name: `${_id} of ${tenant}` })));
    await People.findOneAndUpdate({ _id: 1 }, { name: `new of ${tenant}` }, options);
  }
  const route = { key: 'rows', tenantId: 'a', collection: 'people' };
  const filter = { name: /of/ };
  const dry = await chronos.admin.hardDelete(route, { filter }, { dryRun: true });
  expect(dry).toMatchObject({ documents: 2, versions: 3, ids: [1, 2] });
  const report = await chronos.admin.hardDelete(route, { filter }, { confirm: true, reason: 'gone' });
  expect(report).toMatchObject({ documents: 2, versions: 3, results: 1, ids: [1, 2] });
  expect(await Person.forTenant('a').find()).toEqual([]);
  expect(await Person.forTenant('a').history(1)).toMatchObject([{ op: 'ERASE', reason: 'gone' }]);
  expect(await Person.forTenant('a').outcome('op')).toMatchObject({ result: null });
  const others = Person.forTenant('b');
  expect((await others.find().lean()).map(({ name }) => name)).toEqual(['new of b', '2 of b']);
  expect((await others.outcome('op'))?.result).toMatchObject({ name: '1 of b' });
  expect(await others.history(1)).toHaveLength(2);
  const locks = await admin
    .db(dbName)
    .collection('people_locks')
    .find({ erase: { $exists: true } })
    .toArray();
  expect(locks).toEqual([]);
  await chronos.close();
});

test('without hardDeleteEnabled nothing is erased, whoever is asked', async () => {
  const chronos = init(config);
  const People = Person.forTenant('b');
  const route = { key: 'rows', tenantId: 'b', collection: 'people' };
  const refused = { name: 'ConfigError', message: expect.stringContaining('hardDeleteEnabled: true') };
  await expect(People.hardDelete({ id: 1 }, { confirm: true })).rejects.toMatchObject(refused);
  await expect(chronos.admin.hardDelete(route, { id: 1 }, { dryRun: true })).rejects.toBeInstanceOf(ConfigError);
  expect(await People.countDocuments()).toBe(2);
  await chronos.close();
});
