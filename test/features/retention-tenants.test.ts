import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop, Ref } from '../../decorators/index.ts';
import type { ChronosConfig } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';
import { retain } from '../support/retain.ts';

@ChronosEntity({ collection: 'teams', tenantField: 'org' })
class Team extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() name?: string;
}

@ChronosEntity({ collection: 'people', tenantField: 'org' })
class Person extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() name?: string;
  @Ref(() => Team) team?: number;
}

const { init, prefix, mongoUri, admin } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-retained-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const DAY = 86_400_000;
const NOW = Date.now();
const ago = (days: number) => new Date(NOW - days * DAY);
const confirm = true;
const WRITTEN = [100, 60, 40, 10];
let made = 0;

type PeopleModel = ReturnType<typeof Person.forTenant<typeof Person>>;

/** Tenants with the same ids, whose versions are of the same instants and say whose they are. */
async function tenants(more: Partial<ChronosConfig>) {
  made += 1;
  const key = `rows${made}`;
  const dbName = `${prefix}${key}`;
  const chronos = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key, mongoConnKey: 'main', dbName, tenantIds: ['a', 'b'] }] },
    entities: [Person, Team],
    localStorage: { enabled: true, basePath },
    retention: { ver: { days: 30 } },
    hardDeleteEnabled: true,
    ...more,
  });
  const People = (tenantId: string) => chronos.model(Person, { tenantId });
  for (const tenant of ['a', 'b']) {
    const Teams = chronos.model(Team, { tenantId: tenant });
    for (const [n, days] of WRITTEN.entries()) {
      const options = { upsert: true, chronos: { at: ago(days) } };
      await Teams.updateOne({ _id: 7 }, { name: `team ${n} of ${tenant}` }, options);
      for (const _id of [1, 2])
        await People(tenant).updateOne({ _id }, { name: `${_id}.${n} of ${tenant}`, team: 7 }, options);
    }
  }
  await chronos.flush();
  const records = admin.db(dbName).collection('people_ver');
  const left = (tenant: string) => records.countDocuments({ org: tenant });
  const route = (tenantId: string) => ({ key, tenantId, collection: 'people' });
  const manifests = async () => {
    const files = await readdir(join(basePath, 'versions'), { recursive: true }).catch(() => []);
    return files.filter((file) => file.startsWith(`${key}/`) && file.endsWith('.ndjson.gz'));
  };
  return { chronos, People, left, route, manifests };
}

/** All that a tenant can ask of the past, and what it is told. */
async function past(People: PeopleModel) {
  const answer = async (read: PromiseLike<unknown>) => {
    try {
      return await read;
    } catch (error) {
      return `${(error as Error).name} ${(error as Error).message}`;
    }
  };
  const At = People.asOf(ago(80));
  return {
    all: await answer(At.find().sort('_id').lean().exec()),
    one: await answer(At.findById(1).populate('team').lean().exec()),
    count: await answer(At.countDocuments().exec()),
    cursor: await answer(At.find().cursor().next()),
    aggregate: await answer(
      At.aggregate([
        { $match: { _id: 2 } },
        { $lookup: { from: 'teams', localField: 'team', foreignField: '_id', as: 'teams' } },
        { $project: { name: 1, 'teams.name': 1 } },
      ]).exec(),
    ),
    version: await answer(People.getVersion(1, 0, { lean: true })),
    at: await answer(People.getAsOf(2, ago(50), { lean: true })),
    history: await answer(People.history(1, { lean: true })),
    plan: await answer(People.restoreCollection({ at: ago(80) }, { dryRun: true })),
    verify: await answer(People.verify()),
  };
}

test('a tenant rolls its own versions up, and nothing of another who has the same ids', async () => {
  const { chronos, People, left, route, manifests } = await tenants({
    rollup: { enabled: true, manifestPeriod: 'daily' },
  });
  const before = { a: await past(People('a')), b: await past(People('b')) };
  expect(before.a.all).toMatchObject([{ name: '1.0 of a' }, { name: '2.0 of a' }]);
  const dry = await chronos.admin.applyRetention(route('a'), { dryRun: true });
  expect(dry).toMatchObject({ rolledUp: 4, manifests: 2 });
  expect(await chronos.admin.applyRetention(route('a'), { confirm })).toMatchObject({ rolledUp: 4, manifests: 2 });
  expect([await left('a'), await left('b')]).toEqual([2, 6]);
  expect(await manifests()).toHaveLength(2);
  for (const file of await manifests()) expect(file).toContain('/__manifests__/people/a/');
  expect(await past(People('b'))).toEqual(before.b);
  expect([await left('a'), await left('b')]).toEqual([2, 6]);
  expect(await past(People('a'))).toEqual({ ...before.a, verify: expect.objectContaining({ ok: true }) });
  // Only what the tenant's own reads need is put back.
  expect(await left('b')).toBe(6);
  await retain(People('b'));
  expect(await manifests()).toHaveLength(4);
  expect(await past(People('a'))).toMatchObject({ all: before.a.all, history: before.a.history });
  expect(await past(People('b'))).toMatchObject({ all: before.b.all, history: before.b.history });
});

test('what a tenant drops is beyond retention for it alone', async () => {
  const { People, left } = await tenants({ retention: { ver: { maxPerItem: 1 } } });
  const before = await past(People('b'));
  expect(await retain(People('a'))).toMatchObject({ dropped: 4, rolledUp: 0 });
  expect([await left('a'), await left('b')]).toEqual([2, 6]);
  expect(await past(People('b'))).toEqual(before);
  const { history, verify, ...answers } = await past(People('a'));
  expect(history).toHaveLength(2);
  expect(verify).toMatchObject({ ok: true });
  for (const answer of Object.values(answers)) expect(answer).toMatch(/^BeyondRetentionError/);
  await expect(People('a').getVersion(1, 0)).rejects.toMatchObject({ id: 1, asked: 0 });
});

test('holds, dropped manifests and erasures of a tenant leave what another has rolled up', async () => {
  const { chronos, People, left, route, manifests } = await tenants({ rollup: { enabled: true } });
  const before = await past(People('b'));
  await People('a').hold(1, { actor: 'legal' });
  expect(await retain(People('b'))).toMatchObject({ rolledUp: 4 });
  expect(await retain(People('a'))).toMatchObject({ rolledUp: 2 });
  expect([await left('a'), await left('b')]).toEqual([4, 2]);
  const all = { before: ago(0) };
  expect(await chronos.admin.dropManifests(route('a'), all, { dryRun: true })).toMatchObject({ dropped: 2 });
  expect(await chronos.admin.dropManifests(route('a'), all, { confirm })).toMatchObject({ dropped: 2 });
  expect(await past(People('b'))).toMatchObject({ all: before.all, history: before.history, plan: before.plan });
  await expect(People('a').getVersion(2, 0)).rejects.toMatchObject({ name: 'BeyondRetentionError' });
  expect(await People('a').getVersion(1, 0)).toMatchObject({ name: '1.0 of a' });
  await expect(People('a').hardDelete({ ids: [1, 2] }, { confirm })).rejects.toMatchObject({
    name: 'LegalHoldError',
    id: 1,
  });
  await People('a').hardDelete({ id: 2 }, { confirm });
  expect(await past(People('b'))).toMatchObject({ all: before.all, history: before.history, plan: before.plan });
  expect(await People('b').releaseHold(1)).toBe(false);
  await People('b').hardDelete({ ids: [1, 2] }, { confirm });
  expect(await manifests()).toEqual([]);
  expect(await People('a').getVersion(1, 0)).toMatchObject({ name: '1.0 of a' });
});

test('recover, sweep and restore of a tenant meet its own manifests alone', async () => {
  const { chronos, People, left, route } = await tenants({ rollup: { enabled: true } });
  await chronos.flush();
  for (const tenant of ['a', 'b']) await retain(People(tenant));
  const locks = admin.db(`${prefix}rows${made}`).collection<{ _id: object }>('people_locks');
  const unfinished = { state: 'writing', begun: ago(1) };
  const { modifiedCount } = await locks.updateMany({ tenant: 'b', state: 'kept' }, { $set: unfinished });
  await People('a').recover();
  await retain(People('a'));
  expect(await locks.countDocuments({ tenant: 'b', state: 'writing' })).toBe(modifiedCount);
  await locks.updateMany({ tenant: 'b' }, { $set: { state: 'kept' }, $unset: { begun: '' } });
  expect(await chronos.admin.sweep(route('a'), { confirm, graceMs: 0 })).toMatchObject({ orphans: 0 });
  expect(await People('b').restore(1, { ov: 0 })).toMatchObject({ name: '1.0 of b' });
  expect(await People('b').restoreCollection({ at: ago(80) })).toMatchObject({ restored: 1, unchanged: 1 });
  expect((await People('a').find().sort('_id').lean()).map(({ name }) => name)).toEqual(['1.3 of a', '2.3 of a']);
  expect(await left('a')).toBe(2);
});
