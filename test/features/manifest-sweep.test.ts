import { expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { requireOwned } from '../../src/offload/owner.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { manifestsIn } from '../support/manifests-in.ts';
import { retain } from '../support/retain.ts';
import { storeOf } from '../support/store-of.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const confirm = true;
const now = { confirm, graceMs: 0 };

async function seeded(collection: string, versions: SwitchedStore, ids: readonly string[] = ['a']) {
  let at: Date | undefined = new Date(Date.now() - 60 * DAY);
  const clock = { now: () => at ?? new Date() };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>(
    { _id: String, n: Number } as never,
    { collection } as never,
  );
  schema.plugin(chronos, { clock, retention: { maxPerItem: 1, rollup: { versions, prefix: 'app' } } });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(collection, schema);
  await Doc.insertMany(ids.map((_id) => ({ _id, n: 0 })));
  for (const n of [1, 2, 3]) await Doc.updateMany({}, { n });
  at = undefined;
  return Doc;
}

test('manifests of a history that is gone are swept, and no others', async () => {
  const versions = new SwitchedStore('versions');
  const Doc = await seeded('gone', versions);
  await retain(Doc);
  const [key] = await manifestsIn(versions);
  const others = [
    'app/__manifests__/gone/acme/2026/02/2026-02-01-aa.ndjson.gz',
    'app/__manifests__/gone/2026/02/notes.txt',
    'app/__manifests__/other/2026/02/2026-02-01-aa.ndjson.gz',
  ];
  for (const other of others) await versions.put(other, Buffer.from('x'));
  expect(await Doc.sweep(now)).toMatchObject({ objects: 1, orphans: 0 });
  await mongoose.connection.collection('gone_locks').drop();
  const { calls } = versions;
  const puts = calls.put;
  expect(await Doc.sweep({ dryRun: true, graceMs: 0 })).toMatchObject({ orphans: 1, keys: [key] });
  expect(calls.put).toBe(puts);
  expect(await Doc.sweep({ confirm })).toMatchObject({ objects: 1, orphans: 0 });
  versions.lockedKey = key;
  expect(await Doc.sweep(now)).toMatchObject({ orphans: 1, retained: 1 });
  versions.lockedKey = undefined;
  await Doc.recover();
  expect(await manifestsIn(versions)).toEqual(others.toSorted());
});

test('another database does not take manifests for its own', async () => {
  const versions = new SwitchedStore('versions');
  const Doc = await seeded('owned', versions);
  await retain(Doc);
  const head = mongoose.connection.useDb(`${mongoose.connection.name}-2`).db?.collection('owned');
  const theirs = requireOwned({ head, address: { prefix: 'app', collection: 'owned' } } as never, versions);
  await expect(theirs).rejects.toThrow(ConfigError);
});

test('what an erasure gave up of a manifest that was being written is deleted, though its writer puts it and dies', async () => {
  const versions = new SwitchedStore('versions');
  const Doc = await seeded('late', versions);
  const [arrived, erased] = [gate(), gate()];
  versions.beforePut = async (key) => {
    if (!key.includes('__manifests__')) return;
    arrived.open();
    await erased.opened;
  };
  versions.beforeGet = async (key) => {
    if (key.includes('__manifests__')) throw new Error('killed');
  };
  const run = retain(Doc).catch((error: Error) => error.message);
  await arrived.opened;
  await Doc.hardDelete({ id: 'a' }, { confirm });
  erased.open();
  expect(await run).toBe('killed');
  expect(await manifestsIn(versions)).toHaveLength(1);
  await mongoose.connection.collection('late_locks').updateMany({ state: 'doomed' }, { $set: { begun: new Date(0) } });
  await Doc.recover();
  expect(await manifestsIn(versions)).toEqual([]);
  expect(await mongoose.connection.collection('late_locks').countDocuments({ state: 'doomed' })).toBe(0);
});

/** How many runs of retention there are beside sweeps. */
const RUNS = Number(process.env.CHRONOS_TEST_RUNS ?? 12);

test('beside sweeps no manifest is lost that holds versions', { timeout: 300_000 }, async () => {
  const versions = new SwitchedStore('versions');
  const ids = ['a', 'b'];
  const Doc = await seeded('raced', versions, ids);
  let isOver = false;
  let sweeps = 0;
  const sweeping = (async () => {
    for (; !isOver; sweeps++) await Doc.sweep(now);
  })();
  const { clock } = storeOf(Doc);
  for (let run = 0; run < RUNS; run++) {
    for (const id of ids)
      await Doc.updateOne({ _id: id }, { n: 10 + run }, { chronos: { at: pastOf(clock.now()) } } as never);
    await retain(Doc);
  }
  isOver = true;
  await sweeping;
  expect(sweeps).toBeGreaterThan(RUNS / 2);
  for (const id of ids) {
    const history = await Doc.history(id, { lean: true });
    expect(history.map(({ ov }) => ov)).toEqual(history.map((_, index) => history.length - 1 - index));
    expect(history).toHaveLength(4 + RUNS);
  }
  expect((await manifestsIn(versions)).length).toBeGreaterThanOrEqual(RUNS);
});

/** Before the time in which versions may still come. */
const pastOf = (at: Date) => new Date(at.getTime() - 30 * DAY);
