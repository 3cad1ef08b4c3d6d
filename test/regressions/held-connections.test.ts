import { afterAll, beforeEach, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { RouteMismatchError, TenantNotFoundError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'notes' })
class Note extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() text?: string;
}

const { mongoose, init, prefix, mongoUri, admin } = await testRegistries();
const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'many', mongoConnKey: 'main', dbName: `${prefix}of_{tenantId}`, tenantIds: ['a', 'b'] },
      { key: 'solo', mongoConnKey: 'main', dbName: `${prefix}solo`, tenantId: 'solo' },
    ],
  },
  entities: [Note],
});

mongoose.set('transactionAsyncLocalStorage', true);
afterAll(() => mongoose.set('transactionAsyncLocalStorage', false));

const [A, B] = [Note.forTenant('a'), Note.forTenant('b')];

beforeEach(async () => {
  await B.deleteMany({});
  await B.create({ _id: 1, text: 'of b' });
});

test('a transaction of one tenant that is around a call carries none of the library’s verbs into another’s data', async () => {
  const verbs: (() => Promise<unknown>)[] = [
    () => B.enrich(1, { text: 'of a' }),
    () => B.restore(1, { ov: 0 }),
    async () => B.history(1),
    () => B.getLatest(1),
    async () => (await B.findById(1).session(null).orFail()).enrich({ text: 'of a' }),
  ];
  for (const verb of verbs) await expect(A.db.transaction(verb)).rejects.toThrow(RouteMismatchError);
  expect(await B.findById(1).lean()).toMatchObject({ text: 'of b', _system: { ov: 0 } });
  await B.db.transaction(() => B.enrich(1, { text: 'of b again' }));
  expect(await B.history(1)).toHaveLength(2);
});

test('the connection of a tenant does not write to models of another', async () => {
  const write = { model: B, name: 'updateMany', filter: {}, update: { text: 'of a' } };
  expect(() => A.db.bulkWrite([write] as never)).toThrow(RouteMismatchError);
  expect(await B.findById(1).lean()).toMatchObject({ text: 'of b' });
});

test('of a tenant that was removed nothing is reached by the key of its database, nor made by a model that is held', async () => {
  const Notes = Note.forTenant('solo');
  expect(chronos.model(Note, { key: 'solo' })).toBe(Notes);
  chronos.tenants.remove('solo');
  expect(() => chronos.model(Note, { key: 'solo' })).toThrow(TenantNotFoundError);
  expect(() => chronos.with({ dbName: `${prefix}solo`, collection: 'notes' })).toThrow(TenantNotFoundError);
  await expect(Notes.createCollection()).rejects.toThrow(RouteMismatchError);
  expect(await admin.db(`${prefix}solo`).listCollections().toArray()).toEqual([]);
});
