import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type ChronosConfig, ConfigError, PayloadMissingError } from '../../src/index.ts';
import { faultyProxy } from '../support/faulty-proxy.ts';
import { testRegistries } from '../support/registry.ts';
import { describeS3, s3Options } from '../support/s3-bucket.ts';

const { init, mongoUri, prefix } = await testRegistries();
const readText = async (url = '') =>
  url.startsWith('file:') ? readFile(fileURLToPath(url), 'utf8') : (await fetch(url)).text();

/** What is the same on a service and on directories. */
function storage(name: string, open: () => Promise<Pick<ChronosConfig, 'spacesConns' | 'localStorage'>>): void {
  test(`the examples of the document, from empty buckets to a backup: ${name}`, async () => {
    const database = (tenantId: string) => ({
      key: `runtime-${name}-${tenantId}`,
      mongoConnKey: 'main',
      tenantId,
      dbName: `${prefix}${name}-${tenantId}`,
    });
    const chronos = init({
      mongoConns: [{ key: 'main', mongoUri }],
      databases: { runtime: [database('tenant-a'), database('tenant-b')] },
      collectionMaps: {
        users: { indexedProps: ['email', 'status'], base64Props: { avatar: { contentType: 'image/png' } } },
      },
      ...(await open()),
    });
    const ctx = { dbName: `${prefix}${name}-tenant-a`, collection: 'users' };
    expect((await chronos.admin.testS3Connectivity(ctx)).success).toBe(true);
    expect((await chronos.admin.validateSpacesConfiguration(ctx)).recommendations).not.toEqual([]);
    const looked = await chronos.admin.ensureBucketsExist(ctx, { createIfMissing: true, dryRun: true });
    expect(looked).toMatchObject({ bucketsChecked: 4, bucketsCreated: 0 });
    await expect(chronos.admin.ensureBucketsExist(ctx, { createIfMissing: true })).rejects.toThrow(ConfigError);
    const made = await chronos.admin.ensureBucketsExist(ctx, { confirm: true, createIfMissing: true, dryRun: false });
    expect(made).toMatchObject({ bucketsChecked: 4, bucketsCreated: 4 });
    const { success, buckets, error } = await chronos.admin.testS3Connectivity(ctx);
    expect({ success, error }).toEqual({ success: true, error: undefined });
    expect(buckets).toEqual(expect.arrayContaining(made.bucketStatuses.map(({ bucket }) => bucket)));
    expect(await chronos.admin.validateSpacesConfiguration(ctx)).toMatchObject({ valid: true, issues: [] });

    const ops = chronos.with({ key: `runtime-${name}-tenant-a`, collection: 'users' });
    const avatar = Buffer.from('a picture').toString('base64');
    const { id } = await ops.create({ email: 'user@example.com', status: 'active', avatar }, 'actor', 'reason');
    await chronos.flush();
    expect(
      (await chronos.admin.markItemsAsProcessedByTTL(ctx, 0, { confirm: true, dryRun: false })).itemsProcessed,
    ).toBe(1);
    const latest = await ops.getLatest(id, { presign: true, ttlSeconds: 3600, projection: ['email', 'avatar'] });
    expect(await readText(latest?.presigned?.avatar?.blobUrl)).toBe('a picture');
    await ops.update(id, { email: 'user@example.com', status: 'gone', avatar }, 0, 'actor', 'reason');

    const backup = await chronos.admin.backup(ctx);
    expect(backup).toMatchObject({ key: expect.stringMatching(/\.ndjson\.gz$/), documents: 1, heads: 1, versions: 1 });
    expect(await chronos.admin.backup(ctx, { key: 'second' })).toMatchObject({ key: 'second' });
    expect((await chronos.admin.listBackups(ctx)).map(({ key }) => key)).toEqual([backup.key, 'second']);
    await ops.model.db.collection('users').drop();
    await ops.model.db.collection('users_ver').drop();
    expect(await chronos.admin.restoreBackup(ctx, { key: backup.key })).toMatchObject({ documents: 1, inserted: 2 });
    expect(await ops.getLatest(id)).toMatchObject({ item: { status: 'gone', avatar, _system: { ov: 1 } } });
    expect(await ops.getVersion(id, 0)).toMatchObject({ item: { status: 'active', avatar } });

    const other = { key: `runtime-${name}-tenant-b`, collection: 'users' };
    expect(await chronos.admin.listBackups(other)).toEqual([]);
    await expect(chronos.admin.restoreBackup(other, { key: backup.key })).rejects.toThrow(PayloadMissingError);
    for (const key of [`../tenant-a/users/${backup.key}`, 'a/b', '.hidden', '', 7, { $ne: '' }]) {
      await expect(chronos.admin.restoreBackup(other, { key: key as string })).rejects.toThrow(ConfigError);
    }
  });
}

describeS3('chronos.admin', (server) => {
  storage(`s3-${server.name}`, async () => {
    const name = `chronos-${randomBytes(5).toString('hex')}`;
    const roles = ['json', 'content', 'versions', 'backup'] as const;
    const buckets = Object.fromEntries(roles.map((role) => [role, `${name}-${role}`])) as Record<
      (typeof roles)[number],
      string
    >;
    const { endpoint } = s3Options(server.endpoint);
    const { region, accessKey = '', secretKey = '' } = s3Options(server.endpoint);
    return { spacesConns: [{ key: 's3-prod', endpoint, region, accessKey, secretKey, buckets, forcePathStyle: true }] };
  });

  test('wrong keys are told, and not thrown', async () => {
    const { endpoint, region } = s3Options(server.endpoint);
    const buckets = { json: 'json-x', content: 'content-x', versions: 'versions-x' };
    const chronos = init({
      mongoConns: [{ key: 'main', mongoUri }],
      databases: { runtime: [{ key: 'one', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}wrong` }] },
      spacesConns: [
        { key: 's', endpoint, region, accessKey: 'nobody', secretKey: 'not-the-secret', buckets, forcePathStyle: true },
      ],
    });
    const told = await chronos.admin.testS3Connectivity({ key: 'one', collection: 'users' });
    expect(told).toMatchObject({ success: false, buckets: [] });
    expect(JSON.stringify(told)).not.toContain('not-the-secret');
    const { valid, issues } = await chronos.admin.validateSpacesConfiguration({ key: 'one', collection: 'users' });
    expect(valid).toBe(false);
    expect(issues.join()).not.toContain('not-the-secret');
  });
});

describeS3('chronos.admin.health', (server) => {
  test('tells of keys that are wrong, buckets that are missing, and a service that is silent', async () => {
    const proxy = await faultyProxy(server.endpoint);
    proxy.fault = () => 'swallow';
    const { region, accessKey = '', secretKey = '' } = s3Options(server.endpoint);
    const name = `chronos-${randomBytes(5).toString('hex')}`;
    const buckets = { json: `${name}-json`, content: `${name}-content`, versions: `${name}-versions` };
    const common = { endpoint: server.endpoint, region, accessKey, secretKey, buckets, forcePathStyle: true };
    const chronos = init({
      mongoConns: [{ key: 'main', mongoUri }],
      databases: {
        runtime: ['good', 'wrong', 'silent'].map((key) => ({
          key,
          mongoConnKey: 'main',
          spacesConnKey: key,
          tenantId: key,
          dbName: `${prefix}${key}`,
        })),
      },
      spacesConns: [
        { ...common, key: 'good' },
        { ...common, key: 'wrong', secretKey: 'not-the-secret' },
        { ...common, key: 'silent', endpoint: proxy.endpoint },
      ],
    });
    const told = await chronos.admin.health({ deadlineMs: 3_000 });
    expect(told).toMatchObject({
      healthy: false,
      storage: [
        { key: 'good', healthy: false, error: expect.stringContaining(`There is no bucket ${buckets.content}`) },
        { key: 'wrong', healthy: false, error: expect.any(String) },
        { key: 'silent', healthy: false, error: 'no answer within 3000 ms' },
      ],
    });
    expect(JSON.stringify(told)).not.toContain('not-the-secret');
    const ctx = { key: 'good', collection: 'users' };
    await chronos.admin.ensureBucketsExist(ctx, { confirm: true, createIfMissing: true });
    proxy.reset();
    const { storage } = await chronos.admin.health();
    expect(storage[0]).toEqual({ key: 'good', healthy: true });
    expect(storage[2]).toEqual({ key: 'silent', healthy: true });
    await proxy.close();
  });
});

describe('chronos.admin of directories', () => {
  storage('local', async () => {
    const basePath = await mkdtemp(join(tmpdir(), 'chronos-admin-'));
    afterAll(() => rm(basePath, { recursive: true, force: true }));
    return { localStorage: { enabled: true, basePath } };
  });

  test('without object storage it says so', async () => {
    const chronos = init({
      mongoConns: [{ key: 'main', mongoUri }],
      databases: { runtime: [{ key: 'one', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}none` }] },
    });
    const ctx = { key: 'one', collection: 'users' };
    expect(await chronos.admin.testS3Connectivity(ctx)).toMatchObject({ success: false, error: expect.any(String) });
    expect(await chronos.admin.validateSpacesConfiguration(ctx)).toMatchObject({ valid: false });
    await expect(chronos.admin.ensureBucketsExist(ctx, { confirm: true })).rejects.toThrow(ConfigError);
    await expect(chronos.admin.backup(ctx)).rejects.toThrow(ConfigError);
  });
});
