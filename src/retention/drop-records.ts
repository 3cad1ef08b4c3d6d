import type { Store } from '../commit/store.ts';
import { inTransaction } from '../commit/transaction.ts';
import type { DueRecord } from './due-records.ts';
import { type Dropped, noteChange } from './floor.ts';

/**
 * Drops records for good, and notes in the same transaction up to when there is nothing to be read any more.
 *
 * @returns how many there were
 */
export async function dropRecords(store: Store, records: readonly DueRecord[]): Promise<number> {
  if (records.length === 0) return 0;
  const ids = records.map(({ id, ov }) => ({ id, ov }));
  return inTransaction(
    store,
    undefined,
    async ({ session }) => {
      await noteChange(store, session, endOf(records));
      const { deletedCount } = await store.versions.deleteMany({ _id: { $in: ids as never[] } }, { session });
      return deletedCount;
    },
    0,
  );
}

/** Where the last of some records ended. */
export function endOf(records: readonly Pick<DueRecord, 'system'>[]): Dropped {
  const until = new Date(Math.max(...records.map(({ system }) => system.until.getTime())));
  const cvs = records.flatMap(({ system: { untilCv } }) => untilCv ?? []);
  return { until, cv: cvs.length === 0 ? undefined : Math.max(...cvs) };
}
