import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { PayloadMissingError } from '../errors.ts';
import type { VersionFields } from '../types.ts';
import type { DueRecord } from './due-records.ts';
import { floorWithin, LEASE_MS } from './floor.ts';
import { readIfCurrent, readRecords } from './manifest-body.ts';
import { manifestsOf, type Selection } from './manifests.ts';

const ATTEMPTS = 5;

/** The records of a document that are in manifests, in ascending order. */
export async function keptRecords(store: Store, id: unknown, at?: Selection['at']): Promise<DueRecord[]> {
  const tenant = tenantOfId(store, id);
  if ((await floorWithin(store, tenant, LEASE_MS)) === undefined) return [];
  for (let attempt = 1; ; attempt++) {
    const manifests = await manifestsOf(store, { tenant, at, ids: [id] });
    try {
      const all = (await Promise.all(manifests.map((manifest) => readRecords(store, manifest)))).flat();
      return all.filter((record) => idKey(record.id) === idKey(id)).sort((a, b) => a.ov - b.ov);
    } catch (error) {
      // A manifest may have been replaced by another one meanwhile.
      if (!(error instanceof PayloadMissingError) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The bookkeeping of all records that are in manifests. */
export async function* systemsKept(store: Store): AsyncGenerator<VersionFields> {
  const done = new Set<string>();
  for (;;) {
    // Those that have come while others were read may hold what a replaced one held.
    const further = (await manifestsOf(store, { tenant: undefined })).filter(({ _id }) => !done.has(_id.manifest));
    if (further.length === 0) return;
    for (const manifest of further) {
      done.add(manifest._id.manifest);
      for (const { system } of (await readIfCurrent(store, manifest)) ?? []) yield system;
    }
  }
}
