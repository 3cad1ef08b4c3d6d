import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { testRegistries } from '../support/registry.ts';

/** The examples of the document for `chronos.with()`, as they are written there. */
const registries = await testRegistries();
const { mongoUri, prefix } = registries;
const basePath = await mkdtemp(join(tmpdir(), 'chronos-document-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const chronos = registries.init({
  mongoConns: [
    { key: 'mongo-primary', mongoUri },
    { key: 'mongo-analytics', mongoUri: `${mongoUri}&appName=analytics` },
  ],
  databases: {
    metadata: [
      { key: 'meta-prod', mongoConnKey: 'mongo-primary', tenantId: 'system', dbName: `${prefix}metadata` },
      { key: 'meta-generic', mongoConnKey: 'mongo-primary', tier: 'generic', dbName: `${prefix}meta_generic` },
    ],
    knowledge: [
      {
        key: 'know-domain-1',
        mongoConnKey: 'mongo-primary',
        tier: 'domain',
        extIdentifier: 'domain-1',
        dbName: `${prefix}know`,
      },
    ],
    runtime: [
      {
        key: 'runtime-tenant-a',
        mongoConnKey: 'mongo-primary',
        tenantId: 'tenant-a',
        dbName: `${prefix}tenant_a_data`,
      },
      {
        key: 'runtime-tenant-b',
        mongoConnKey: 'mongo-primary',
        tenantId: 'tenant-b',
        dbName: `${prefix}tenant_b_data`,
      },
    ],
    logs: { connection: { key: 'logs-main', mongoConnKey: 'mongo-analytics', dbName: `${prefix}logs` } },
  },
  localStorage: { enabled: true, basePath },
  routing: { hashAlgo: 'rendezvous' },
  collectionMaps: {
    users: { indexedProps: ['email', 'tenantId'] },
    orders: { indexedProps: ['orderId', 'customerId', 'tenantId'] },
  },
});

test('quick start: users of two tenants', async () => {
  const tenantAOps = chronos.with({ key: 'runtime-tenant-a', collection: 'users' });
  const tenantBOps = chronos.with({ key: 'runtime-tenant-b', collection: 'users' });
  await tenantAOps.create({ email: 'user@tenant-a.com', name: 'User A' });
  await tenantBOps.create({ email: 'user@tenant-b.com', name: 'User B' });
  expect((await tenantAOps.query({})).items).toMatchObject([{ item: { name: 'User A' } }]);
  expect((await tenantBOps.query({ email: 'user@tenant-a.com' })).items).toEqual([]);
});

test('options A, B and C, tiers and domains lead to their databases', async () => {
  const ops = chronos.with({ key: 'runtime-tenant-a', collection: 'people' });
  const ops2 = chronos.with({ databaseType: 'runtime', tenantId: 'tenant-a', collection: 'people' });
  const ops2b = chronos.with({
    databaseType: 'runtime',
    tier: 'tenant',
    extIdentifier: 'tenant-a',
    collection: 'people',
  });
  const ops3 = chronos.with({ key: 'logs-main', collection: 'audit' });
  const systemConfig = chronos.with({ databaseType: 'metadata', tier: 'generic', collection: 'config' });
  const domainContent = chronos.with({
    databaseType: 'knowledge',
    tier: 'domain',
    extIdentifier: 'domain-1',
    collection: 'articles',
  });
  await ops.create({ email: 'user@example.com' });
  await ops2.create({ email: 'user2@example.com' });
  await ops3.create({ event: 'user_login', timestamp: new Date() });
  await systemConfig.create({ setting: 'global_value' });
  await domainContent.create({ title: 'Shared Article' });
  expect((await ops2b.query({}, { sort: { email: 1 } })).items).toHaveLength(2);
  expect((await ops3.query({ timestamp: { $lte: new Date() } })).items).toMatchObject([
    { item: { event: 'user_login' } },
  ]);
  expect(domainContent.model.db.name).toBe(`${prefix}know`);
});

test('events are taken in and analysed as of an instant', async () => {
  const batchOps = chronos.with({ key: 'runtime-tenant-a', collection: 'events' });
  const events = Array.from({ length: 20 }, (_, i) => ({
    deviceId: `device-${i % 4}`,
    timestamp: new Date(i),
    temperature: i,
  }));
  for (const event of events) await batchOps.create(event, 'iot-ingestion', 'sensor-data');
  const historicalData = await batchOps.query(
    { deviceId: 'device-3' },
    { at: new Date().toISOString(), sort: { timestamp: 1 }, limit: 1000 },
  );
  expect(historicalData.items.map(({ item }) => item.temperature)).toEqual([3, 7, 11, 15, 19]);
});

test('core features: writes, enrichment, reads and restores', async () => {
  const ops = chronos.with({ key: 'runtime-tenant-a', collection: 'core' });
  const created = await ops.create({ email: 'a@b.c', status: 'active', tags: ['new'] }, 'actor', 'reason');
  expect(created).toEqual({ id: expect.any(String), ov: 0, cv: 0, createdAt: expect.any(Date) });
  const { id } = created;
  const updated = await ops.update(id, { email: 'a@b.c', status: 'active', tags: ['x'] }, 0, 'actor', 'reason');
  expect(updated).toEqual({ id, ov: 1, cv: 1, updatedAt: expect.any(Date) });
  await ops.enrich(
    id,
    { tags: ['premium'], metadata: { newField: 'value' } },
    { functionId: 'enricher@v1', actor: 'system', reason: 'automated enrichment' },
  );
  await ops.enrich(id, [{ tags: ['vip'] }, { metadata: { score: 100 } }, { tags: ['verified'] }]);

  const latest = await ops.getLatest(id, { presign: true, ttlSeconds: 3600, projection: ['email', 'status'] });
  expect(latest).toEqual({
    id,
    item: {
      email: 'a@b.c',
      status: 'active',
      _system: expect.objectContaining({ deleted: false, functionIds: ['enricher@v1'] }),
    },
    presigned: {},
  });
  expect(latest?.item._system.state).toMatch(/^new/);
  expect((await ops.getVersion(id, 1))?.item.tags).toEqual(['x']);
  expect(await ops.getAsOf(id, '2025-09-01T00:00:00Z')).toBeNull();
  const results = await ops.listByMeta(
    { filter: { status: 'active' }, limit: 50, sort: { updatedAt: -1 } },
    { presign: true },
  );
  expect(results.items.map(({ item }) => item.tags)).toEqual([['x', 'premium', 'vip', 'verified']]);
  const lastId = results.items.at(-1)?.id;
  const rest = { filter: { status: 'active' }, limit: 50, afterId: lastId, sort: { updatedAt: -1 } } as const;
  expect(await ops.listByMeta(rest, { presign: true })).toEqual({ items: [] });

  const deleted = await ops.delete(id, 3, 'actor', 'reason');
  expect(deleted).toEqual({ id, ov: 4, cv: 4, deletedAt: expect.any(Date) });
  await ops.restoreObject(id, { ov: 1 });
  expect((await ops.getLatest(id))?.item.tags).toEqual(['x']);
  await ops.restoreObject(id, { at: created.createdAt.toISOString() });
  expect((await ops.getLatest(id))?.item.tags).toHaveLength(1);
  await ops.restoreCollection({ cv: 3 });
  expect((await ops.getLatest(id))?.item.tags).toEqual(['x', 'premium', 'vip', 'verified']);
  expect(await ops.restoreCollection({ at: new Date().toISOString() })).toMatchObject({ restored: 0, deleted: 0 });
});

test('state management marks what is stored as processed', async () => {
  const ctx = { dbName: `${prefix}tenant_a_data`, collection: 'states' };
  const ops = chronos.with(ctx);
  const { id } = await ops.create({ n: 1 });
  await chronos.flush();
  expect((await ops.getLatest(id))?.item._system.state).toBe('new');
  const result = await chronos.admin.markItemsAsProcessedByTTL(ctx, 24, { confirm: true, dryRun: false });
  expect(result.itemsProcessed).toBe(0);
  expect(await chronos.admin.markItemAsProcessed(ctx, id, { confirm: true })).toBe(true);
  expect(await ops.getLatest(id)).toMatchObject({ item: { n: 1, _system: { state: 'processed' } } });
});

test('monitoring: health and backends', async () => {
  const health = await chronos.admin.health();
  expect(health).toMatchObject({ healthy: true, mongo: [{ key: 'mongo-primary' }, { key: 'mongo-analytics' }] });
  const backends = await chronos.admin.listBackends();
  expect(backends.map(({ key }) => key)).toEqual([
    'meta-prod',
    'meta-generic',
    'know-domain-1',
    'runtime-tenant-a',
    'runtime-tenant-b',
    'logs-main',
  ]);
});

test('direct keys and tiers are mixed in one application', async () => {
  const criticalOps = chronos.with({ key: 'runtime-tenant-a', collection: 'payments' });
  const flexibleOps = chronos.with({
    databaseType: 'runtime',
    tier: 'tenant',
    extIdentifier: 'tenant-a',
    collection: 'payments',
  });
  const { id } = await criticalOps.create({ amount: 1 });
  expect(await flexibleOps.getLatest(id)).toMatchObject({ item: { amount: 1 } });
});

test('a collection without a map, or with an empty one, is searched by any of its properties', async () => {
  const ops = chronos.with({ key: 'runtime-tenant-a', collection: 'unmapped' });
  await ops.create({ anything: { deep: 1 }, list: [1, 2] });
  expect((await ops.query({ 'anything.deep': 1, list: 2 })).items).toHaveLength(1);
  const plan = await ops.model.find({ 'anything.deep': 1 }).explain('queryPlanner');
  expect(JSON.stringify(plan)).toContain('IXSCAN');
  const indexes = await ops.model.collection.indexes();
  expect(indexes).toContainEqual(expect.objectContaining({ key: { '$**': 1 }, wildcardProjection: { _system: 0 } }));
});

test('without logical delete, or without versions, the calls tell the same', async () => {
  const config = (name: string) => ({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'one', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}${name}` }] },
  });
  for (const chronos of [
    registries.init({ ...config('erasing'), logicalDelete: { enabled: false } }),
    registries.init({ ...config('unversioned'), versioning: { enabled: false } }),
  ]) {
    const ops = chronos.with({ key: 'one', collection: 'users' });
    const { id } = await ops.create({ n: 1 });
    expect(await ops.update(id, { n: 1 }, 0)).toMatchObject({ id, ov: 1 });
    expect(await ops.enrich(id, { m: 2 })).toMatchObject({ id, ov: 2 });
    expect(await ops.delete(id, 2)).toMatchObject({ id, ov: 3, deletedAt: expect.any(Date) });
    expect(await ops.getLatest(id)).toBeNull();
    await expect(ops.delete(id)).rejects.toThrow(/Cannot find/);
  }
});
