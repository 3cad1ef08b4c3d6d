import { systemOf } from '../system/bookkeeping.ts';
import { MAJORITY } from '../system/majority.ts';
import type { SystemFields, VersionFields } from '../types.ts';
import type { Filter } from './captured-write.ts';
import {
  areErasuresWaiting,
  type Erasure,
  erasureKey,
  erasuresBegun,
  erasuresUnderWay,
  forgetResults,
  noteErasure,
  settleErasures,
} from './erasures.ts';
import { requireNoneHeld } from './held.ts';
import { insertRecords } from './insert-records.ts';
import { forgetLastLeft } from './last-left.ts';
import { ensureOperations } from './operations.ts';
import { lastBefore, lastRecords } from './past-life.ts';
import { withoutPayload } from './payload-away.ts';
import { proofOfErasure, type Stamp } from './stamp.ts';
import type { Store } from './store.ts';
import { inTransaction, type Transaction } from './transaction.ts';
import { tombstoneRecord } from './version-record.ts';
import { ensureVersions } from './versions-collection.ts';

/** What was taken away. */
export interface Erased {
  /** Versions, the current one and tombstones included. */
  readonly versions: number;
  /** What calls with an `opId` had returned. */
  readonly results: number;
  /** Objects in object storage. */
  readonly objects: number;
  /**
   * Objects that may not be removed yet, for the store has them under a retention or a legal hold. Their erasure stays
   * unfinished, and is tried again by whatever finishes such.
   */
  readonly retained: number;
  /**
   * Where there may be further objects, which this model cannot remove, and why: in buckets that it had once and has no
   * more. Their erasure stays unfinished too.
   */
  readonly unreachable: readonly string[];
}

/** Newest records that go in the same transaction as the head: all of most documents. */
const AT_ONCE = 500;

/**
 * Begins to erase a document, in one transaction: its head goes and so do its newest records, and the proof that it was
 * erased comes in their place, with a note of what is left to do.
 *
 * That settles all races. Whoever writes the document meets the loss of its head, whoever brings it back the loss of its
 * last record, and whoever remembers it the note: of two such transactions the server lets one commit, and the other
 * comes again and finds the proof. What was read before and comes later is refused by the number in the proof.
 *
 * @throws ConfigError for a document that has objects, where there is no object storage to take them from
 * @returns what is to be finished, and how many versions are gone; undefined where there is nothing to erase
 */
export async function beginErasure(
  store: Store,
  id: unknown,
  stamp: Omit<Stamp, 'at' | 'op'>,
): Promise<{ readonly erasure: Erasure; readonly versions: number } | undefined> {
  await ensureVersions(store, undefined);
  await ensureOperations(store);
  return inTransaction(store, undefined, async (tx) => {
    const head = await takeHead(store, tx, id);
    const last = await lastLife(store, tx, id, head);
    if (last === undefined) return undefined;
    await requireNoneHeld(store, [id], tx.session);
    const at = store.clock.now();
    const proved = proofOfErasure(last, { ...stamp, op: 'ERASE', at, cv: tx.numbers?.next() });
    const proof = head === undefined ? { ...proved, wasDeleted: true } : proved;
    const versions = (head === undefined ? 0 : 1) + (await eraseNewest(store, tx, id));
    if (store.versioning) await insertRecords(store, tx, [tombstoneRecord(store, id, proof)]);
    await forgetLastLeft(store, tx.session, [id]);
    const recordsGone = !store.versioning && versions < AT_ONCE;
    const objects = store.objects !== undefined;
    const key = erasureKey(store, id);
    const erasure = { key, id, ov: proof.ov, at: proof.updatedAt ?? at, recordsGone, objects };
    await noteErasure(store, tx, erasure);
    return { erasure, versions };
  });
}

/** @throws ConfigError for a version that may be in object storage, where there is none to take it from */
function requireErasable(store: Store, state: unknown): void {
  if (store.objects === undefined && state !== undefined) throw withoutPayload(store, 'erase');
}

/**
 * Takes the head away, and tells what it said. It is the first thing done, so that busy writers of the document are met by the
 * erasure, and not the other way round.
 */
async function takeHead(store: Store, { session }: Transaction, id: unknown): Promise<VersionFields | undefined> {
  const options = { session, projection: { _system: 1 } } as const;
  const taken = await store.head.findOneAndDelete({ _id: { $eq: id as never } }, options);
  return taken === null ? undefined : systemOf(taken._system);
}

/** Where a document's life ended or stands; undefined where nothing is left to be erased. */
async function lastLife(store: Store, tx: Transaction, id: unknown, head: VersionFields | undefined) {
  const [record] = await lastRecords(store, tx, [id]);
  const past = record === undefined ? undefined : lastBefore(record);
  if (head === undefined) return record?.op === 'ERASE' ? undefined : past;
  const { ov, updatedAt, state } = head;
  requireErasable(store, state);
  // A foreign writer may have put the number of the head back.
  return past !== undefined && past.ov > ov ? past : { ov, from: updatedAt };
}

async function eraseNewest(store: Store, tx: Transaction, id: unknown): Promise<number> {
  const { session } = tx;
  const newest = {
    projection: { '_id.ov': 1, '_system.state': 1 },
    sort: { '_id.ov': -1 },
    limit: AT_ONCE,
    session,
  } as const;
  const records = await store.versions.find(contentOf(id), newest).toArray();
  for (const { _system } of records) requireErasable(store, (_system as SystemFields | undefined)?.state);
  const oldest = (records.at(-1)?._id as { ov: number } | undefined)?.ov;
  if (oldest === undefined) return 0;
  const filter = { ...contentOf(id), '_id.ov': { $gte: oldest } } as Filter;
  return (await store.versions.deleteMany(filter, { session })).deletedCount;
}

/**
 * Does what is left of erasures that were begun: older records go, remembered results, and objects, in that order, and
 * last the notes. After a crash at any step it is done again from the start; what is gone already is not missed.
 *
 * Uploads that are under way may put objects afterwards: those are looked for once more when they have ended, by this
 * process if it lives so long, else by the next one that finishes erasures.
 *
 * Who has no object storage leaves the notes of documents that have objects.
 */
export async function finishErasures(store: Store, erasures: readonly Erasure[]): Promise<Erased> {
  if (erasures.length === 0) return { versions: 0, results: 0, ...NO_OBJECTS };
  const inMongo = await finishInMongo(store, erasures);
  return { ...inMongo, ...(await finishObjects(store, erasures)) };
}

const NO_OBJECTS = { objects: 0, retained: 0, unreachable: [] } as const;

async function finishInMongo(
  store: Store,
  erasures: readonly Erasure[],
): Promise<Pick<Erased, 'versions' | 'results'>> {
  const whole = erasures.filter(({ only }) => only === undefined);
  if (whole.length === 0) return { versions: 0, results: 0 };
  let versions = 0;
  for (const erasure of whole) {
    versions += await (erasure.recordsGone === true ? store.eraseLeft(store, erasure) : eraseVersions(store, erasure));
  }
  const results = await forgetResults(
    store,
    whole.map(({ id }) => id),
  );
  return { versions, results };
}

async function finishObjects(
  store: Store,
  erasures: readonly Erasure[],
): Promise<Pick<Erased, 'objects' | 'retained' | 'unreachable'>> {
  if (erasures.length === 0) return NO_OBJECTS;
  const { done, ...counts } = await eraseObjects(store, erasures);
  if (done.length > 0) await settleErasures(store, done);
  if (store.objects !== undefined) finishLater(store, store.objects.uploadDeadlineMs);
  return counts;
}

/** Erasures of deleted documents that are being finished. */
const finishing = new WeakMap<Store, Set<Promise<unknown>>>();

/**
 * Finishes erasures of documents whose deletion is committed. MongoDB is waited for, object storage is not. What fails is
 * left to `recover()`: the deletion stands.
 */
export async function finishDeleted(store: Store, erasures: readonly Erasure[]): Promise<void> {
  // A caller's transaction may have been begun anew, and have deleted others then.
  const begun = erasuresBegun(store, erasures);
  const inMongo = begun.then((known) => finishInMongo(store, known));
  const all = inMongo.then(async () => finishObjects(store, await begun)).catch(() => undefined);
  const others = finishing.get(store) ?? new Set();
  finishing.set(store, others.add(all));
  void all.then(() => others.delete(all));
  await (store.objects === undefined ? all : inMongo.catch(() => undefined));
}

/** Waits for the erasures of deleted documents that are being finished. */
export async function finishedDeleted(store: Store): Promise<void> {
  await Promise.all(finishing.get(store) ?? []);
}

const NOTHING_FOUND = { removed: 0, retained: 0, closed: [] } as const;

async function eraseObjects({ objects: owned }: Store, erasures: readonly Erasure[]) {
  const done: Erasure[] = [];
  let objects = 0;
  let retained = 0;
  const unreachable = new Set<string>();
  for (const erasure of erasures) {
    if (owned === undefined && erasure.objects === true) continue;
    const found = (await owned?.erase(erasure.id, erasure.ov, erasure.only)) ?? NOTHING_FOUND;
    objects += found.removed;
    retained += found.retained;
    for (const place of found.closed) unreachable.add(place);
    if (found.retained === 0 && found.closed.length === 0) done.push(erasure);
  }
  return { done, objects, retained, unreachable: [...unreachable] };
}

const later = new WeakSet<Store>();
/** What is to be looked at again is due by then. */
const MARGIN_MS = 120_000;

/** Keeps no process alive. */
function finishLater(store: Store, ms: number): void {
  if (later.has(store)) return;
  later.add(store);
  const finish = async () => {
    later.delete(store);
    await finishErasures(store, await erasuresUnderWay(store));
    if (await areErasuresWaiting(store)) finishLater(store, ms);
  };
  setTimeout(() => void finish().catch(() => undefined), ms + MARGIN_MS).unref();
}

/** Wherever they are: while one place is looked into, they may come from there to the other. */
async function eraseVersions(store: Store, erasure: Erasure): Promise<number> {
  let erased = await eraseRecords(store, erasure);
  for (let left = -1; left !== 0; ) {
    left = await store.eraseLeft(store, erasure);
    erased += left === 0 ? 0 : left + (await eraseRecords(store, erasure));
  }
  return erased;
}

/** Looked for until there are none: what is being compacted meanwhile is written again. */
async function eraseRecords(store: Store, { id, ov }: Erasure): Promise<number> {
  const filter = { ...contentOf(id), '_id.ov': { $lt: ov } } as Filter;
  let erased = 0;
  while ((await store.versions.findOne(filter, { projection: { _id: 1 } })) !== null) {
    erased += (await store.versions.deleteMany(filter, MAJORITY)).deletedCount;
  }
  return erased;
}

/** The records of a document, but for proofs that it was erased before. */
export function contentOf(id: unknown): Filter {
  return { '_id.id': id, '_system.op': { $ne: 'ERASE' } } as Filter;
}
