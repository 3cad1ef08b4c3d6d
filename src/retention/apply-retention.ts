import { setTimeout } from 'node:timers/promises';
import { ensureOperations } from '../commit/operations.ts';
import type { Store } from '../commit/store.ts';
import { ensureVersions } from '../commit/versions-collection.ts';
import { ConfigError } from '../errors.ts';
import { batchesOf } from './batches.ts';
import { dropRecords } from './drop-records.ts';
import { type Due, dueRecords } from './due-records.ts';
import { LEASE_MS, raiseFloor } from './floor.ts';
import { leaving } from './stays.ts';

/** How old versions are taken away. */
export interface RetentionOptions {
  /** Has to be true, unless it is a dry run. */
  readonly confirm?: boolean | undefined;
  /**
   * Only count what is due.
   * @default false
   */
  readonly dryRun?: boolean | undefined;
  /** Called after each transaction. */
  readonly onProgress?: ((progress: RetentionCounts) => void) | undefined;
}

/** What has left the collection, counted in versions. */
export interface RetentionCounts {
  readonly dropped: number;
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
 * 2. Once every reader knows of it, records leave.
 *
 * @param waitMs for how long it takes readers to know of the floor
 * @throws ConfigError where the collection keeps everything, and without `confirm: true`
 */
export async function applyRetention(
  store: Store,
  { confirm, dryRun = false, onProgress }: RetentionOptions = {},
  waitMs = WAIT_MS,
): Promise<RetentionReport> {
  const due = dueOf(store);
  if (confirm !== true && !dryRun) throw unconfirmed(store);
  await ensureVersions(store, undefined);
  await ensureOperations(store);
  let dropped = 0;
  let isKnown = false;
  for await (const batch of batchesOf(dueRecords(store, due), () => '')) {
    const records = await leaving(store, batch);
    if (!dryRun && !isKnown) {
      await raiseFloor(store, highestOf(due));
      await setTimeout(waitMs);
      isKnown = true;
    }
    dropped += dryRun ? records.length : await dropRecords(store, records);
    onProgress?.({ dropped });
  }
  return { dryRun, dropped };
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

function unconfirmed({ head }: Store): ConfigError {
  return new ConfigError({
    message: `Cannot take versions of ${head.collectionName} away unless it is confirmed. Pass { confirm: true }, or { dryRun: true } to count them`,
  });
}
