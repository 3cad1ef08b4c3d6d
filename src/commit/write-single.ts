import type { mongo } from 'mongoose';
import { equalsIgnoring } from '../bson/exact.ts';
import { kindOf } from '../bson/kind.ts';
import type { StoredSystem } from '../offload/store-first.ts';
import { hideInProjection } from '../system/hide.ts';
import { overwrite } from '../system/overwrite.ts';
import type { RawDocument } from '../types.ts';
import {
  type CapturedDelete,
  type CapturedUpdate,
  type Filter,
  type Outcome,
  returnsDocument,
  type SendableChange,
} from './captured-write.ts';
import { checkVersions } from './checked-versions.ts';
import { insideTransaction } from './driver-options.ts';
import { checkExpected } from './expected-version.ts';
import { findMet } from './find-met.ts';
import { takeFreshId } from './fresh-id.ts';
import { keepDeleted, keepSuperseded } from './keep-records.ts';
import { requireNotErasedSince, stillBefore } from './life-before.ts';
import { type Verdict, verdict } from './no-change.ts';
import { Overtaken } from './overtaken.ts';
import { findPastLife } from './past-life.ts';
import { isAway, needsPayload, requireWhole } from './payload-away.ts';
import { pinnedId, pinnedTo } from './pinned-id.ts';
import { results, unchangedCount } from './results.ts';
import { resolved, updateArgument, withIdOnInsert, withSystem, withSystemOnInsert } from './sendable-change.ts';
import { insertedSystem, nextSystem, type PastLife, type Stamp, tombstone } from './stamp.ts';
import { stampOf } from './stamp-of.ts';
import type { Store } from './store.ts';
import { takeBack } from './take-back.ts';
import type { Transaction } from './transaction.ts';
import { fieldOf, type PreImage } from './version-record.ts';

/** How the driver's methods are called here, whatever their overloads. */
type DriverMethod = (filter: Filter, ...rest: unknown[]) => Promise<unknown>;

/**
 * Carries out one update or delete and keeps the version it supersedes, in four steps of one transaction:
 *
 * 1. read the document the call is going to meet, as the server stores it;
 * 2. run the caller's own call, narrowed to that document and with the next `_system` in it;
 * 3. where only the server can tell, look whether anything changed, and take the new `_system` back if not;
 * 4. keep what was read in 1 as a version record.
 *
 * Snapshot isolation makes 1 and 2 one: a document changed by another after 1 fails 2 with a conflict.
 */
export async function writeSingle(
  store: Store,
  tx: Transaction,
  write: CapturedUpdate | CapturedDelete,
): Promise<Outcome> {
  const pre = await findMet(store, write, tx.session);
  if (write.upon?.(pre) === false) throw new Overtaken();
  if (pre === undefined) return writeMiss(store, tx, write);
  if (needsPayload(write)) requireWhole([pre]);
  checkExpected(store, write, pre.id, pre.system.ov);
  return write.kind === 'delete' ? deleteFound(store, tx, write, pre) : updateFound(store, tx, write, pre);
}

async function updateFound(store: Store, tx: Transaction, write: CapturedUpdate, pre: PreImage): Promise<Outcome> {
  const change = resolved(store, write, pre);
  if (change === undefined) return results.unchanged(store, write, pre);
  const filter = pinnedTo(write.filter, pre.id, write.options.collation);
  const changes = judged(store, write, change, pre);
  if (changes === 'same')
    return outcome(await callUpdate(store, tx, write, filter, change), { matched: 1, modified: 0 });

  const next = nextSystem(pre.system, stampOf(store, tx, write));
  const result = await callUpdate(store, tx, write, filter, withSystem(change, next));
  if (changes === 'unsure' && (await takenBackIfUnchanged(store, tx, pre))) {
    tx.numbers?.giveBack();
    const modified = unchangedCount(write);
    return outcome(withModifiedCount(result, modified), { matched: 1, modified });
  }
  await keepSuperseded(store, tx, [{ pre, until: next.updatedAt ?? store.clock.now(), cv: next.cv }]);
  if (write.stored === undefined) await checkVersions(store, tx, [pre.id]);
  else if (!store.versioning) tx.after.push(removing(store, pre, write.stored));
  return { ...outcome(result, { matched: 1, modified: 1 }), system: next };
}

function removing({ payload }: Store, { system }: PreImage, by: StoredSystem) {
  return async () => payload?.large.removeReplaced(system, by);
}

/**
 * A change worked out from the document has been told apart from a non-change already. Where only a part of the document
 * is at hand, which a replacement can do with, it counts as one; so it does where a version is wanted anyway.
 */
export function judged(store: Store, write: CapturedUpdate, change: SendableChange, pre: PreImage): Verdict {
  const isTold =
    write.change.form === 'computed' || write.chronos.always === true || write.stored !== undefined || isAway(pre);
  return isTold ? 'changes' : verdict(store.bson, change, pre);
}

async function deleteFound(store: Store, tx: Transaction, write: CapturedDelete, pre: PreImage): Promise<Outcome> {
  const stamp = stampOf(store, tx, write);
  const result = await callDelete(store, tx, write, pinnedTo(write.filter, pre.id, write.options.collation));
  await keepDeleted(store, tx, [{ pre, stamp }]);
  return { ...NOTHING, result, deleted: 1, system: tombstone(pre.system, stamp) };
}

/** Nothing matches. The caller's own call still runs, for the server's result or its complaint. */
async function writeMiss(store: Store, tx: Transaction, write: CapturedUpdate | CapturedDelete): Promise<Outcome> {
  checkExpected(store, write, pinnedId(write.filter), null);
  if (write.kind === 'update' && write.options.upsert === true && write.change.form !== 'computed') {
    return upsert(store, tx, write, write.change);
  }
  if (write.kind === 'delete') return { ...NOTHING, result: await callDelete(store, tx, write, write.filter) };
  if (write.change.form === 'computed') return results.missed(write);
  return { ...NOTHING, result: await callUpdate(store, tx, write, write.filter, write.change) };
}

async function upsert(store: Store, tx: Transaction, write: CapturedUpdate, change: SendableChange): Promise<Outcome> {
  const stated = foreseenId(write);
  const foreseen = stated ?? write.options.idOnInsert;
  const found = foreseen === undefined ? undefined : await pastLifeOf(store, tx, foreseen);
  await requireNotErasedSince(store, tx.session, foreseen, write);
  const past = stillBefore(store, write, found);
  const stamp: Stamp = { ...stampOf(store, tx, write), op: 'CREATE' };
  const identified = stated === foreseen ? change : withIdOnInsert(change, foreseen);
  const inserting = withSystemOnInsert(identified, insertedSystem(stamp, past));
  const telling = returnsDocument(write) ? { ...write, options: { ...write.options, ...TELLING } } : write;
  const answer = await callUpdate(store, tx, telling, write.filter, inserting);
  const upsertedId = idIn(answer);
  if (foreseen === undefined && mayName(write, upsertedId)) await continueLife(store, tx, upsertedId, stamp);
  if (write.stored === undefined) await checkVersions(store, tx, [upsertedId]);
  tx.written.push({ id: upsertedId, ov: past === undefined ? 0 : past.ov + 1 });
  if (!returnsDocument(write)) return { ...NOTHING, result: answer, inserted: 1, upsertedId };
  const asked = write.options.includeResultMetadata === true;
  return { ...NOTHING, result: asked ? answer : (answer as Metadata).value, inserted: 1 };
}

const TELLING = { includeResultMetadata: true } as const;

interface Metadata {
  readonly value: unknown;
  readonly lastErrorObject: { readonly upserted?: unknown };
}

function idIn(answer: unknown): unknown {
  const { upsertedId, lastErrorObject } = answer as { upsertedId?: unknown } & Partial<Metadata>;
  return lastErrorObject === undefined ? upsertedId : lastErrorObject.upserted;
}

async function pastLifeOf(store: Store, tx: Transaction, id: unknown): Promise<PastLife | undefined> {
  return takeFreshId(store, id) ? undefined : findPastLife(store, tx, id);
}

/** Lets a document that was upserted under an id that nobody could foresee go on with the history of that id. */
async function continueLife(store: Store, tx: Transaction, id: unknown, stamp: Stamp): Promise<void> {
  const past = await pastLifeOf(store, tx, id);
  if (past === undefined) return;
  const update = { $set: { _system: insertedSystem(stamp, past) } } as unknown as mongo.UpdateFilter<RawDocument>;
  await store.head.updateOne({ _id: { $eq: id as never } }, update, { session: tx.session });
}

/** The id an upsert is going to give its document, where the caller says so plainly. */
function foreseenId({ filter, change }: CapturedUpdate): unknown {
  const pinned = pinnedId(filter);
  if (pinned !== undefined) return pinned;
  if (change.form === 'replacement') return fieldOf(change.document, '_id');
  if (change.form === 'operators') return change.spec.$setOnInsert?._id ?? change.spec.$set?._id;
  return undefined;
}

/** Whether an id may be the caller's after all, by a part of the filter or a pipeline, and not one the server made. */
function mayName({ filter, change }: CapturedUpdate, id: unknown): boolean {
  if (id === undefined || id === null) return false;
  return change.form === 'pipeline' || kindOf(id) !== 'objectId' || namesId(filter);
}

function namesId(condition: unknown): boolean {
  if (Array.isArray(condition)) return condition.some(namesId);
  if (kindOf(condition) !== 'object') return false;
  return Object.entries(condition as object).some(([key, value]) => key === '_id' || namesId(value));
}

async function takenBackIfUnchanged(store: Store, tx: Transaction, pre: PreImage): Promise<boolean> {
  const filter: Filter = { _id: { $eq: pre.id } as never };
  const post = (await store.head.findOne(filter, { session: tx.session, raw: true })) as unknown as Uint8Array;
  if (!equalsIgnoring(pre.bytes, post, '_system')) return false;
  await takeBack(store, tx, [pre]);
  return true;
}

function callUpdate(
  store: Store,
  tx: Transaction,
  write: CapturedUpdate,
  filter: Filter,
  change: SendableChange,
): Promise<unknown> {
  const options = insideTransaction(write.options, tx.session);
  const isOurs = write.change.form === 'computed' || write.upon !== undefined;
  if (isOurs && change.form === 'replacement') {
    return overwrite(store.head, filter, change.document, options);
  }
  if (returnsDocument(write)) options.projection = hideInProjection(options.projection as RawDocument | undefined);
  return (store.head[write.method] as unknown as DriverMethod).call(
    store.head,
    filter,
    updateArgument(change),
    options,
  );
}

function callDelete(store: Store, tx: Transaction, write: CapturedDelete, filter: Filter): Promise<unknown> {
  const options = insideTransaction(write.options, tx.session);
  if (returnsDocument(write)) options.projection = hideInProjection(options.projection as RawDocument | undefined);
  return (store.head[write.method] as unknown as DriverMethod).call(store.head, filter, options);
}

/** An update's result as the server gives it where nothing changed. */
function withModifiedCount(result: unknown, modifiedCount: number): unknown {
  if (typeof result !== 'object' || result === null || !('modifiedCount' in result)) return result;
  return { ...result, modifiedCount };
}

const NOTHING = { matched: 0, modified: 0, deleted: 0, inserted: 0 } as const;

function outcome(result: unknown, counts: Partial<Omit<Outcome, 'result'>>): Outcome {
  return { ...NOTHING, result, ...counts };
}
