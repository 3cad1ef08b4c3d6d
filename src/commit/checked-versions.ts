import { encodeWhole } from '../bson/encode-whole.ts';
import type { RowId } from '../row-id.ts';
import type { RawDocument } from '../types.ts';
import type { CapturedInsert } from './captured-write.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { preImage } from './version-record.ts';

/** Errors of the app's own check, which may be of any kind. */
const refusals = new WeakSet<object>();

/** Whether an error says that a version was refused by the app's own check, and nothing else is wrong. */
export function isVersionRefusal(error: unknown): boolean {
  return error instanceof Object && refusals.has(error);
}

/** Checks a document that is about to be inserted, as the server would store it. */
export function checkInsert(store: Store, { document, stored }: CapturedInsert): void {
  if (store.validate !== undefined && stored === undefined) check(store, store.bson.serialize(document));
}

/** Checks a document that is too large to be committed as a whole. */
export function checkLarge(store: Store, document: CapturedInsert['document']): void {
  if (store.validate !== undefined) check(store, encodeWhole(store.bson, document));
}

/**
 * Checks documents as the transaction has left them. Where it is the caller's, a refusal ends it, as the server's own
 * does: what was refused must not be committed.
 *
 * @param refused is told the id of a document that is refused
 */
export async function checkVersions(
  store: Store,
  { session, joined }: Transaction,
  ids: readonly unknown[],
  refused?: (id: string) => void,
): Promise<void> {
  if (store.validate === undefined || ids.length === 0) return;
  const filter = { _id: { $in: ids as never[] } };
  for await (const raw of store.head.find(filter, { session, raw: true })) {
    const bytes = raw as unknown as Uint8Array;
    try {
      check(store, bytes);
    } catch (error) {
      refused?.(idKey(preImage(store.bson, bytes).id));
      // By the server and not by the session, which does not know what to do when its owner aborts it again.
      if (joined) await store.client.db('admin').command({ abortTransaction: 1 }, { session });
      throw error;
    }
  }
}

function check(store: Store, bytes: Uint8Array): void {
  const document = store.bson.deserialize(bytes, { promoteBuffers: true }) as RawDocument;
  if (store.tenantField !== undefined) document._id = (document._id as RowId).id;
  delete document._system;
  try {
    store.validate?.(document);
  } catch (error) {
    if (error instanceof Object) refusals.add(error);
    throw error;
  }
}
