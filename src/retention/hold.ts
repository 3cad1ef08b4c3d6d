import { noteKey, touchNote } from '../commit/erasures.ts';
import { holdKey, holdsOf } from '../commit/held.ts';
import { ensureOperations, operationsOf } from '../commit/operations.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { inOwnTransaction } from '../commit/transaction.ts';
import { ensureVersions } from '../commit/versions-collection.ts';
import { MAJORITY } from '../system/majority.ts';
import type { Attribution } from '../types.ts';
import { noteChange } from './floor.ts';

/**
 * Holds a document: retention takes none of its versions, and it cannot be erased, until it is released. An erasure or a
 * run of retention at the same time meets the hold, so that one of the two comes first.
 */
export async function hold(store: Store, id: unknown, { actor, reason }: Attribution = {}): Promise<void> {
  await ensureVersions(store, undefined);
  await ensureOperations(store);
  const said = { ...(actor === undefined ? {} : { actor }), ...(reason === undefined ? {} : { reason }) };
  await inOwnTransaction(store, async ({ session }) => {
    await noteChange(store, tenantOfId(store, id), session);
    await operationsOf(store).bulkWrite([touchNote(store, noteKey(store, id))], { session });
    const held = { ...said, since: store.clock.now() };
    await holdsOf(store).updateOne({ _id: holdKey(store, id) }, { $set: { held } }, { session, upsert: true });
  });
}

/** @returns whether it was held */
export async function releaseHold(store: Store, id: unknown): Promise<boolean> {
  return (await holdsOf(store).deleteOne({ _id: holdKey(store, id) }, MAJORITY)).deletedCount === 1;
}
