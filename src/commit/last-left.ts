import type { mongo } from 'mongoose';
import { locksOf } from '../system/locks-collection.ts';
import type { VersionFields } from '../types.ts';
import { noteKey } from './erasures.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';

/**
 * The last version of a document that has left the collection, in `<collection>_locks`, where no later record is left:
 *
 *     { _id: { left: Binary(sha256 of the id) }, ov: 7, until: <date> }
 *
 * If something else than this library removes the document, its numbers go on from there when its id comes back.
 */
interface LastLeft extends Pick<VersionFields, 'ov' | 'until' | 'erased'> {
  readonly _id: { readonly left: mongo.Binary };
  /** Counts what was done, so that whoever does something else at the same time meets a conflict. */
  readonly changes?: number;
}

interface LeavingRecord {
  readonly id: unknown;
  readonly ov: number;
  readonly system: VersionFields;
}

/** Notes the numbers of records, in the transaction in which they have left. */
export async function noteLastLeft(
  store: Store,
  session: mongo.ClientSession,
  records: readonly LeavingRecord[],
): Promise<void> {
  const last = new Map<string, LeavingRecord>();
  for (const record of records) {
    const key = idKey(record.id);
    if ((last.get(key)?.ov ?? -1) < record.ov) last.set(key, record);
  }
  const stored = await newestStored(
    store,
    session,
    [...last.values()].map(({ id }) => id),
  );
  const operations = [...last]
    .filter(([key, { ov }]) => (stored.get(key) ?? -1) < ov)
    .map(
      ([
        ,
        {
          id,
          ov,
          system: { until, erased },
        },
      ]) => {
        const $max = { ov, until, ...(erased === undefined ? {} : { erased }) };
        return { updateOne: { filter: { _id: leftKey(store, id) }, update: { $max }, upsert: true } };
      },
    );
  if (operations.length > 0) await lastLeftOf(store).bulkWrite(operations as never[], { session });
}

/** The last versions of documents that have left the collection, as far as they may be the last at all; by {@link idKey}. */
export async function lastLeftAmong(
  store: Store,
  session: mongo.ClientSession,
  ids: readonly unknown[],
): Promise<ReadonlyMap<string, VersionFields>> {
  // Where there is no retention nothing leaves.
  if (store.retention === undefined) return new Map();
  const byKey = new Map(ids.map((id) => [leftKey(store, id).left.toString('hex'), idKey(id)]));
  const left = lastLeftOf(store).find({ _id: { $in: keysOf(store, ids) } }, { session });
  return new Map(
    (await left.toArray()).map(({ _id, changes: _, ...version }) => [
      byKey.get(_id.left.toString('hex')) as string,
      version,
    ]),
  );
}

/** Meets whoever goes by the same numbers in another transaction. */
export async function touchLastLeft(
  store: Store,
  session: mongo.ClientSession,
  ids: readonly unknown[],
): Promise<void> {
  if (ids.length === 0) return;
  await lastLeftOf(store).updateMany({ _id: { $in: keysOf(store, ids) } }, { $inc: { changes: 1 } }, { session });
}

/** Forgets the numbers of documents that are erased, of which the proof has the next one. */
export async function forgetLastLeft(
  store: Store,
  session: mongo.ClientSession,
  ids: readonly unknown[],
): Promise<void> {
  if (store.retention === undefined || ids.length === 0) return;
  await lastLeftOf(store).deleteMany({ _id: { $in: keysOf(store, ids) } }, { session });
}

/** The numbers of the newest records that are in the collection. */
async function newestStored(
  { versions }: Store,
  session: mongo.ClientSession,
  ids: readonly unknown[],
): Promise<ReadonlyMap<string, number>> {
  const newest = versions.aggregate<{ _id: unknown; ov: number }>(
    [
      { $match: { '_id.id': { $in: ids } } },
      { $sort: { '_id.id': -1, '_id.ov': -1 } },
      { $group: { _id: '$_id.id', ov: { $first: '$_id.ov' } } },
    ],
    { session },
  );
  return new Map((await newest.toArray()).map(({ _id, ov }) => [idKey(_id), ov]));
}

function keysOf(store: Store, ids: readonly unknown[]): LastLeft['_id'][] {
  return [...new Map(ids.map((id) => [idKey(id), leftKey(store, id)])).values()];
}

function leftKey(store: Store, id: unknown): LastLeft['_id'] {
  return { left: noteKey(store, id) };
}

function lastLeftOf(store: Store): mongo.Collection<LastLeft> {
  return locksOf<LastLeft>(store.head);
}
