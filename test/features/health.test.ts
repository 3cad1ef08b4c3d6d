import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ConfigError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, prefix } = await testRegistries();
const SECRET = 'sesame';

/** Takes connections, and never says anything. */
async function mutePort(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'chronos-health-'));
  afterAll(() => rm(path, { recursive: true, force: true }));
  return path;
}

const databaseOn = (mongoConnKey: string) => ({
  key: `on-${mongoConnKey}`,
  mongoConnKey,
  tenantId: mongoConnKey,
  dbName: `${prefix}${mongoConnKey}`,
});

test('health tells of each server and of the storage that it answers', async () => {
  const chronos = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [databaseOn('main')] },
    localStorage: { enabled: true, basePath: await directory() },
  });
  expect(await chronos.admin.health()).toEqual({
    healthy: true,
    mongo: [{ key: 'main', healthy: true }],
    storage: [{ key: 'localStorage', healthy: true }],
  });
  for (const deadlineMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as never]) {
    await expect(chronos.admin.health({ deadlineMs })).rejects.toThrow(ConfigError);
  }
  await chronos.close();
  await expect(chronos.admin.health()).rejects.toThrow(ConfigError);
});

test('health tells what is down, silent or misconfigured, in its time and without a secret', async () => {
  const at = (port: number, options = '') => `mongodb://user:${SECRET}@127.0.0.1:${port}/?${options}`;
  const conns = {
    refused: at(1, 'serverSelectionTimeoutMS=100'),
    silent: at(await mutePort()),
    unreadable: at(1, `authMechanism=${SECRET}`),
    main: mongoUri,
  };
  const chronos = init({
    mongoConns: Object.entries(conns).map(([key, uri]) => ({ key, mongoUri: uri })),
    databases: { runtime: Object.keys(conns).map(databaseOn) },
    localStorage: { enabled: true, basePath: '/dev/null/data' },
  });
  await chronos.with({ key: 'on-main', collection: 'users' }).query({});
  const health = await chronos.admin.health({ deadlineMs: 3_000 });
  expect(health).toEqual({
    healthy: false,
    mongo: [
      { key: 'refused', healthy: false, error: expect.stringContaining('ECONNREFUSED') },
      { key: 'silent', healthy: false, error: 'no answer within 3000 ms' },
      { key: 'unreadable', healthy: false, error: expect.stringContaining('connection string') },
      { key: 'main', healthy: true },
    ],
    storage: [{ key: 'localStorage', healthy: false, error: expect.stringContaining('basePath') }],
  });
  expect(JSON.stringify(health)).not.toContain(SECRET);
  await chronos.close({ drainMs: 1_000 });
});

test('listBackends tells where everything is, and no secret', async () => {
  const chronos = init({
    mongoConns: [
      { key: 'one', mongoUri: `mongodb://user:${SECRET}@a.example:27017,[::1]:27018/db?replicaSet=${SECRET}` },
      { key: 'two', mongoUri: `mongodb+srv://user:${SECRET}@b.example/?authMechanismProperties=x:${SECRET}` },
    ],
    databases: {
      metadata: [{ key: 'common', mongoConnKey: 'one', dbName: 'common', tier: 'generic' }],
      runtime: [
        { key: 'each', mongoConnKeys: ['one', 'two'], dbName: 'app_{tenantId}', tenantIds: ['a', 'b'] },
        { key: 'all', mongoConnKey: 'two', dbName: 'shared', tenantIds: ['c'] },
        { key: 'big', mongoConnKey: 'two', dbName: 'big', tenantId: 'd' },
      ],
    },
    spacesConns: [
      {
        key: 's3',
        endpoint: `https://user:${SECRET}@s3.example:9000/?token=${SECRET}`,
        region: 'us-east-1',
        accessKey: SECRET,
        secretKey: SECRET,
        buckets: { json: 'json', content: 'content', versions: 'versions' },
      },
    ],
  });
  chronos.tenants.add('e', { database: 'all' });
  const one = { key: 'one', hosts: ['a.example:27017', '[::1]:27018'] };
  const two = { key: 'two', hosts: ['b.example'] };
  const backends = await chronos.admin.listBackends();
  expect(backends).toMatchObject([
    { index: 0, key: 'common', databaseType: 'metadata', tier: 'generic', kind: 'single', tenants: 0 },
    { index: 1, key: 'each', kind: 'template', dbName: 'app_{tenantId}', tenants: 2, connections: [one, two] },
    { index: 2, key: 'all', kind: 'shared', tenants: 2, connections: [two] },
    { index: 3, key: 'big', kind: 'single', tier: 'tenant', extIdentifier: 'd', tenants: 1 },
  ]);
  const buckets = { json: 'json', content: 'content', versions: 'versions', backup: 'json' };
  expect(backends[0]?.storage).toEqual({ key: 's3', endpoint: 'https://s3.example:9000', buckets });
  expect(JSON.stringify(backends)).not.toContain(SECRET);
});
