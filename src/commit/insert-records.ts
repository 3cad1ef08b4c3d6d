import type { WrittenVersion } from '../offload/uploader.ts';
import type { VersionFields } from '../types.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';

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
