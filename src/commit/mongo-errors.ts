import type { mongo } from 'mongoose';
import { DocumentTooLargeError, TransactionTooLargeError } from '../errors.ts';
import { isVersionRefusal } from './checked-versions.ts';
import type { Store } from './store.ts';

const DUPLICATE_KEY = 11000;

export function isDuplicateKey(error: unknown): boolean {
  return (error as mongo.MongoServerError | null)?.code === DUPLICATE_KEY;
}

/**
 * Whether a version record stood in the way of another: the head's `ov` went back, because something else than this
 * library replaced or re-created the document.
 */
export function isVersionCollision(store: Store, error: unknown): boolean {
  if (!isDuplicateKey(error)) return false;
  // E11000 names its collection in the message only: "E11000 duplicate key error collection: db.users_ver index: …"
  return (error as Error).message.includes(`${store.versions.namespace} index:`);
}

/** An answer of the server about the write itself, which the very same call would get again. */
export function isRefusal(store: Store, error: unknown): boolean {
  return (
    error instanceof store.mongo.MongoServerError &&
    !error.hasErrorLabel('TransientTransactionError') &&
    !error.hasErrorLabel('UnknownTransactionCommitResult')
  );
}

/** Whether an error comes of what was written, so that whatever shared its transaction may succeed without it. */
export function isAboutTheWrite(store: Store, error: unknown): boolean {
  const { MongoAPIError, BSON } = store.mongo;
  const kinds = [MongoAPIError, BSON.BSONError, TypeError, RangeError, DocumentTooLargeError, TransactionTooLargeError];
  return isRefusal(store, error) || isVersionRefusal(error) || kinds.some((kind) => error instanceof kind);
}
