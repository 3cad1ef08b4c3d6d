import { idKey } from '../commit/pinned-id.ts';
import type { ErasedLife, Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { doomWriting } from './doomed-manifests.ts';
import type { DueRecord } from './due-records.ts';
import { forgetRecords } from './manifest-body.ts';
import { manifestsOf } from './manifests.ts';
import { takeOut } from './take-out.ts';

/**
 * Takes an erased document out of all manifests, those included that are just being written. Done again it finds what
 * has come since.
 *
 * @returns how many versions of it there were
 */
export async function eraseLeft(store: Store, { id, ov, at }: ErasedLife): Promise<number> {
  await doomWriting(store, id);
  const selection = { tenant: tenantOfId(store, id), ids: [id] };
  let erased = 0;
  for (let isClean = false; !isClean; ) {
    isClean = true;
    for (const manifest of await manifestsOf(store, selection)) {
      const isErased = (record: DueRecord) =>
        idKey(record.id) === idKey(id) && (record.ov < ov || (at !== undefined && record.system.until <= at));
      const taken = await takeOut(store, manifest, isErased);
      erased += taken ?? 0;
      if (taken !== 0) isClean = false;
    }
  }
  if (erased > 0) forgetRecords();
  return erased;
}
