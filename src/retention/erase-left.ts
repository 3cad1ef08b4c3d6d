import type { Erasure } from '../commit/erasures.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { doomWriting } from './doomed-manifests.ts';
import { forgetRecords } from './manifest-body.ts';
import { manifestsOf } from './manifests.ts';
import { takeOut } from './take-out.ts';

/**
 * Takes an erased document out of all manifests, those included that are just being written. Done again it finds what
 * has come since.
 *
 * @returns how many versions of it there were
 */
export async function eraseLeft(store: Store, { id, ov }: Pick<Erasure, 'id' | 'ov'>): Promise<number> {
  await doomWriting(store, id);
  let erased = 0;
  for (let isClean = false; !isClean; ) {
    isClean = true;
    for (const manifest of await manifestsOf(store, { ids: [id] })) {
      const isErased = (record: { readonly id: unknown; readonly ov: number }) =>
        idKey(record.id) === idKey(id) && record.ov < ov;
      const taken = await takeOut(store, manifest, isErased);
      erased += taken ?? 0;
      if (taken !== 0) isClean = false;
    }
  }
  if (erased > 0) forgetRecords();
  return erased;
}
