import type { mongo } from 'mongoose';
import { equalsIgnoring } from '../bson/exact.ts';
import { type Kind, kindOf } from '../bson/kind.ts';
import { overwriting } from '../system/overwrite.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import type { CapturedDelete, CapturedUpdate, Filter, Outcome, SendableChange } from './captured-write.ts';
import { checkVersions } from './checked-versions.ts';
import { areNeutral } from './driver-options.ts';
import type { Deleted } from './erase-deleted.ts';
import { checkExpected } from './expected-version.ts';
import { keepDeleted, keepSuperseded, type Superseded } from './keep-records.ts';
import { isDecidable, type Verdict } from './no-change.ts';
import { MustStoreFirst, needsPayload, requireWhole } from './payload-away.ts';
import { idKey, pinnedId } from './pinned-id.ts';
import { results } from './results.ts';
import { resolved, updateArgument, withSystem } from './sendable-change.ts';
import { nextSystem, type Stamp } from './stamp.ts';
import { stampOf } from './stamp-of.ts';
import type { Store } from './store.ts';
import { takeBack } from './take-back.ts';
import type { Transaction } from './transaction.ts';
import { type PreImage, preImage } from './version-record.ts';
import { judged } from './write-single.ts';

export type GroupableWrite = CapturedUpdate | CapturedDelete;

/** What a group makes of one of its members. */
export type Settled = { readonly outcome: Outcome } | { readonly error: unknown };

/** Which member of a group the server refused; known only after a failure. */
export interface Culprit {
  index?: number;
}

/** Documents of one transaction at the most, by their size. */
export const CHUNK_BYTES = 8_000_000;

/** Documents of a group that are too large to be held at once. Nothing was written. */
export class GroupTooLarge extends Error {}

/** Members of a group may mean the same document, as under a collation of the collection. Nothing was written. */
export class GroupNotDistinct extends Error {}

/** Whether a write may be carried out together with others: it is about one known document and asks nothing special. */
export function isGroupable(store: Store, write: GroupableWrite): boolean {
  const { options } = write;
  // A number taken for a change that turns out to be none can only be given back by whoever took the last one.
  if (store.collectionVersion && write.kind === 'update' && !isForeseeable(write)) return false;
  return (
    pinnedId(write.filter) !== undefined &&
    areNeutral(options) &&
    (options.session ?? undefined) === undefined &&
    options.upsert !== true
  );
}

function isForeseeable({ change, chronos }: CapturedUpdate): boolean {
  return change.form === 'computed' || chronos.always === true || isDecidable(change);
}

/** A member on its way: the document it met, if any, and what is to be done to it. */
type Member =
  | { readonly step: 'done'; readonly settled: Settled }
  | { readonly step: 'miss'; readonly write: GroupableWrite; readonly change: SendableChange | undefined }
  | { readonly step: 'same'; readonly write: CapturedUpdate; readonly pre: PreImage; readonly change: SendableChange }
  | { readonly step: 'delete'; readonly write: CapturedDelete; readonly pre: PreImage; readonly stamp: Stamp }
  | {
      readonly step: 'update';
      readonly write: CapturedUpdate;
      readonly pre: PreImage;
      readonly change: SendableChange;
      readonly verdict: Verdict;
      readonly next: SystemFields;
    };

type UpdateMember = Extract<Member, { step: 'update' }>;

/**
 * Carries out many writes, each of another document, in one transaction: one read of all documents, one bulk write,
 * one insert of all version records. Like `writeSingle` for every member, at a fraction of the round trips.
 *
 * @param culprit is told the member at fault when the server refuses the bulk write
 * @param known the documents by their keys, where the transaction has read them already
 */
export async function writeGroup(
  store: Store,
  tx: Transaction,
  writes: readonly GroupableWrite[],
  culprit: Culprit,
  known?: ReadonlyMap<string, PreImage>,
): Promise<Settled[]> {
  const found = known ?? (await readPreImages(store, tx, writes));
  requireWhole(writes.filter(needsPayload).flatMap((write) => found.get(keyOf(write)) ?? []));
  const members = writes.map((write) => planned(store, tx, write, found.get(keyOf(write))));
  await sendChanges(store, tx, members, culprit);
  const posts = await readPostImages(store, tx, members);
  const unchanged = await takeBackUnchanged(store, tx, members, posts);
  await keepVersions(store, tx, members, unchanged);
  await checkMembers(store, tx, members, unchanged, culprit);
  return members.map((member) => settled(store, member, posts, unchanged));
}

export function keyOf(write: GroupableWrite): string {
  return idKey(pinnedId(write.filter));
}

/** Matches the documents that writes are about. */
export function idsOf(writes: readonly GroupableWrite[]): Filter {
  return inIds(writes.map(({ filter }) => pinnedId(filter)));
}

async function readPreImages(
  store: Store,
  tx: Transaction,
  writes: readonly GroupableWrite[],
): Promise<Map<string, PreImage>> {
  const images = new Map<string, PreImage>();
  let size = 0;
  const filter = filterOfAll(writes.map((write) => write.filter));
  for await (const raw of store.head.find(filter, { session: tx.session, raw: true })) {
    const bytes = raw as unknown as Uint8Array;
    size += bytes.length;
    if (images.size > 0 && size > CHUNK_BYTES) throw new GroupTooLarge();
    const image = preImage(store.bson, bytes);
    images.set(idKey(image.id), image);
  }
  await requireDistinct(
    store,
    tx,
    writes.filter((write) => !images.has(keyOf(write))),
  );
  return images;
}

/** A document that goes by another id than the one it was asked for would be written without a version. */
async function requireDistinct(store: Store, tx: Transaction, missed: readonly GroupableWrite[]): Promise<void> {
  const ids = missed.map(({ filter }) => pinnedId(filter)).filter((id) => MANIFOLD.has(kindOf(id)));
  if (ids.length === 0) return;
  const known = new Set(ids.map(idKey));
  const found = store.head.find(inIds(ids), { session: tx.session, projection: { _id: 1 } });
  for await (const { _id } of found) if (!known.has(idKey(_id))) throw new GroupNotDistinct();
}

/** Ids of these kinds may match others: texts under a collation, also within documents, and patterns. */
const MANIFOLD: ReadonlySet<Kind> = new Set(['string', 'object', 'regex']);

/** Matches what any of the filters matches; each of them pins an id of its own, so that the answer tells whose it is. */
function filterOfAll(filters: readonly Filter[]): Filter {
  const ids = filters.map(pinnedId);
  const idsAreAll = filters.every((filter) => Object.keys(filter).length === 1);
  return idsAreAll ? inIds(ids) : ({ $or: filters } as Filter);
}

function inIds(ids: readonly unknown[]): Filter {
  return { _id: { $in: ids as never[] } };
}

async function findRaw(store: Store, tx: Transaction, filter: Filter): Promise<Uint8Array[]> {
  const cursor = store.head.find(filter, { session: tx.session, raw: true });
  return (await cursor.toArray()) as unknown as Uint8Array[];
}

function planned(store: Store, tx: Transaction, write: GroupableWrite, pre: PreImage | undefined): Member {
  try {
    checkExpected(store, write, pre?.id ?? pinnedId(write.filter), pre === undefined ? null : pre.system.ov);
    if (pre === undefined) return plannedMiss(write);
    if (write.kind === 'delete') return { step: 'delete', write, pre, stamp: stampOf(store, tx, write) };
    return plannedUpdate(store, tx, write, pre);
  } catch (error) {
    if (error instanceof MustStoreFirst) throw error;
    return { step: 'done', settled: { error } };
  }
}

/** A write that matches nothing or changes nothing is still sent, so that the server may complain about it as it would. */
function plannedMiss(write: GroupableWrite): Member {
  if (write.kind === 'delete') return { step: 'miss', write, change: undefined };
  if (write.change.form === 'computed') return { step: 'done', settled: { outcome: results.missed(write) } };
  return { step: 'miss', write, change: write.change };
}

function plannedUpdate(store: Store, tx: Transaction, write: CapturedUpdate, pre: PreImage): Member {
  const change = resolved(store, write, pre);
  const verdict = change === undefined ? 'same' : judged(store, write, change, pre);
  if (change === undefined) return { step: 'done', settled: { outcome: results.unchanged(store, write, pre) } };
  if (verdict === 'same') return { step: 'same', write, pre, change };
  return { step: 'update', write, pre, change, verdict, next: nextSystem(pre.system, stampOf(store, tx, write)) };
}

async function sendChanges(store: Store, tx: Transaction, members: readonly Member[], culprit: Culprit): Promise<void> {
  const indices = members.flatMap((member, index) => (member.step === 'done' ? [] : [index]));
  const operations = members.flatMap((member) => (member.step === 'done' ? [] : [operation(member)]));
  if (operations.length === 0) return;
  try {
    await store.head.bulkWrite(operations, { session: tx.session, ordered: true });
  } catch (error) {
    const failed = (error as { writeErrors?: { index: number } | { index: number }[] }).writeErrors;
    const first = Array.isArray(failed) ? failed[0] : failed;
    if (first !== undefined) culprit.index = indices[first.index] ?? 0;
    throw error;
  }
}

function operation(member: Exclude<Member, { step: 'done' }>): mongo.AnyBulkWriteOperation<RawDocument> {
  const { write } = member;
  const { filter } = write;
  if (member.step === 'delete' || member.change === undefined) return { deleteOne: { filter } };
  const change = member.step === 'update' ? withSystem(member.change, member.next) : member.change;
  if (change.form === 'replacement') {
    const isComputed = write.kind === 'update' && write.change.form === 'computed';
    return isComputed ? overwriting(filter, change.document) : { replaceOne: { filter, replacement: change.document } };
  }
  const { arrayFilters, collation } = write.options;
  const update = updateArgument(change) as mongo.UpdateFilter<RawDocument>;
  return {
    updateOne: {
      filter,
      update,
      ...(arrayFilters ? { arrayFilters: arrayFilters as RawDocument[] } : {}),
      ...(collation ? { collation: collation as mongo.CollationOptions } : {}),
    },
  };
}

/** The documents after the change, for the members that return it or that only it can tell whether they changed any. */
async function readPostImages(
  store: Store,
  tx: Transaction,
  members: readonly Member[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const wanted = members.filter((member) => member.step === 'update' && needsPost(member)) as UpdateMember[];
  if (wanted.length === 0) return new Map();
  const documents = await findRaw(store, tx, inIds(wanted.map(({ pre }) => pre.id)));
  return new Map(documents.map((bytes) => [idKey(preImage(store.bson, bytes).id), bytes]));
}

function needsPost({ verdict, write }: UpdateMember): boolean {
  return verdict === 'unsure' || write.options.returnDocument === 'after';
}

async function takeBackUnchanged(
  store: Store,
  tx: Transaction,
  members: readonly Member[],
  posts: ReadonlyMap<string, Uint8Array>,
): Promise<ReadonlySet<Member>> {
  const unchanged = members.filter((member): member is UpdateMember => {
    if (member.step !== 'update' || member.verdict !== 'unsure') return false;
    const post = posts.get(idKey(member.pre.id));
    return post !== undefined && equalsIgnoring(member.pre.bytes, post, '_system');
  });
  await takeBack(
    store,
    tx,
    unchanged.map(({ pre }) => pre),
  );
  return new Set(unchanged);
}

async function keepVersions(
  store: Store,
  tx: Transaction,
  members: readonly Member[],
  unchanged: ReadonlySet<Member>,
): Promise<void> {
  const superseded = members.flatMap((member): Superseded[] => {
    if (member.step !== 'update' || unchanged.has(member)) return [];
    return [{ pre: member.pre, until: member.next.updatedAt as Date, cv: member.next.cv }];
  });
  const deleted = members.flatMap((member): Deleted[] => (member.step === 'delete' ? [member] : []));
  await keepSuperseded(store, tx, superseded);
  await keepDeleted(store, tx, deleted);
}

async function checkMembers(
  store: Store,
  tx: Transaction,
  members: readonly Member[],
  unchanged: ReadonlySet<Member>,
  culprit: Culprit,
): Promise<void> {
  const changed = members.filter((member) => member.step === 'update' && !unchanged.has(member)) as UpdateMember[];
  const ids = changed.map(({ pre }) => pre.id);
  await checkVersions(store, tx, ids, (id) => {
    culprit.index = members.findIndex((member) => member.step === 'update' && idKey(member.pre.id) === id);
  });
}

function settled(
  store: Store,
  member: Member,
  posts: ReadonlyMap<string, Uint8Array>,
  unchanged: ReadonlySet<Member>,
): Settled {
  switch (member.step) {
    case 'done':
      return member.settled;
    case 'miss':
      return { outcome: results.missed(member.write) };
    case 'same':
      return { outcome: results.unchanged(store, member.write, member.pre) };
    case 'delete':
      return { outcome: results.deleted(store, member.write, member.pre, member.stamp) };
    case 'update': {
      const { write, pre, next } = member;
      if (unchanged.has(member)) return { outcome: results.unchanged(store, write, pre) };
      return { outcome: results.updated(store, write, pre, next, posts.get(idKey(pre.id))) };
    }
  }
}
