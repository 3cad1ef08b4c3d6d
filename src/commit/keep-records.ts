import type { WrittenVersion } from '../offload/uploader.ts';
import type { VersionFields } from '../types.ts';
import { type Stamp, successorFrom, tombstone } from './stamp.ts';
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

/** A document that a transaction has deleted. */
export interface Deleted {
  readonly pre: PreImage;
  readonly stamp: Stamp;
}

/** Keeps the versions that a transaction has superseded, where they are to be kept. */
export async function keepSuperseded(store: Store, tx: Transaction, superseded: readonly Superseded[]): Promise<void> {
  if (store.versioning) {
    const records = superseded.map(({ pre, until, cv }) => versionRecord(store, pre, until, cv));
    return insertRecords(store, tx, records);
  }
  tx.written.push(...superseded.map(({ pre }) => ({ id: pre.id, ov: pre.system.ov + 1 })));
}

/** Keeps what is kept of deleted documents: their last state, and that they were deleted. */
export async function keepDeleted(store: Store, tx: Transaction, deleted: readonly Deleted[]): Promise<void> {
  if (!store.versioning) return;
  await insertRecords(
    store,
    tx,
    deleted.flatMap((one) => deletionRecords(store, one)),
  );
}

/** Adds records of versions. */
export async function insertRecords(store: Store, tx: Transaction, records: Map<string, unknown>[]): Promise<void> {
  if (records.length === 0) return;
  tx.written.push(...records.map(successorOf));
  await store.versions.insertMany(records as never[], { session: tx.session, forceServerObjectId: true });
}

/** The version that a record makes room for; a tombstone is one itself. */
function successorOf(record: Map<string, unknown>): WrittenVersion {
  const { id, ov } = record.get('_id') as WrittenVersion;
  const { deleted } = record.get('_system') as VersionFields;
  return { id, ov: deleted === true ? ov : ov + 1 };
}

function deletionRecords(store: Store, { pre, stamp }: Deleted): Map<string, unknown>[] {
  return [
    versionRecord(store, pre, successorFrom(pre.system, stamp), stamp.cv),
    tombstoneRecord(store, pre.id, tombstone(pre.system, stamp)),
  ];
}
