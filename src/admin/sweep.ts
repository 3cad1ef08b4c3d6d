import { finishErasures } from '../commit/erase-document.ts';
import { erasuresUnderWay } from '../commit/erasures.ts';
import { ensureOperations } from '../commit/operations.ts';
import type { Store } from '../commit/store.ts';
import { type Confirmation, requireConfirmed } from '../confirmed.ts';
import { ConfigError } from '../errors.ts';
import { NOTHING_SWEPT, type SweepCounts } from '../offload/sweep-objects.ts';
import { sweepManifests } from '../retention/sweep-manifests.ts';
import { requirePayload } from './payloads.ts';

/** How objects that nothing refers to are removed. */
export interface SweepOptions extends Confirmation {
  /**
   * Objects younger than this stay, in milliseconds, by the clock of the store. Nothing refers yet to those of a version
   * above 12 MB that is being written: it has to be longer than such a write takes.
   * @default 3600000
   */
  readonly graceMs?: number | undefined;
  /** Called after every thousand objects. */
  readonly onProgress?: ((progress: SweepCounts) => void) | undefined;
}

/** What was removed, or in a dry run would be. */
export interface SweepReport extends SweepCounts {
  readonly dryRun: boolean;
  /** The keys of the first thousand objects that nothing refers to. */
  readonly keys: readonly string[];
}

const GRACE_MS = 3_600_000;
const MAX_LISTED = 1_000;

/**
 * Removes the objects and the manifests of a collection that nothing refers to, beside running reads and writes.
 *
 * @param tenant limits it to one of the tenants that share the collection
 */
export async function sweep(store: Store, options: SweepOptions = {}, tenant?: string): Promise<SweepReport> {
  const { dryRun = false, graceMs = GRACE_MS, onProgress = () => undefined } = options;
  const what = `sweep the objects of ${store.head.collectionName}`;
  const hasManifests = store.retention?.rollup !== undefined;
  if (!hasManifests) requirePayload(store, what);
  requireConfirmed(what, options);
  if (!(graceMs >= 0)) throw new ConfigError({ message: `Cannot ${what}: graceMs has to be a number from 0` });
  const keys: string[] = [];
  const onOrphan = (key: string) => void (keys.length < MAX_LISTED && keys.push(key));
  if (!dryRun) {
    await ensureOperations(store);
    await finishErasures(store, await erasuresUnderWay(store));
  }
  const run = { tenant, graceMs, dryRun, onOrphan, onProgress };
  const ofVersions = (await store.payload?.sweep(run)) ?? NOTHING_SWEPT;
  if (!hasManifests) return { ...ofVersions, dryRun, keys };
  const onFurther = (counts: SweepCounts) => onProgress(sum(ofVersions, counts));
  const ofManifests = await sweepManifests(store, { ...run, onProgress: onFurther });
  return { ...sum(ofVersions, ofManifests), dryRun, keys };
}

function sum(a: SweepCounts, b: SweepCounts): SweepCounts {
  return {
    objects: a.objects + b.objects,
    orphans: a.orphans + b.orphans,
    bytes: a.bytes + b.bytes,
    retained: a.retained + b.retained,
    interrupted: a.interrupted + b.interrupted,
  };
}
