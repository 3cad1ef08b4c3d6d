import { type Deleted, eraseDeleted, eraseObjectsOf } from './erase-deleted.ts';
import { insertRecords } from './insert-records.ts';
import { successorFrom, tombstone } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { type PreImage, tombstoneRecord, versionRecord } from './version-record.ts';

/** A version that another one takes the place of, and since when. */
export interface Superseded {
  readonly pre: PreImage;
  readonly until: Date;
  /** The number of its successor across the collection. */
  readonly cv?: number | undefined;
}

/** Keeps the versions that a transaction has superseded, where they are to be kept. */
export async function keepSuperseded(store: Store, tx: Transaction, superseded: readonly Superseded[]): Promise<void> {
  if (store.versioning) {
    const records = superseded.map(({ pre, until, cv }) => versionRecord(store, pre, until, cv));
    return insertRecords(store, tx, records);
  }
  tx.written.push(...superseded.map(({ pre }) => ({ id: pre.id, ov: pre.system.ov + 1 })));
}

/** Keeps what is kept of deleted documents: their last state, and that they were deleted; or nothing at all. */
export async function keepDeleted(store: Store, tx: Transaction, deleted: readonly Deleted[]): Promise<void> {
  if (deleted.length === 0) return;
  if (!store.logicalDelete) return eraseDeleted(store, tx, deleted);
  if (!store.versioning) return eraseObjectsOf(store, tx, deleted);
  await insertRecords(
    store,
    tx,
    deleted.flatMap((one) => deletionRecords(store, one)),
  );
}

function deletionRecords(store: Store, { pre, stamp }: Deleted): Map<string, unknown>[] {
  return [
    versionRecord(store, pre, successorFrom(pre.system, stamp), stamp.cv),
    tombstoneRecord(store, pre.id, tombstone(pre.system, stamp)),
  ];
}
