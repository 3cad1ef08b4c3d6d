import type { Store } from '../commit/store.ts';
import { requireNotOthers, requireOwned, timeOf } from '../offload/owner.ts';
import { NOTHING_SWEPT, type SweepCounts, type SweepRun } from '../offload/sweep-objects.ts';
import { isManifestKey, manifestPrefix } from '../payload/payload-key.ts';
import { listAll, type ObjectFacts } from '../payload/payload-store.ts';
import { deleteUnrecorded } from './doomed-manifests.ts';
import { manifestOwner, manifestRecords, versionsStore } from './manifests.ts';

/** Objects of one look for records. */
const BATCH_KEYS = 1_000;

/**
 * Removes the manifests that no record names: what is left of a collection that is gone, and of writers that were cut off
 * and came to their end late. A manifest is on record before it is put, so that one without a record never counts.
 */
export async function sweepManifests(store: Store, run: SweepRun): Promise<SweepCounts> {
  const [owned, versions] = [manifestOwner(store), versionsStore(store)];
  await (run.dryRun ? requireNotOthers : requireOwned)(owned, versions);
  const now = run.dryRun ? new Date() : await timeOf(owned, versions);
  const before = new Date(now.getTime() - run.graceMs);
  const { tenant } = run;
  const prefix = manifestPrefix(tenant === undefined ? owned.address : { ...owned.address, tenant });
  // Tenants of a shared collection come first.
  const isOfAll = store.tenantField !== undefined && tenant === undefined;
  const isOwn = (rest: string) => isManifestKey(isOfAll ? rest.slice(rest.indexOf('/') + 1) : rest);
  const counts = { ...NOTHING_SWEPT };
  if (!run.dryRun) counts.interrupted = await versions.sweepInterrupted(before, { prefix });
  let batch: ObjectFacts[] = [];
  const flush = async () => {
    for (const { key, length } of await unrecorded(store, batch)) {
      const outcome = run.dryRun ? 'removed' : await deleteUnrecorded(store, key, tenant);
      if (outcome === 'recorded') continue;
      if (outcome === 'retained') counts.retained += 1;
      counts.orphans += 1;
      counts.bytes += length;
      run.onOrphan(key);
    }
    batch = [];
    run.onProgress({ ...counts });
  };
  for await (const object of listAll(versions, prefix, { allVersions: true })) {
    if (!isOwn(object.key.slice(prefix.length))) continue;
    counts.objects += 1;
    if (object.modified <= before) batch.push(object);
    if (batch.length >= BATCH_KEYS) await flush();
  }
  await flush();
  return counts;
}

/** Those of some objects that no record names. */
async function unrecorded(store: Store, objects: readonly ObjectFacts[]): Promise<ObjectFacts[]> {
  const ids = objects.map(({ key }) => ({ manifest: key }));
  const options = { projection: { _id: 1 }, readPreference: 'primary' } as const;
  const records = await manifestRecords(store)
    .find({ _id: { $in: ids } }, options)
    .toArray();
  const known = new Set(records.map(({ _id }) => _id.manifest));
  return objects.filter(({ key }) => !known.has(key));
}
