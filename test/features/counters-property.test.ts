import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { ChronosModelType } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, prefix } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-counters-'));
afterAll(async () => {
  // An upload may still put an object where a directory is being removed.
  await Promise.all([one, other].map((chronos) => chronos.flush()));
  await rm(basePath, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

const config = {
  mongoConns: [{ key: 'main', mongoUri }],
  databases: { runtime: [{ key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}own` }] },
  localStorage: { enabled: true, basePath },
  hardDeleteEnabled: true,
  writeOptimization: { debounceCountersMs: 5 },
  counterRules: {
    rules: [
      { name: 'active', when: { status: 'active' } },
      { name: 'bigMade', scope: 'payload', on: ['CREATE'], when: { size: { $gte: 5 } } },
      { name: 'bigGone', scope: 'payload', on: ['DELETE'], when: { $nor: [{ size: { $lt: 5 } }] } },
      { name: 'now', mode: 'gauge', when: { status: 'active' } },
    ],
  },
} as const;
const countersIn = (dbName: string) => ({ ...config, counters: { mongoConnKey: 'main', dbName } });
const open = (dbName: string, collections: readonly string[]) => {
  const maps = Object.fromEntries(collections.map((name) => [name, { indexedProps: ['status'] }]));
  return init({ ...countersIn(dbName), collectionMaps: maps });
};

const RUNS = Number(process.env.CHRONOS_TEST_RUNS ?? 6);
const COLLECTIONS = Array.from({ length: RUNS + 100 }, (_, run) => `items${run}`);
/** Two that count the same collections, as two processes do. */
const [one, other] = [open(`${prefix}cnt`, COLLECTIONS), open(`${prefix}cnt`, COLLECTIONS)];

interface Content {
  readonly status: string;
  readonly size: number;
}

const content = fc.record({ status: fc.constantFrom('active', 'idle'), size: fc.integer({ min: 0, max: 9 }) });
const which = fc.nat(9);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('create' as const), content }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('update' as const), which, content }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('delete', 'restore', 'erase', 'mark'), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('count', 'countElsewhere') }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What the counts are to be, told by what is done. */
class Expected {
  readonly counts = { created: 0, updated: 0, deleted: 0, active: 0, bigMade: 0, bigGone: 0 };

  made(event: 'created' | 'updated' | 'deleted', { status, size }: Content): void {
    this.counts[event] += 1;
    if (status === 'active') this.counts.active += 1;
    if (event === 'created' && size >= 5) this.counts.bigMade += 1;
    if (event === 'deleted' && size >= 5) this.counts.bigGone += 1;
  }
}

test('whatever is done, and whoever counts meanwhile, each version is counted once', {
  timeout: 1_200_000,
}, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await countedOnce(COLLECTIONS[run++ % COLLECTIONS.length] as string, steps);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

async function countedOnce(collection: string, steps: readonly Step[]): Promise<void> {
  const route = { tenantId: 'a', collection };
  const items = one.with<Content>(route);
  const Items = items.model as unknown as ChronosModelType<Content>;
  const expected = new Expected();
  const documents: { readonly id: unknown; content: Content; state: 'there' | 'deleted' | 'erased' }[] = [];
  for (const done of steps) {
    if (done.kind === 'create') {
      const { id } = await items.create(done.content);
      documents.push({ id, content: done.content, state: 'there' });
      expected.made('created', done.content);
    } else if (done.kind === 'count') await one.counters.getTotals(route);
    else if (done.kind === 'countElsewhere') await other.counters.getTotals(route);
    else if (documents.length > 0) {
      const { which: nth } = done as { which: number };
      const document = documents[nth % documents.length]!;
      if (done.kind === 'mark') {
        await Items.flush();
        await Items.markItemAsProcessed(document.id, { confirm: true });
      } else await change(document, done as never);
    }
  }
  async function change(
    document: (typeof documents)[number],
    { kind, content: next }: { kind: 'update' | 'delete' | 'restore' | 'erase'; content: Content },
  ): Promise<void> {
    const { id, state } = document;
    if (kind === 'update' && state === 'there') {
      await items.update(id, next);
      document.content = next;
      expected.made('updated', next);
    } else if (kind === 'delete' && state === 'there') {
      await items.delete(id);
      document.state = 'deleted';
      expected.made('deleted', document.content);
    } else if (kind === 'restore' && state === 'deleted') {
      await items.restoreObject(id, { ov: 0 });
      const back = await items.getLatest(id);
      document.content = back?.item as Content;
      document.state = 'there';
      expected.made('updated', document.content);
    } else if (kind === 'erase' && state !== 'erased') {
      await Items.hardDelete({ id }, { confirm: true });
      if (state === 'there') expected.counts.deleted += 1;
      document.state = 'erased';
    }
  }
  const now = documents.filter(({ state, content: { status } }) => state === 'there' && status === 'active').length;
  const [counted, same] = await Promise.all([one.counters.getTotals(route), other.counters.getTotals(route)]);
  expect(counted).toMatchObject({ ...expected.counts, now });
  expect(same).toEqual(counted);
  const today = new Date().toISOString().slice(0, 10);
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const ofDays = await one.counters.getTotals({ ...route, dateRange: { from: yesterday, to: today } });
  expect(ofDays).toMatchObject(expected.counts);
  if (documents.some(({ state }) => state === 'erased')) return;
  const recount = open(`${prefix}again-${collection}`, [collection]);
  expect(await recount.counters.getTotals(route)).toEqual(counted);
  await recount.close();
}
