import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { mongo } from 'mongoose';
import { afterAll, expect, test, vi } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import type { ChronosConfig, ChronosModelType } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, prefix, admin } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-counters-'));
afterAll(() => rm(basePath, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

const HOUR = 3_600_000;
const confirm = true;
let made = 0;

/** A database of a tenant, and one for its counters. Nothing is counted by itself, unless it is asked for. */
function start(options: Partial<ChronosConfig> = {}) {
  made += 1;
  const key = `own${made}`;
  const dbName = `${prefix}cnt${made}`;
  const config = {
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key, mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}${key}` }] },
    counters: { mongoUri, dbName },
    writeOptimization: { debounceCountersMs: HOUR },
    hardDeleteEnabled: true,
    ...options,
  } satisfies ChronosConfig;
  const chronos = init(config);
  const route = { tenantId: 'a', collection: 'users' };
  const users = chronos.with(route);
  const Users = users.model as unknown as ChronosModelType<Record<string, unknown>>;
  const stored = (collection: string) => admin.db(dbName).collection(collection);
  return { chronos, route, users, Users, stored, config, totals: () => chronos.counters.getTotals(route) };
}

const ACTIVE = { name: 'activeUsers', when: { status: 'active' }, on: ['CREATE', 'UPDATE'], scope: 'meta' } as const;

test('versions are counted by what made them, each once', async () => {
  const { users, Users, totals } = start();
  expect(await totals()).toEqual({ created: 0, updated: 0, deleted: 0, rules: {} });
  const { id } = await users.create({ n: 1 });
  await Users.insertMany([{ n: 2 }, { n: 3 }, { n: 4 }]);
  await users.update(id, { n: 5 });
  await Users.updateMany({ n: { $gt: 3 } }, { $inc: { n: 1 } });
  await users.enrich(id, { tag: 'x' });
  expect(await totals()).toMatchObject({ created: 4, updated: 4, deleted: 0 });
  await users.delete(id);
  await users.restoreObject(id, { ov: 0 });
  await Users.deleteMany({ n: { $gt: 2 } });
  expect(await totals()).toMatchObject({ created: 4, updated: 5, deleted: 3 });
  expect(await totals()).toMatchObject({ created: 4, updated: 5, deleted: 3 });
});

test('a write that fails, changes nothing, or is undone is not counted', async () => {
  const { users, Users, totals } = start();
  const { id } = await users.create({ n: 1 });
  await Users.updateOne({ _id: id }, { n: 1 });
  await users.update(id, { n: 2 }, 7).catch(() => undefined);
  await Users.insertMany([{ _id: id }]).catch(() => undefined);
  const undone = Users.db.transaction(async (session) => {
    await Users.create([{ n: 3 }], { session });
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect(await totals()).toMatchObject({ created: 1, updated: 0, deleted: 0 });
});

test('rules count the versions that meet a condition, of the ops they name', async () => {
  const since = new Date('2026-01-01');
  const { users, totals } = start({
    counterRules: {
      rules: [
        ACTIVE,
        { name: 'left', on: ['DELETE'], when: { status: 'active' } },
        { name: 'recent', when: { at: { $gte: since }, 'address.city': { $in: ['Oslo', 'Bergen'] } } },
        { name: 'rich', when: { $or: [{ score: { $gt: 10 } }, { tags: /^vip/ }] } },
        { name: 'none', when: { status: { $exists: false } } },
      ],
    },
  });
  const { id } = await users.create({
    status: 'active',
    score: 11,
    at: new Date('2026-02-01'),
    address: { city: 'Oslo' },
  });
  await users.update(id, { status: 'idle', tags: ['vip-1'], at: new Date('2025-01-01'), address: { city: 'Oslo' } });
  await users.update(id, { status: 'active', at: '2026-02-01', address: { city: 'Oslo' } });
  await users.delete(id);
  await users.restoreObject(id, { ov: 1 });
  await users.delete(id);
  const rules = { activeUsers: 2, left: 1, recent: 1, rich: 4, none: 0 };
  expect(await totals()).toEqual({ created: 1, updated: 3, deleted: 2, ...rules, rules });
});

test('a gauge tells how many documents meet a condition now', async () => {
  const { users, totals, chronos, route } = start({
    counterRules: { rules: [{ name: 'active', mode: 'gauge', when: { status: 'active' } }] },
  });
  const { id } = await users.create({ status: 'active' });
  await users.create({ status: 'active' });
  await users.update(id, { status: 'idle' });
  expect(await totals()).toMatchObject({ created: 2, updated: 1, active: 1, rules: { active: 1 } });
  const today = new Date().toISOString().slice(0, 10);
  const ofDays = await chronos.counters.getTotals({ ...route, dateRange: { from: today, to: today } });
  expect(ofDays.rules).toEqual({});
});

test('totals of days are those of versions by their dates, the last day included', async () => {
  const { Users, chronos } = start();
  const dates = ['2024-01-01T00:00:00Z', '2024-01-31T23:59:59.999Z', '2024-02-01T00:00:00Z', '2024-02-29T12:00:00Z'];
  for (const at of dates) await Users.create([{ n: 1 }], { chronos: { at: new Date(at) } });
  const created = async (from: string, to: string) =>
    (await chronos.counters.getTotals('users', { tenantId: 'a', dateRange: { from, to } })).created;
  expect(await created('2024-01-01', '2024-01-31')).toBe(2);
  expect(await created('2024-01-02', '2024-02-01')).toBe(2);
  expect(await created('2023-11-05', '2024-03-10')).toBe(4);
  expect(await created('2024-02-02', '2024-02-28')).toBe(0);
  await expect(created('2024-02-02T10:00:00Z', '2024-02-28')).rejects.toMatchObject({ code: 'CHRONOS_CONFIG' });
  await expect(created('2024-02-02', '2024-02-01')).rejects.toMatchObject({ code: 'CHRONOS_CONFIG' });
});

test('what nothing is counted by is refused by name', async () => {
  const { chronos, route } = start();
  const asked = { ...route, deviceId: 'device-123' };
  await expect(chronos.counters.getTotals(asked)).rejects.toThrow('"deviceId"');
  await expect(start({ counters: undefined }).totals()).rejects.toThrow('no counters');
  await expect(start({ versioning: { enabled: false } }).totals()).rejects.toMatchObject({
    name: 'VersioningDisabledError',
  });
});

test('debounceCountersMs: versions are gathered for so long, and then counted without anyone asking', async () => {
  const patient = start();
  await patient.users.create({ n: 1 });
  await patient.Users.db.asPromise();
  expect(await patient.stored('cnt_total').countDocuments()).toBe(0);
  await patient.chronos.flush();
  expect(await patient.stored('cnt_total').findOne()).toMatchObject({ collection: 'users', tenant: 'a', created: 1 });
  const quick = start({ writeOptimization: { debounceCountersMs: 1 } });
  await quick.users.create({ n: 1 });
  await vi.waitFor(async () => expect(await quick.stored('cnt_total').findOne()).toMatchObject({ created: 1 }), {
    timeout: 60_000,
    interval: 20,
  });
});

test('what is left to be counted is counted before a registry is closed', async () => {
  const { chronos, users, stored } = start();
  await users.create({ n: 1 });
  await chronos.close();
  expect(await stored('cnt_total').findOne()).toMatchObject({ created: 1 });
});

test('retention.counters says when the server lets go of days, weeks and months', async () => {
  const kept = { retention: { counters: { days: 7, weeks: 4, months: 12 } } };
  const { users, stored, totals, config, chronos } = start(kept);
  const seconds = async () => {
    const names = ['cnt_day', 'cnt_week', 'cnt_month'];
    const indexes = await Promise.all(names.map((name) => stored(name).indexes()));
    return indexes.map((all) => all.find(({ key }) => 'until' in key)?.expireAfterSeconds);
  };
  const DAY = 86_400;
  await users.create({ n: 1 });
  await totals();
  expect(await seconds()).toEqual([7 * DAY, 28 * DAY, 372 * DAY]);
  await chronos.close();
  const reopen = async (counters: object) => {
    const again = init({ ...config, retention: { counters } });
    await again.counters.getTotals({ tenantId: 'a', collection: 'users' });
    await again.close();
  };
  await reopen({ days: 8, months: 1 });
  expect(await seconds()).toEqual([8 * DAY, undefined, 31 * DAY]);
  await reopen({ weeks: 1 });
  expect(await seconds()).toEqual([undefined, 7 * DAY, undefined]);
});

test('days of which the server has let go are not told wrong', async () => {
  const { Users, chronos, route } = start({ retention: { counters: { days: 7 } } });
  await Users.create([{ n: 1 }], { chronos: { at: new Date('2024-01-15') } });
  const of = (from: string, to: string) => chronos.counters.getTotals({ ...route, dateRange: { from, to } });
  await expect(of('2024-01-15', '2024-01-16')).rejects.toThrow('2024-01-15');
  expect(await of('2024-01-01', '2024-01-31')).toMatchObject({ created: 1 });
});

@ChronosEntity({ collection: 'users', tenantField: 'org' })
class Member extends ChronosModel {
  @Prop() status?: string;
}

test('tenants are counted apart, in databases of their own and in shared collections', async () => {
  const apart = start({
    databases: {
      runtime: [{ key: 'many', mongoConnKey: 'main', dbName: `${prefix}m_{tenantId}`, tenantIds: ['a', 'b'] }],
    },
    counterRules: { rules: [ACTIVE] },
  });
  const shared = start({
    databases: {
      runtime: [{ key: 'rows', mongoConnKey: 'main', dbName: `${prefix}rows`, tenantIds: ['a', 'b'] }],
    },
    entities: [Member],
    counterRules: { rules: [ACTIVE, { name: 'now', mode: 'gauge', when: { status: 'active' } }] },
  });
  for (const { chronos } of [apart, shared]) {
    const of = (tenantId: string) => chronos.with({ tenantId, collection: 'users' });
    const { id } = await of('a').create({ status: 'active' });
    await of('a').delete(id);
    await of('b').create({ status: 'active' });
    await of('b').create({ status: 'active' });
    const totals = (tenantId: string) => chronos.counters.getTotals({ tenantId, collection: 'users' });
    expect(await totals('a')).toMatchObject({ created: 1, deleted: 1, activeUsers: 1 });
    expect(await totals('b')).toMatchObject({ created: 2, deleted: 0, activeUsers: 2 });
  }
  const now = await Promise.all(
    ['a', 'b'].map((tenantId) => shared.chronos.counters.getTotals({ tenantId, collection: 'users' })),
  );
  expect(now.map((totals) => totals.now)).toEqual([0, 2]);
  const facts = await shared.stored('cnt_total').find().sort({ tenant: 1 }).toArray();
  expect(facts.map(({ tenant }) => tenant)).toEqual(['a', 'b']);
});

test('what is erased or dropped later stays counted, and a new collection of the name begins anew', async () => {
  const { users, Users, totals } = start();
  const { id } = await users.create({ n: 1 });
  await users.update(id, { n: 2 });
  await Users.hardDelete({ id }, { confirm });
  expect(await totals()).toMatchObject({ created: 1, updated: 1, deleted: 1 });
  await users.create({ n: 3 });
  await Users.collection.drop();
  expect(await totals()).toMatchObject({ created: 0, updated: 0, deleted: 0 });
  await users.create({ n: 4 });
  expect(await totals()).toMatchObject({ created: 1 });
});

test('a collection that is counted before its first change has its versions indexed as any other', async () => {
  const { users, Users, totals } = start();
  await users.create({ n: 1 });
  await totals();
  const db = Users.db.db as mongo.Db;
  const [versions] = await db.listCollections({ name: 'users_ver' }).toArray();
  expect(versions).toMatchObject({ options: { storageEngine: { wiredTiger: {} } } });
  const keys = (await db.collection('users_ver').indexes()).map(({ key }) => Object.keys(key).join());
  expect(keys).toEqual(expect.arrayContaining(['_id.id,_id.ov', '_system.cv']));
});

test('what is imported is counted whole, also where it is counted in between', async () => {
  const [from, to] = [start(), start()];
  await from.Users.insertMany([{ _id: 2 }, { _id: 1 }]);
  await from.Users.updateOne({ _id: 2 }, { n: 1 });
  const bring = async (ids: { readonly after?: number; readonly upTo?: number }) => {
    const file = new PassThrough();
    const chunks = file.toArray();
    await from.Users.exportHistory(file, ids);
    await to.Users.importHistory(Readable.from(await chunks));
  };
  // What was written last comes first.
  await bring({ upTo: 1 });
  expect(await to.totals()).toMatchObject({ created: 1, updated: 0 });
  await bring({ after: 1 });
  expect(await to.totals()).toMatchObject({ created: 2, updated: 1 });
});

test('a collection that is put back to what it was is counted from there on', async () => {
  const { users, Users, totals } = start();
  for (const n of [1, 2, 3]) await users.create({ n });
  expect(await totals()).toMatchObject({ created: 3 });
  const db = Users.db.db as mongo.Db;
  await db.collection('users').deleteOne({ n: 3 });
  await db.collection<{ _id: string }>('users_counter').updateOne({ _id: 'cv' }, { $set: { value: 2 } });
  expect(await totals()).toMatchObject({ created: 3 });
  await users.create({ n: 4 });
  expect(await totals()).toMatchObject({ created: 4 });
});

test('what was deleted is not deleted once more when it is erased', async () => {
  const { users, Users, totals } = start();
  const { id } = await users.create({ n: 1 });
  await users.delete(id);
  await Users.hardDelete({ id }, { confirm });
  expect(await totals()).toMatchObject({ created: 1, deleted: 1 });
});

test('versions from before counters were configured are counted as well', async () => {
  const { users, Users, config, chronos } = start({ counters: undefined });
  const { id } = await users.create({ n: 1 });
  await Users.updateOne({ _id: id }, { n: 2 });
  await chronos.close();
  const again = init({ ...config, counters: { mongoConnKey: 'main', dbName: `${prefix}later` } });
  expect(await again.counters.getTotals({ tenantId: 'a', collection: 'users' })).toMatchObject({
    created: 1,
    updated: 1,
  });
});

test('scope: a rule for payload looks into object storage, and one for meta at what is indexed alone', async () => {
  const payload = { name: 'big', scope: 'payload', when: { size: { $gt: 10 } } } as const;
  const { users, Users, totals, chronos, route } = start({
    localStorage: { enabled: true, basePath },
    collectionMaps: { users: { indexedProps: ['status'], base64Props: { file: { contentType: 'text/plain' } } } },
    counterRules: {
      rules: [
        ACTIVE,
        payload,
        { ...payload, name: 'metaBig', scope: 'meta' },
        { ...payload, name: 'f', when: { file: 'x' } },
      ],
    },
  });
  const { id } = await users.create({ status: 'active', size: 20, file: 'eHl6' });
  await users.create({ status: 'idle', size: 5 });
  await users.update(id, { status: 'active', size: 30 });
  await users.delete(id);
  await Users.flush();
  expect(await totals()).toMatchObject({ big: 3 });
  const { id: another } = await users.create({ status: 'active', size: 40, file: 'eHl6' });
  await users.update(another, { status: 'active', size: 4 });
  await users.update(another, { status: 'active', size: 50 });
  await users.delete(another);
  await Users.create([{ status: 'x', size: 99 }]);
  const store = users.model as unknown as ChronosModelType<unknown>;
  await store.markItemsAsProcessedByTTL(0, { confirm });
  const { rules } = await chronos.counters.getTotals(route);
  expect(rules).toEqual({ activeUsers: 5, big: 7 });
  await Users.flush();
});
