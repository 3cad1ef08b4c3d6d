import { heldAmong } from '../commit/held.ts';
import { noteLastLeft } from '../commit/last-left.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { inOwnTransaction } from '../commit/transaction.ts';
import { doom } from './doomed-manifests.ts';
import type { DueRecord } from './due-records.ts';
import { noteChange } from './floor.ts';
import { keep, writeManifest } from './write-manifest.ts';

/**
 * Moves records into a manifest:
 *
 * 1. it is noted that one is being written, it is put, and read again;
 * 2. in one transaction it is said to count, and the records leave.
 *
 * After a crash before the second step the records are where they were, and the manifest is given up later. Records that
 * somebody else takes away meanwhile, as an erasure does, must not come back with it: then all stay for the next run.
 *
 * @param records of one tenant, where tenants share the collection
 * @returns whether they have left
 */
export async function rollUp(store: Store, records: readonly DueRecord[]): Promise<boolean> {
  const key = await writeManifest(store, records);
  const ids = records.map(({ id, ov }) => ({ id, ov }));
  const tenant = tenantOfId(store, records[0]?.id);
  const isMoved = await inOwnTransaction(store, async ({ session }) => {
    await noteChange(store, tenant, session);
    const held = await heldAmong(
      store,
      records.map(({ id }) => id),
      session,
    );
    const counts = held.size === 0 && (await keep(store, key, session));
    const { deletedCount } = await store.versions.deleteMany({ _id: { $in: ids as never[] } }, { session });
    if (counts && deletedCount === records.length) {
      await noteLastLeft(store, session, records);
      return true;
    }
    await session.abortTransaction();
    return false;
  });
  if (!isMoved) await doom(store, key);
  return isMoved;
}
