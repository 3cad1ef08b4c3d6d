import type { mongo } from 'mongoose';
import { isTooLargeForServer } from '../system/document-limit.ts';
import type { CapturedDelete, CapturedUpdate, Outcome } from './captured-write.ts';
import { findMet } from './find-met.ts';
import { blobLengthOf } from './large-change.ts';
import { type LargeStore, mayBeLarge } from './large-store.ts';
import { MustStoreFirst, withPayloads } from './payload-away.ts';
import { preparedLarge } from './prepared-large.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { writeSingle } from './write-single.ts';

type SingleWrite = CapturedUpdate | CapturedDelete;

/** Below it a blob does not make a document pass what it may have by much. */
const LARGE_TEXT = 1_000_000;

/** Whether a change may make a document that is too large for MongoDB as a whole. */
export function mayStoreFirst({ payload }: Store, write: SingleWrite): boolean {
  if (payload === undefined || write.kind === 'delete' || write.stored !== undefined || write.upon !== undefined) {
    return false;
  }
  const { change, options } = write;
  if (change.form === 'replacement') return payload.large.isLarge(change.document, options);
  return blobLengthOf(change, payload.large.map) >= LARGE_TEXT;
}

/** Whether a change makes a document that is too large for MongoDB as a whole, as far as can be told before. */
export async function mustStoreFirst(
  store: LargeStore,
  write: SingleWrite,
  session: mongo.ClientSession | undefined,
): Promise<boolean> {
  if (write.kind === 'delete' || !mayStoreFirst(store, write)) return false;
  if (write.change.form === 'replacement') return true;
  const met = await findMet(store, write, session);
  return store.payload.large.isLargeWith(met?.bytes, blobLengthOf(write.change, store.payload.large.map));
}

/**
 * Whether a write that failed is to be prepared: it has met a large document, or the blobs that it brings make one, which
 * are too small to be told before.
 */
export function isForPreparation(store: LargeStore, write: SingleWrite, error: unknown): boolean {
  if (error instanceof MustStoreFirst) return true;
  if (write.kind === 'delete' || !isTooLargeForServer(error)) return false;
  return blobLengthOf(write.change, store.payload.large.map) > 0;
}

/** One write in a transaction that goes on, however large its document is. */
export async function writeWithin(store: Store, tx: Transaction, write: SingleWrite): Promise<Outcome> {
  if (!mayBeLarge(store)) return writeSingle(store, tx, write);
  try {
    if (!(await mustStoreFirst(store, write, tx.session))) {
      return await withPayloads(store, tx.session, () => writeSingle(store, tx, write));
    }
  } catch (error) {
    if (!(error instanceof MustStoreFirst)) throw error;
  }
  const prepared = await preparedLarge(store, write, tx.session);
  return 'answer' in prepared ? prepared.answer(await writeSingle(store, tx, prepared.write)) : prepared;
}
