import { heldAmong } from '../commit/held.ts';
import { noteLastLeft } from '../commit/last-left.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { inOwnTransaction } from '../commit/transaction.ts';
import type { DueRecord } from './due-records.ts';
import { type Dropped, noteChange } from './floor.ts';

/**
 * Drops records for good, and notes in the same transaction up to when there is nothing to be read any more.
 *
 * @param records of one tenant, where tenants share the collection
 * @returns how many there were
 */
export async function dropRecords(store: Store, records: readonly DueRecord[]): Promise<number> {
  if (records.length === 0) return 0;
  const all = records.map(({ id }) => id);
  return inOwnTransaction(store, async ({ session }) => {
    await noteChange(store, tenantOfId(store, all[0]), session, endOf(records));
    // One of them may have been held since they were found.
    const held = await heldAmong(store, all, session);
    const dropped = records.filter(({ id }) => !held.has(idKey(id)));
    const ids = dropped.map(({ id, ov }) => ({ id, ov }));
    const { deletedCount } = await store.versions.deleteMany({ _id: { $in: ids as never[] } }, { session });
    await noteLastLeft(store, session, dropped);
    return deletedCount;
  });
}

/** Where the last of some records ended. */
export function endOf(records: readonly Pick<DueRecord, 'system'>[]): Dropped {
  const until = new Date(Math.max(...records.map(({ system }) => system.until.getTime())));
  const cvs = records.flatMap(({ system: { untilCv } }) => untilCv ?? []);
  return { until, cv: cvs.length === 0 ? undefined : Math.max(...cvs) };
}
