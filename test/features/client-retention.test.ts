import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ChronosConfig, ChronosModelType } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, prefix } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-retention-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const DAY = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * DAY);
const confirm = true;
let made = 0;

function start(options: Partial<ChronosConfig>) {
  made += 1;
  const key = `own${made}`;
  const chronos = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key, mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}${key}` }] },
    localStorage: { enabled: true, basePath },
    ...options,
  });
  const route = { tenantId: 'a', collection: 'items' };
  const Items = chronos.with(route).model as unknown as ChronosModelType<{ n: number }>;
  return { chronos, route, Items, key };
}

/** Versions that were written 100, 60, 40 and 10 days ago. */
async function write(Items: ChronosModelType<{ n: number }>): Promise<unknown> {
  const [item] = await Items.create([{ n: 0 }], { chronos: { at: ago(100) } });
  for (const [index, days] of [60, 40, 10].entries()) {
    await Items.updateOne({ _id: item?._id }, { n: index + 1 }, { chronos: { at: ago(days) } });
  }
  await Items.flush();
  return item?._id;
}

async function manifests(key: string): Promise<string[]> {
  const files = await readdir(join(basePath, 'versions'), { recursive: true }).catch(() => []);
  return files.filter((file) => file.startsWith(`${key}/__manifests__/items/`) && file.endsWith('.ndjson.gz'));
}

test('retention.ver.days and rollup put old versions into manifests in the bucket for versions', async () => {
  const { chronos, route, Items, key } = start({
    retention: { ver: { days: 30 } },
    rollup: { enabled: true, manifestPeriod: 'daily' },
  });
  const id = await write(Items);
  expect(await chronos.admin.applyRetention(route, { dryRun: true })).toMatchObject({ rolledUp: 2, manifests: 2 });
  expect(await chronos.admin.applyRetention(route, { confirm })).toMatchObject({ rolledUp: 2, manifests: 2 });
  expect(await manifests(key)).toHaveLength(2);
  expect(await Items.getVersion(id, 0)).toMatchObject({ n: 0 });
  expect(await Items.asOf(ago(50)).find().lean()).toMatchObject([{ n: 1 }]);
});

test('without rollup they are dropped, and maxPerItem bounds the versions of each document', async () => {
  const { chronos, route, Items, key } = start({ retention: { ver: { maxPerItem: 1 } } });
  const id = await write(Items);
  expect(await chronos.admin.applyRetention(route, { confirm })).toMatchObject({ dropped: 2, rolledUp: 0 });
  expect(await manifests(key)).toEqual([]);
  await expect(Items.getVersion(id, 0)).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  expect(await Items.getVersion(id, 2)).toMatchObject({ n: 2 });
});

test('rollup needs something to roll up, and object storage', () => {
  expect(() => start({ rollup: { enabled: true } })).toThrow('retention.ver');
  const retention = { ver: { days: 30 } };
  expect(() => start({ retention, rollup: { enabled: true }, localStorage: undefined })).toThrow('object storage');
});

test('chronos.admin holds documents, releases them, and drops manifests', async () => {
  const { chronos, route, Items, key } = start({ retention: { ver: { days: 30 } }, rollup: { enabled: true } });
  const id = await write(Items);
  await chronos.admin.hold(route, String(id), { actor: 'legal' });
  expect(await chronos.admin.applyRetention(route, { confirm })).toMatchObject({ rolledUp: 0 });
  expect(await chronos.admin.releaseHold(route, id)).toBe(true);
  expect(await chronos.admin.applyRetention(route, { confirm })).toMatchObject({ rolledUp: 2 });
  expect(await chronos.admin.dropManifests(route, { before: ago(0) }, { dryRun: true })).toMatchObject({ dropped: 2 });
  expect(await chronos.admin.dropManifests(route, { before: ago(0) }, { confirm })).toMatchObject({ dropped: 2 });
  expect(await manifests(key)).toEqual([]);
  await expect(Items.getVersion(id, 0)).rejects.toMatchObject({ name: 'BeyondRetentionError' });
});
