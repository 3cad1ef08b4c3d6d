import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import type { ChronosConfig } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';
import { headsOf, recordsOf } from '../support/stored.ts';

@ChronosEntity({ collection: 'papers', indexed: ['title'] })
class Paper extends ChronosModel {
  @Prop() title!: string;
  @Prop() text?: string;
}

const { init, prefix, mongoUri } = await testRegistries();
const folder = await mkdtemp(join(tmpdir(), 'chronos-options-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A client with some of the options for payloads, and one of its models. */
function client(name: string, options: Pick<ChronosConfig, 'devShadow' | 'writeOptimization'>) {
  const chronos = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: {
      runtime: [{ key: 'main', mongoConnKey: 'main', dbName: `${prefix}${name}_{tenantId}`, tenantIds: ['a'] }],
    },
    localStorage: { enabled: true, basePath: join(folder, name) },
    entities: [Paper],
    ...options,
  });
  const Papers = chronos.model(Paper, { tenantId: 'a' });
  const statesOf = async (rows: ReturnType<typeof headsOf>) =>
    (await rows.find({}, { sort: { _id: 1 } }).toArray()).map(({ _system }) => (_system as { state?: string }).state);
  return { chronos, Papers, heads: () => statesOf(headsOf(Papers)), records: () => statesOf(recordsOf(Papers)) };
}

test("the client's ack: 'stored' has writes wait for object storage", async () => {
  const { Papers, heads } = client('acked', { writeOptimization: { ack: 'stored' } });
  await Papers.create({ title: 'a', text: 'b' });
  expect(await heads()).toEqual(['new']);
});

test("the client's batchS3 has new versions wait for others", async () => {
  const { chronos, Papers, heads } = client('batched', {
    writeOptimization: { batchS3: true, batchWindowMs: 600_000 },
  });
  for (const title of ['a', 'b']) await Papers.create({ title, text: 'b' });
  expect(await heads()).toEqual(['new-not-synched', 'new-not-synched']);
  await chronos.flush();
  expect(await heads()).toEqual(['new', 'new']);
});

test("the client's devShadow keeps whole documents for a while, and none that are too large", async () => {
  const documents = [
    { title: 'a', text: 'b' },
    { title: 'a', text: 'b'.repeat(2_000) },
  ];
  const states = async (name: string, devShadow: ChronosConfig['devShadow']) => {
    const { chronos, Papers, heads } = client(name, { devShadow });
    for (const document of documents) await Papers.create(document);
    await chronos.flush();
    return heads();
  };
  expect(await states('off', { enabled: false, ttlHours: 1e-9, maxBytesPerDoc: 1_000 })).toEqual(['new', 'new']);
  expect(await states('day', { enabled: true, ttlHours: 24 })).toEqual(['new', 'new']);
  expect(await states('limited', { enabled: true, ttlHours: 24, maxBytesPerDoc: 1_000 })).toEqual(['new', 'processed']);
  expect(await states('moment', { enabled: true, ttlHours: 1e-9 })).toEqual(['processed', 'processed']);
});

test("the client's allowShadowSkip keeps whole copies of current documents alone", async () => {
  const { chronos, Papers, heads, records } = client('skipped', {
    devShadow: { enabled: true, ttlHours: 24 },
    writeOptimization: { allowShadowSkip: true },
  });
  const { _id } = await Papers.create({ title: 'a', text: 'b' });
  await Papers.updateOne({ _id }, { text: 'c' });
  await chronos.flush();
  expect([await heads(), await records()]).toEqual([['new'], ['processed']]);
});
