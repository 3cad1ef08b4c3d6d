import type { mongo } from 'mongoose';
import { DocumentTooLargeError, LegalHoldError, TransactionTooLargeError, VersionNotFoundError } from '../errors.ts';
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

const ABOUT_THE_SERVER = ['TransientTransactionError', 'UnknownTransactionCommitResult', 'RetryableWriteError'];

/** An answer of the server about the write itself, which the very same call would get again. */
export function isRefusal(store: Store, error: unknown): boolean {
  return error instanceof store.mongo.MongoServerError && !ABOUT_THE_SERVER.some((label) => error.hasErrorLabel(label));
}

/** The documents of an insert that the server refused, by their positions; none if it failed as a whole. */
export function refusedBy(error: unknown): Set<number> {
  return new Set(writeErrorsOf(error).map(({ index }) => index));
}

/** What the driver says of the refused documents of an insert: of many in a list, of one in the error itself. */
export function writeErrorsOf(error: unknown): readonly { readonly index: number }[] {
  const { writeErrors, index } = error as { writeErrors?: Indexed | Indexed[]; index?: number };
  if (writeErrors !== undefined) return [writeErrors].flat();
  return index === undefined ? [] : [error as Indexed];
}

type Indexed = { readonly index: number };

/** What an insert failed of as a whole: the driver makes every error of `insertMany` one of a bulk write. */
export function unwrapped(error: unknown): unknown {
  const { errorResponse } = error as { errorResponse?: unknown };
  return errorResponse instanceof Error && writeErrorsOf(error).length === 0 ? errorResponse : error;
}

/** That documents were inserted, but not acknowledged by as many members as they had to be. */
export function unacknowledged(store: Store, error: unknown): mongo.MongoWriteConcernError | undefined {
  const { MongoWriteConcernError, MongoBulkWriteError } = store.mongo;
  if (error instanceof MongoWriteConcernError) return error;
  const failed = error instanceof MongoBulkWriteError ? error.result.getWriteConcernError() : undefined;
  if (failed === undefined) return undefined;
  const { code, errmsg } = failed;
  return new MongoWriteConcernError({ ok: 1, writeConcernError: { code: code as number, errmsg: errmsg as string } });
}

/** Whether an error comes of what was written, so that whatever shared its transaction may succeed without it. */
export function isAboutTheWrite(store: Store, error: unknown): boolean {
  const { MongoAPIError, BSON } = store.mongo;
  const driver = [MongoAPIError, BSON.BSONError, TypeError, RangeError];
  const kinds = [...driver, DocumentTooLargeError, LegalHoldError, TransactionTooLargeError, VersionNotFoundError];
  return isRefusal(store, error) || isVersionRefusal(error) || kinds.some((kind) => error instanceof kind);
}
