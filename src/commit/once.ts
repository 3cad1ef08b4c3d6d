import type { mongo } from 'mongoose';
import { UnknownOutcomeError } from '../errors.ts';
import type { Rows } from '../system/rows.ts';
import type { ChronosWriteOptions, RawDocument } from '../types.ts';
import { within } from '../within.ts';
import { anyOf, noteKey, touchNote } from './erasures.ts';
import { isDuplicateKey } from './mongo-errors.ts';
import { ensureOperations, type Operation, type OpKey, operationsOf } from './operations.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';
import { inTransaction, isInTransaction } from './transaction.ts';
import { ensureVersions } from './versions-collection.ts';

interface Keyed extends ChronosWriteOptions {
  readonly opKey?: OpKey | undefined;
}

/** Options under which a call is remembered as a tenant's own: another's of the same `opId` is another call. */
export function keyedBy(rows: Rows | undefined, chronos: ChronosWriteOptions): Keyed {
  return rows === undefined || chronos.opId === undefined
    ? chronos
    : { ...chronos, opKey: rows.storedId(chronos.opId) };
}

/**
 * Carries out a call within its deadline and, where it names an `opId`, once however often it is made: the first commit
 * leaves its result under the `opId`, in the same transaction, and every other call with that `opId` returns that result
 * and writes nothing. Calls made at the same time meet at the record, so that one of them waits for the other.
 *
 * Where writes wait for object storage, it does so in the time that is left.
 *
 * @param about the id of the document that the call is about, if it is about one
 */
export async function once<T>(
  store: Store,
  chronos: Keyed,
  callers: mongo.ClientSession | undefined,
  call: (session: mongo.ClientSession | undefined) => Promise<T>,
  about?: unknown,
): Promise<T> {
  const { opId, opKey, deadlineMs } = chronos;
  const begun = performance.now();
  const result = await withinDeadline(store, chronos, () =>
    opId === undefined ? call(callers) : onlyOnce(store, { opId, opKey: opKey ?? opId }, callers, call),
  );
  if (isInTransaction(callers)) return result;
  const left = deadlineMs === undefined ? undefined : Math.max(0, deadlineMs - (performance.now() - begun));
  await store.payload?.acknowledged(about, left);
  return result;
}

async function onlyOnce<T>(
  store: Store,
  { opId, opKey }: { readonly opId: string; readonly opKey: OpKey },
  callers: mongo.ClientSession | undefined,
  call: (session: mongo.ClientSession | undefined) => Promise<T>,
): Promise<T> {
  await ensureVersions(store, callers);
  await ensureOperations(store);
  const attempt = () => inTransaction(store, callers, (tx) => callOnce(store, opKey, tx.session, call), 0);
  return attempt().catch((error: unknown) => {
    if (error instanceof UnknownOutcomeError) {
      throw new UnknownOutcomeError(store.head.collectionName, opId, error.cause);
    }
    const { keyValue } = error as { keyValue?: { _id?: unknown } };
    const isTaken = isDuplicateKey(error) && idKey(keyValue?._id) === idKey(opKey);
    if (!isTaken || callers?.inTransaction()) throw error;
    return attempt();
  });
}

async function callOnce<T>(
  store: Store,
  opKey: OpKey,
  session: mongo.ClientSession,
  call: (session: mongo.ClientSession) => Promise<T>,
): Promise<T> {
  const operations = operationsOf(store);
  const known = await operations.findOne({ _id: { $eq: opKey } }, { session });
  if (known !== null) return remembered(store, known) as T;
  await operations.insertOne({ _id: opKey, at: store.clock.now(), result: null }, { session });
  const result = await call(session);
  await remember(store, opKey, result, session);
  return result;
}

/** What the call that is remembered by this key returned, or null where none was committed. */
export async function outcomeOf(store: Store, opKey: OpKey): Promise<{ at: Date; result: unknown } | null> {
  const known = await operationsOf(store).findOne({ _id: { $eq: opKey } }, { readConcern: { level: 'majority' } });
  return known === null ? null : { at: known.at, result: remembered(store, known) };
}

async function remember(store: Store, opKey: OpKey, result: unknown, session: mongo.ClientSession): Promise<void> {
  const shown = documentIn(result);
  if (shown !== undefined && !(await mayRemember(store, shown, session))) return;
  const of = shown === undefined ? undefined : noteKey(store, shown._id ?? anyOf(opKey));
  const $set = { ...toRemember(result), ...(of === undefined ? {} : { of }) };
  const one = { updateOne: { filter: { _id: { $eq: opKey } }, update: { $set } } };
  await operationsOf(store).bulkWrite(of === undefined ? [one] : [one, touchNote(store, of)], { session });
}

/** Where deletions erase, nothing is remembered of a document that is gone by now, or of which nobody knows which one. */
async function mayRemember(store: Store, { _id }: RawDocument, session: mongo.ClientSession): Promise<boolean> {
  if (store.logicalDelete) return true;
  if (_id === undefined) return false;
  return (await store.head.findOne({ _id: { $eq: _id as never } }, { session, projection: { _id: 1 } })) !== null;
}

/** The document that a result shows; undefined where it tells no more than ids and counts. */
function documentIn(result: unknown): RawDocument | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  if ('lastErrorObject' in result && 'value' in result && 'ok' in result) return documentIn(result.value);
  const tellsCounts = 'getRawResponse' in result || Object.keys(result).every((key) => COUNTS.has(key));
  return tellsCounts ? undefined : (result as RawDocument);
}

/** What the driver's results say of a write, but for the document. */
const COUNTS = new Set([
  'acknowledged',
  'matchedCount',
  'modifiedCount',
  'upsertedCount',
  'upsertedId',
  'deletedCount',
  'insertedCount',
  'insertedId',
  'insertedIds',
]);

function toRemember(result: unknown): Partial<Operation> {
  const { getRawResponse } = (result ?? {}) as { getRawResponse?: () => RawDocument };
  if (typeof getRawResponse !== 'function') return { result: result ?? null };
  return { bulk: getRawResponse.call(result) };
}

function remembered(store: Store, { result, bulk }: Operation): unknown {
  return bulk === undefined ? result : new store.BulkWriteResult(bulk, true);
}

/** Bounds how long a caller waits. A write that is still under way then may be committed or not. */
async function withinDeadline<T>(
  store: Store,
  { deadlineMs, opId }: ChronosWriteOptions,
  call: () => Promise<T>,
): Promise<T> {
  if (deadlineMs === undefined) return call();
  return within(deadlineMs, call(), () => new UnknownOutcomeError(store.head.collectionName, opId, undefined));
}
