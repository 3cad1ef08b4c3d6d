import { keysOf } from '../offload/references.ts';
import { contentOf, finishDeleted } from './erase-document.ts';
import { type Erasure, erasureKey, heldNotes, noteErasures, passNotes } from './erasures.ts';
import { requireNoneHeld } from './held.ts';
import { insertRecords } from './insert-records.ts';
import { forgetLastLeft } from './last-left.ts';
import { lastBefore, lastRecords } from './past-life.ts';
import { idKey } from './pinned-id.ts';
import { type PastLife, proofOfErasure, type Stamp } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { type PreImage, tombstoneRecord } from './version-record.ts';

/** A document that a transaction has deleted. */
export interface Deleted {
  readonly pre: PreImage;
  readonly stamp: Stamp;
}

/** The end of a document's life. */
interface End {
  readonly id: unknown;
  readonly stamp: Stamp;
  readonly last: Pick<PastLife, 'ov' | 'from'>;
  /** How many records of it there may be. */
  readonly records: number;
  /** Whether it may have objects, be it by another process. */
  readonly objects: boolean;
}

/** Records that go in one transaction. Those of further documents go right after it. */
const MAX_RECORDS = 5_000;

/**
 * Erases documents whose heads a transaction has deleted, in that transaction: their records go, and where versions are
 * kept, the proof that each was erased comes in their place. Their objects, and what calls with an `opId` remember of
 * them, go once it is committed; until then a note says so, from which `recover()` goes on after a crash.
 */
export async function eraseDeleted(store: Store, tx: Transaction, deleted: readonly Deleted[]): Promise<void> {
  const ends = await endsOf(store, tx, deleted);
  await requireNoneHeld(store, idsOf(ends), tx.session);
  const now = new Set(withinLimit(ends));
  await eraseRecords(store, tx, [...now]);
  if (store.versioning) {
    await insertRecords(
      store,
      tx,
      ends.map((end) => proofOf(store, end)),
    );
  }
  await forgetLastLeft(store, tx.session, idsOf(ends));
  const held = await heldNotes(store, tx, idsOf(ends));
  const isRolledUp = store.retention?.rollup !== undefined;
  const isLeft = (end: End) => end.objects || isRolledUp || !now.has(end) || held(end.id);
  const left = ends.filter(isLeft).map((end) => erasureOf(store, end, !store.versioning && now.has(end)));
  await noteErasures(store, tx, left);
  await passNotes(store, tx, idsOf(ends.filter((end) => !isLeft(end))));
  if (left.length > 0) tx.after.push(() => finishDeleted(store, left));
}

/**
 * Where no versions are kept, nobody refers to the objects of a deleted document any more, and they are taken away. Those
 * of a document that had versions once may be shared with these: what nobody refers to of them is left to `sweep()`.
 */
export async function eraseObjectsOf(store: Store, tx: Transaction, deleted: readonly Deleted[]): Promise<void> {
  if (store.objects === undefined) return;
  const erasures = deleted.flatMap(({ pre: { id, system } }): Erasure[] => {
    const { ov, sole, incarnation } = system;
    const only = { incarnation: incarnation ?? null, keys: keysOf(system) };
    return sole === true ? [{ key: erasureKey(store, id), id, ov, objects: true, only }] : [];
  });
  await noteErasures(store, tx, erasures);
  if (erasures.length > 0) tx.after.push(() => finishDeleted(store, erasures));
}

/** A foreign writer may have put the number of a head back. */
async function endsOf(store: Store, tx: Transaction, deleted: readonly Deleted[]): Promise<End[]> {
  const ids = deleted.map(({ pre }) => pre.id);
  const records = new Map((await lastRecords(store, tx, ids)).map((record) => [idKey(record.id), record]));
  return deleted.map(({ pre, stamp }) => {
    const { id, system } = pre;
    const record = records.get(idKey(id));
    const past = record === undefined ? undefined : lastBefore(record);
    const last = past !== undefined && past.ov > system.ov ? past : { ov: system.ov, from: system.updatedAt };
    const objects = store.objects !== undefined || system.state !== undefined;
    return { id, stamp, last, records: record === undefined ? 0 : record.ov + 1, objects };
  });
}

function withinLimit(ends: readonly End[]): End[] {
  let records = 0;
  return ends.filter((end) => {
    records += end.records;
    return records <= MAX_RECORDS;
  });
}

async function eraseRecords(store: Store, tx: Transaction, ends: readonly End[]): Promise<void> {
  const ids = idsOf(ends.filter(({ records }) => records > 0));
  if (ids.length > 0) await store.versions.deleteMany(contentOf({ $in: ids }), { session: tx.session });
}

function proofOf(store: Store, { id, last, stamp }: End): Map<string, unknown> {
  return tombstoneRecord(store, id, proofOfErasure(last, { ...stamp, op: 'ERASE', offloads: false }));
}

function erasureOf(store: Store, { id, last, stamp, objects }: End, recordsGone: boolean): Erasure {
  const { ov, from = stamp.at } = last;
  const at = new Date(Math.max(from.getTime(), stamp.at.getTime()));
  return { key: erasureKey(store, id), id, ov: ov + 1, at, recordsGone, objects };
}

function idsOf(ends: readonly End[]): unknown[] {
  return ends.map(({ id }) => id);
}
