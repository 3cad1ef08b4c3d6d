import type { WrittenVersion } from '../offload/uploader.ts';
import type { VersionFields } from '../types.ts';
import { type Stamp, successorFrom, tombstone } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { type PreImage, tombstoneRecord, versionRecord } from './version-record.ts';

/** Adds what a transaction keeps of the documents it changed. */
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

/** What is kept of a deleted document: its last state, and that it was deleted. */
export function deletionRecords(store: Store, pre: PreImage, stamp: Stamp): Map<string, unknown>[] {
  return [
    versionRecord(store, pre, successorFrom(pre.system, stamp), stamp.cv),
    tombstoneRecord(store, pre.id, tombstone(pre.system, stamp)),
  ];
}
