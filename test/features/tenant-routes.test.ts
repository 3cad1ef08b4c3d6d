import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { ConfigError, RouteMismatchError, runInChronosContext, TenantNotFoundError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'users' })
class User extends ChronosModel {
  @Prop({ required: true }) email!: string;
}

@ChronosEntity({ collection: 'settings', databaseType: 'metadata' })
class Setting extends ChronosModel {
  @Prop({ required: true }) name!: string;
  @Prop({ type: Object }) value?: Record<string, unknown>;
  @Prop({ type: [String] }) tags?: string[];
}

@ChronosEntity({ collection: 'plans', databaseType: 'metadata', tier: 'generic' })
class Plan extends ChronosModel {
  @Prop() name?: string;
}

@ChronosEntity({ collection: 'audit', databaseType: 'logs' })
class Audit extends ChronosModel {
  @Prop() event?: string;
}

const { init, mongoUri, prefix, databaseNames } = await testRegistries();

/** A URI of its own for each, as different servers have. */
const server = (name: string) => `${mongoUri}&appName=${name}`;

const second = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    metadata: [
      { key: 'meta-generic', mongoConnKey: 'main', tier: 'generic', dbName: `${prefix}2-meta` },
      { key: 'meta-d', mongoConnKey: 'main', tier: 'domain', extIdentifier: 'd', dbName: `${prefix}2-meta-d` },
      { key: 'meta-a', mongoConnKey: 'main', tenantId: 'tenant-a', dbName: `${prefix}2-meta-a` },
      { key: 'meta-b', mongoConnKey: 'main', tenantId: 'tenant-b', dbName: `${prefix}2-meta-b` },
    ],
    runtime: [
      { key: 'runtime-tenant-a', mongoConnKey: 'main', tenantId: 'tenant-a', dbName: `${prefix}2-a` },
      {
        key: 'runtime-tenant-b',
        mongoConnKey: 'main',
        tier: 'tenant',
        extIdentifier: 'tenant-b',
        dbName: `${prefix}2-b`,
      },
      { key: 'many', mongoConnKey: 'main', dbName: `${prefix}2-t-{tenantId}`, tenantIds: ['x', 'y'] },
    ],
    logs: { connection: { key: 'logs-main', mongoConnKey: 'main', dbName: `${prefix}2-logs` } },
  },
  entities: [User, Setting, Plan, Audit],
});

const first = init({
  mongoUris: [mongoUri],
  databaseTypes: {
    runtime: {
      generic: { key: 'runtime-generic', mongoUri: server('g'), dbName: `${prefix}1` },
      domains: [{ key: 'runtime-d', extIdentifier: 'd', mongoUri: server('d'), dbName: `${prefix}1-d` }],
      tenants: [
        { key: 'runtime-tenant-a', extIdentifier: 'tenant-a', mongoUri: server('a'), dbName: `${prefix}1-a` },
        { key: 'runtime-tenant-b', extIdentifier: 'tenant-b', mongoUri: server('b'), dbName: `${prefix}1-b` },
      ],
    },
  },
  entities: [User],
} as never);

test.each([
  ['the first generation', first, '1-a'],
  ['the second generation', second, '2-a'],
] as const)('every form of a route leads to one model: %s', async (_, chronos, name) => {
  const Users = chronos.model(User, { key: 'runtime-tenant-a' });
  const routes = [
    { key: 'runtime-tenant-a' },
    { databaseType: 'runtime', tenantId: 'tenant-a' },
    { databaseType: 'runtime', tier: 'tenant', tenantId: 'tenant-a' },
    { databaseType: 'runtime', tier: 'tenant', extIdentifier: 'tenant-a' },
    { databaseType: 'runtime', tier: 'tenant', tenantId: 'tenant-a', extIdentifier: 'tenant-a' },
    { key: 'runtime-tenant-a', tenantId: 'tenant-a' },
    { dbName: `${prefix}${name}` },
    { dbName: `${prefix}${name}`, databaseType: 'runtime', tenantId: 'tenant-a' },
  ] as const;
  for (const route of routes) {
    expect(chronos.model(User, route)).toBe(Users);
    expect(chronos.with({ ...route, collection: 'users' }).model).toBe(Users);
  }
  expect(runInChronosContext({ tenant: 'tenant-a' }, () => chronos.model(User, { databaseType: 'runtime' }))).toBe(
    Users,
  );
  await Users.create({ email: 'x@y.z' });
  expect(Users.db.name).toBe(`${prefix}${name}`);
  expect(await chronos.model(User, { databaseType: 'runtime', tenantId: 'tenant-b' }).countDocuments()).toBe(0);
});

test('tenants of a template, domains, everyone and the logs are routed to as well', () => {
  expect(second.with({ databaseType: 'runtime', tenantId: 'x', collection: 'users' }).model).toBe(
    second.model(User, { key: 'many', tenantId: 'x' }),
  );
  expect(second.model(User, { dbName: `${prefix}2-t-y`, tenantId: 'y' }).db.name).toBe(`${prefix}2-t-y`);
  expect(Setting.forTenant('tenant-a').db.name).toBe(`${prefix}2-meta-a`);
  expect(Setting.forDomain('d')).toBe(
    second.with({ databaseType: 'metadata', tier: 'domain', extIdentifier: 'd', collection: 'settings' }).model,
  );
  expect(Setting.generic()).toBe(second.with({ key: 'meta-generic', collection: 'settings' }).model);
  expect(Plan.generic()).toBe(second.model(Plan));
  expect(second.with({ key: 'logs-main', collection: 'audit' }).model).toBe(second.model(Audit));
  expect(first.model(User, { databaseType: 'runtime', tier: 'domain', extIdentifier: 'd' }).db.name).toBe(
    `${prefix}1-d`,
  );
});

test.each<[string, object, RegExp]>([
  ['an unknown key', { key: 'nowhere' }, /no database has the key "nowhere"/],
  ['an unknown database', { dbName: 'nowhere' }, /no database of that name/],
  ['a key of another tenant', { key: 'runtime-tenant-b', tenantId: 'tenant-a' }, /leads nowhere/],
  ['a database of another tenant', { dbName: `${prefix}2-b`, tenantId: 'tenant-a' }, /leads nowhere/],
  ['a database of a tenant that is not named', { dbName: `${prefix}2-t-y` }, /leads nowhere/],
  ['two tenants', { tier: 'tenant', tenantId: 'tenant-a', extIdentifier: 'tenant-b' }, /names two tenants/],
  ['a tenant of tier generic', { tier: 'generic', tenantId: 'tenant-a' }, /not for tier tenant/],
  ['a tenant of two databases', { tenantId: 'tenant-a' }, /leads to "meta-a", "runtime-tenant-a"\. Say which one/],
  ['a template of many', { key: 'many' }, /is of many tenants/],
  ['a domain of no name', { databaseType: 'metadata', tier: 'domain' }, /says not for which/],
  ['a domain there is not', { databaseType: 'metadata', tier: 'domain', extIdentifier: 'x' }, /leads nowhere/],
  ['an unknown part', { tenant: 'tenant-a', key: 'many' }, /unknown key "tenant"/],
  ['a key that is no string', { key: { $ne: null } }, /a key that is no string/],
])('a route by %s is refused', async (_, route, reason) => {
  const before = await databaseNames();
  expect(() => second.model(User, route)).toThrow(RouteMismatchError);
  expect(() => second.with({ ...route, collection: 'users' })).toThrow(reason);
  expect(await databaseNames()).toEqual(before);
});

test('an entity goes nowhere but where it belongs', () => {
  expect(() => Plan.forTenant('tenant-a')).toThrow(RouteMismatchError);
  expect(() => second.with({ key: 'runtime-tenant-a', collection: 'settings' })).toThrow(RouteMismatchError);
  expect(() => second.model(Setting, { databaseType: 'runtime', tenantId: 'x' })).toThrow(
    /its entity is for "metadata"/,
  );
  expect(() => Setting.forTenant('x')).toThrow(TenantNotFoundError);
  expect(() => first.model(Setting, { key: 'runtime-generic' })).toThrow(ConfigError);
  expect(() => User.forTenant('tenant-a')).toThrow(/more than one open registry/);
});

test('a setting is found with the tenant, else its domain, else everyone, and only where it is looked for', async () => {
  await Setting.generic().create({
    name: 'theme',
    value: { color: 'blue', font: { size: 1, bold: true } },
    tags: ['g'],
  });
  await Setting.forDomain('d').create({ name: 'theme', value: { color: 'red', font: { size: 2 } }, tags: ['d'] });
  const before = new Date();
  await Setting.forTenant('tenant-a').create({ name: 'theme', value: { font: { size: 3 } } });
  const all = { tenantId: 'tenant-a', domain: 'd', generic: true };

  const found = await second.layers(Setting, all).findFirst({ name: 'theme' });
  expect(found).toMatchObject({ tier: 'tenant', document: { value: { font: { size: 3 } } } });
  expect(found?.document).toBeInstanceOf(Setting.forTenant('tenant-a'));
  const ofB = second.layers(Setting, { ...all, tenantId: 'tenant-b' });
  expect(await ofB.findFirst({ name: 'theme' })).toMatchObject({ tier: 'domain' });
  expect(
    await second.layers(Setting, { tenantId: 'tenant-b', generic: true }).findFirst({ name: 'theme' }),
  ).toMatchObject({ tier: 'generic' });
  expect(await second.layers(Setting, { tenantId: 'tenant-b' }).findFirst({ name: 'theme' })).toBeNull();
  expect(await second.layers(Setting, all).findMerged({ name: 'theme' })).toEqual({
    tiers: ['tenant', 'domain', 'generic'],
    content: { name: 'theme', value: { color: 'red', font: { size: 3, bold: true } }, tags: [] },
  });
  const then = { at: before };
  expect(await second.layers(Setting, all).findFirst({ name: 'theme' }, then)).toMatchObject({ tier: 'domain' });
  expect(await second.layers(Setting, all).findMerged({ name: 'theme' }, then)).toMatchObject({
    tiers: ['domain', 'generic'],
    content: { tags: ['d'] },
  });
  expect(await second.layers(Setting, all).findMerged({ name: 'nothing' })).toBeNull();
});

test('a tier that is not there or does not answer is an error, and never an empty one', async () => {
  expect(() => second.layers(Setting, {})).toThrow(RouteMismatchError);
  expect(() => second.layers(Setting, { tenantId: undefined, generic: true })).toThrow(TenantNotFoundError);
  expect(() => second.layers(Setting, { domain: undefined, generic: true })).toThrow(RouteMismatchError);
  expect(() => second.layers(Setting, { tenantId: 'tenant-c', generic: true })).toThrow(TenantNotFoundError);
  expect(() => second.layers(Setting, { domain: 'x', generic: true })).toThrow(RouteMismatchError);
  const layers = second.layers(Setting, { tenantId: 'tenant-a', generic: true });
  await expect(layers.findFirst({ $where: 'throw 1' } as never)).rejects.toThrow();
  await expect(layers.findMerged({ name: { $nonsense: 1 } } as never)).rejects.toThrow();
});
