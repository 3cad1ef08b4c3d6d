import { setTimeout } from 'node:timers/promises';
import { ensureOperations } from '../commit/operations.ts';
import type { Store } from '../commit/store.ts';
import { ensureVersions } from '../commit/versions-collection.ts';
import type { RollupOptions } from '../config/options.ts';
import { type Confirmation, requireConfirmed } from '../confirmed.ts';
import { ConfigError } from '../errors.ts';
import { tenantOf } from '../row-id.ts';
import type { Rows } from '../system/rows.ts';
import { batchesOf } from './batches.ts';
import { settleManifests } from './doomed-manifests.ts';
import { dropRecords } from './drop-records.ts';
import { type Due, type DueRecord, dueRecords } from './due-records.ts';
import { LEASE_MS, raiseFloor } from './floor.ts';
import { leaving } from './leaving.ts';
import { periodOf } from './period.ts';
import { rollUp } from './roll-up.ts';
import { freeze } from './thaw.ts';

/** How old versions are taken away. */
export interface RetentionOptions extends Confirmation {
  /** Called after each transaction. */
  readonly onProgress?: ((progress: RetentionCounts) => void) | undefined;
}

/** What has left the collection. */
export interface RetentionCounts {
  /** Versions that are in manifests now. */
  readonly rolledUp: number;
  /** Versions that are nowhere any more. */
  readonly dropped: number;
  /** Manifests that were written. */
  readonly manifests: number;
}

export interface RetentionReport extends RetentionCounts {
  readonly dryRun: boolean;
}

const DAY_MS = 86_400_000;

/** Younger ends than this may still be joined by versions of transactions that are under way. */
const SETTLED_MS = 120_000;

/** Readers of other processes have let go of the floor they knew by then. */
const WAIT_MS = LEASE_MS + 250;

/**
 * Takes the versions away that are past what the collection keeps, in small transactions, beside running reads and
 * writes. A run that was cut short is finished by running it again.
 *
 * 1. The floor is raised: reads below it look closer from now on.
 * 2. Once every reader knows of it, records leave: into manifests, or for good.
 *
 * @param ids limits it to the documents of one of the tenants that share the collection
 * @param waitMs for how long it takes readers to know of the floor
 * @throws ConfigError where the collection keeps everything, and without `confirm: true`
 */
export async function applyRetention(
  store: Store,
  options: RetentionOptions = {},
  ids?: Rows['allIds'],
  waitMs = WAIT_MS,
): Promise<RetentionReport> {
  const { dryRun = false, onProgress } = options;
  const due = dueOf(store);
  requireConfirmed(`take versions of ${store.head.collectionName} away`, options);
  const tenant = tenantOf(ids?.$gte);
  const run = new Run(store, tenant, dryRun);
  if (!dryRun) await begin(store, run);
  let isKnown = dryRun;
  for await (const batch of batchesOf(dueRecords(store, due, ids), run.groupOf)) {
    const records = await leaving(store, batch);
    if (records.length === 0) continue;
    if (!isKnown) {
      await raiseFloor(store, tenant, highestOf(due));
      await setTimeout(waitMs);
      isKnown = true;
    }
    await run.take(records);
    onProgress?.(run.counts);
  }
  return { dryRun, ...run.counts };
}

/** A dry run writes nothing, and does without. */
async function begin(store: Store, run: Run): Promise<void> {
  await ensureVersions(store, undefined);
  await ensureOperations(store);
  await run.settle();
}

/** What one run does with records, and has done so far. */
class Run {
  readonly #store: Store;
  readonly #tenant: string | undefined;
  readonly #dryRun: boolean;
  readonly #rollup: RollupOptions | undefined;
  readonly #counts = { rolledUp: 0, dropped: 0, manifests: 0 };

  constructor(store: Store, tenant: string | undefined, dryRun: boolean) {
    this.#store = store;
    this.#tenant = tenant;
    this.#dryRun = dryRun;
    this.#rollup = store.retention?.rollup;
  }

  get counts(): RetentionCounts {
    return { ...this.#counts };
  }

  /** What goes into one manifest: versions that ended in the same period. */
  readonly groupOf = ({ system }: DueRecord): string => {
    const { manifestPeriod = 'monthly' } = this.#rollup ?? {};
    return this.#rollup === undefined ? '' : periodOf(system.until, manifestPeriod);
  };

  /** Tidies up after earlier runs, and after readers. */
  async settle(): Promise<void> {
    if (this.#rollup === undefined) return;
    await settleManifests(this.#store, this.#tenant);
    await freeze(this.#store, this.#tenant);
  }

  async take(records: readonly DueRecord[]): Promise<void> {
    if (this.#rollup === undefined) {
      this.#counts.dropped += this.#dryRun ? records.length : await dropRecords(this.#store, records);
    } else if (this.#dryRun || (await rollUp(this.#store, records))) {
      this.#counts.rolledUp += records.length;
      this.#counts.manifests += 1;
    }
  }
}

/** @throws ConfigError */
function dueOf({ retention = {}, clock, head }: Store): Due {
  const { days, maxPerItem } = retention;
  const now = clock.now().getTime();
  const settled = new Date(now - SETTLED_MS);
  if (days === undefined && maxPerItem === undefined) {
    throw new ConfigError({
      message: `Cannot apply retention to ${head.collectionName}: it keeps all versions. Give the plugin retention: { days } or { maxPerItem }`,
    });
  }
  return {
    byAge: days === undefined ? undefined : new Date(now - days * DAY_MS),
    byCount: maxPerItem === undefined ? undefined : { until: settled, maxPerItem },
  };
}

function highestOf({ byAge, byCount }: Due): Date {
  return (byCount?.until ?? byAge) as Date;
}
