import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { ConfigError, RouteMismatchError, TenantNotFoundError, type TenantPlacement } from '../../src/index.ts';
import { BAD_TENANT_IDS } from '../support/bad-tenant-ids.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'notes' })
class Note extends ChronosModel {
  @Prop({ required: true }) text!: string;
}

const { init, mongoUri, prefix, databaseNames } = await testRegistries();

const asked: string[] = [];
const answers = new Map<string, TenantPlacement | readonly TenantPlacement[]>([
  ['dora', { database: 'many' }],
  ['eve', [{ database: 'many', mongoConnKey: 'two' }]],
  ['nowhere', { database: 'none' }],
]);

const chronos = init({
  mongoConns: ['one', 'two', 'three'].map((key) => ({ key, mongoUri: `${mongoUri}&appName=${key}` })),
  databases: {
    runtime: [
      {
        key: 'many',
        mongoConnKeys: ['one', 'two', 'three'],
        dbName: `${prefix}t_{tenantId}`,
        tenantIds: ['Acme', 'acme'],
      },
      { key: 'big', mongoConnKey: 'three', dbName: `${prefix}big_{tenantId}`, tenantIds: [] },
    ],
  },
  resolveTenant: async (tenantId) => {
    asked.push(tenantId);
    if (tenantId === 'down') throw new RangeError('the directory is down');
    return answers.get(tenantId) ?? null;
  },
  entities: [Note],
});

test('tenants whose ids differ in case alone are two tenants', async () => {
  const [upper, lower] = [Note.forTenant('Acme'), Note.forTenant('acme')];
  const note = await upper.create({ text: 'upper' });
  await lower.create({ _id: note._id, text: 'lower' });
  await upper.updateOne({ _id: note._id }, { text: 'UPPER' });
  expect(await upper.find().lean()).toMatchObject([{ text: 'UPPER' }]);
  expect(await lower.find().lean()).toMatchObject([{ text: 'lower' }]);
  expect(await lower.history(note._id)).toHaveLength(1);
  for (const id of ['ACME', 'aCME', 'acmE']) expect(() => Note.forTenant(id)).toThrow(TenantNotFoundError);
});

test('a tenant that is added is there at once, and one that is removed is gone for everyone', async () => {
  expect(() => Note.forTenant('bob')).toThrow(TenantNotFoundError);
  chronos.tenants.add('bob', { database: 'many' });
  expect(chronos.tenants.has('bob')).toBe(true);
  expect(chronos.tenants.ids()).toContain('bob');
  expect(await databaseNames()).not.toContain(`${prefix}t_bob`);
  const Notes = Note.forTenant('bob');
  const note = await Notes.create({ text: 'one' });
  expect(chronos.tenants.remove('bob')).toBe(true);
  expect(chronos.tenants.remove('bob')).toBe(false);
  expect(() => Note.forTenant('bob')).toThrow(TenantNotFoundError);
  await expect(Notes.find()).rejects.toThrow(RouteMismatchError);
  await expect(Notes.history(note._id)).rejects.toThrow(RouteMismatchError);
  await expect(note.set('text', 'two').save()).rejects.toThrow(RouteMismatchError);
  await expect(Notes.create({ text: 'three' })).rejects.toThrow(/the tenant was removed/);
  chronos.tenants.add('bob', { database: 'many' });
  expect(await Note.forTenant('bob').find().lean()).toMatchObject([{ text: 'one' }]);
});

test('a tenant that moves is at its new place alone', async () => {
  chronos.tenants.add('cara', { database: 'many' });
  const Notes = Note.forTenant('cara');
  await Notes.create({ text: 'old place' });
  expect(() => chronos.tenants.move('cara', { database: 'nowhere' })).toThrow(ConfigError);
  expect(Note.forTenant('cara')).toBe(Notes);
  chronos.tenants.move('cara', { database: 'big' });
  expect(await Note.forTenant('cara').countDocuments()).toBe(0);
  expect(Note.forTenant('cara').db.name).toBe(`${prefix}big_cara`);
  await expect(Notes.countDocuments()).rejects.toThrow(/it was moved/);
  expect(() => chronos.tenants.move('zoe', { database: 'big' })).toThrow(TenantNotFoundError);
});

test('resolveTenant is asked once for a tenant that is not known, and never for what is none', async () => {
  expect(() => Note.forTenant('dora')).toThrow(/chronos\.tenants\.resolve\(id\)/);
  await Promise.all(Array.from({ length: 20 }, () => chronos.tenants.resolve('dora')));
  await chronos.tenants.resolve('dora');
  expect(asked).toEqual(['dora']);
  await Note.forTenant('dora').create({ text: 'x' });
  await chronos.tenants.resolve('acme');
  await chronos.tenants.resolve('eve');
  expect(Note.forTenant('eve').db.name).toBe(`${prefix}t_eve`);
  for (const id of BAD_TENANT_IDS) {
    await expect(chronos.tenants.resolve(id as string)).rejects.toThrow(TenantNotFoundError);
  }
  expect(asked).toEqual(['dora', 'eve']);
  await expect(chronos.tenants.resolve('frank')).rejects.toThrow(TenantNotFoundError);
  await expect(chronos.tenants.resolve('constructor')).rejects.toThrow(TenantNotFoundError);
  await expect(chronos.tenants.resolve('nowhere')).rejects.toThrow(ConfigError);
  await expect(chronos.tenants.resolve('down')).rejects.toThrow(RangeError);
  expect(chronos.tenants.has('down')).toBe(false);
  answers.set('frank', { database: 'many' });
  await chronos.tenants.resolve('frank');
  expect(await Note.forTenant('frank').countDocuments()).toBe(0);
  chronos.tenants.remove('dora');
  await chronos.tenants.resolve('dora');
  expect(asked.filter((id) => id === 'dora')).toHaveLength(2);
});
