import { VersionNotFoundError } from '../errors.ts';
import type { SystemFields, VersionFields } from '../types.ts';
import type { Filter } from './captured-write.ts';
import { lastLeftAmong, touchLastLeft } from './last-left.ts';
import { idKey } from './pinned-id.ts';
import type { PastLife } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';

interface LastRecord extends VersionFields {
  readonly id: unknown;
  /** Whether it has left the collection. */
  readonly hasLeft?: boolean;
}

/** Where the history of an id ended, if it ever lived. */
export async function findPastLife(store: Store, tx: Transaction, id: unknown): Promise<PastLife | undefined> {
  const lives = await findPastLives(store, tx, [id]);
  return lives.get(idKey(id));
}

/** The same for many ids in one look; keyed by {@link idKey}. Where no versions are kept, an id begins anew each time. */
export async function findPastLives(
  store: Store,
  tx: Transaction,
  ids: readonly unknown[],
): Promise<Map<string, PastLife>> {
  if (!store.versioning) return new Map();
  const records = await lastRecords(store, tx, ids);
  await touchLast(store, tx, records);
  return new Map(records.map((record) => [idKey(record.id), lastBefore(record)]));
}

/**
 * Sees to it that the records are still the last ones when the transaction commits: an erasure at the same time takes
 * them away, and whoever is second meets a conflict. They are left as they were.
 */
async function touchLast(store: Store, tx: Transaction, records: readonly LastRecord[]): Promise<void> {
  const stored = records.filter(({ hasLeft }) => hasLeft !== true);
  const filters = stored.map(({ id, ov }) => ({ '_id.id': id, '_id.ov': ov }) as Filter);
  await touch(store.versions, tx, filters);
  const left = records.filter((record) => !stored.includes(record));
  await touchLastLeft(
    store,
    tx.session,
    left.map(({ id }) => id),
  );
}

/** The same of heads, for a transaction that adds to their history. */
export async function touchHeads(store: Store, tx: Transaction, ids: readonly unknown[]): Promise<void> {
  const filters = ids.map((id) => ({ _id: { $eq: id } }) as Filter);
  await touch(store.head, tx, filters);
}

async function touch(collection: Store['head'], tx: Transaction, filters: readonly Filter[]): Promise<void> {
  if (filters.length === 0) return;
  const updates = [{ $inc: { '_system.hold': 1 } }, { $unset: { '_system.hold': '' } }];
  const operations = filters.flatMap((filter) => updates.map((update) => ({ updateOne: { filter, update } })));
  await collection.bulkWrite(operations as never[], { session: tx.session });
}

/** @throws VersionNotFoundError if the content of a version was erased since it was read */
export function requireUnerased(store: Store, id: unknown, ov: number, erased: number | undefined): void {
  if (erased === undefined || ov > erased) return;
  throw new VersionNotFoundError(store.head.collectionName, id, `version ${ov}, which was erased,`);
}

/** The newest version record of each document, be it in the collection or not any more. */
export async function lastRecords(store: Store, tx: Transaction, ids: readonly unknown[]): Promise<LastRecord[]> {
  const stored = new Map((await lastStored(store, tx, ids)).map((record) => [idKey(record.id), record]));
  const left = await lastLeftAmong(store, tx.session, ids);
  return [...new Map(ids.map((id) => [idKey(id), id]))].flatMap(([key, id]): LastRecord[] => {
    const [record, gone] = [stored.get(key), left.get(key)];
    if (gone !== undefined && gone.ov > (record?.ov ?? -1)) return [{ ...gone, id, hasLeft: true }];
    return record === undefined ? [] : [record];
  });
}

function lastStored(store: Store, tx: Transaction, ids: readonly unknown[]): Promise<LastRecord[]> {
  return store.versions
    .aggregate<LastRecord>(
      [
        { $match: { '_id.id': { $in: ids } } },
        { $sort: { '_id.id': -1, '_id.ov': -1 } },
        { $group: { _id: '$_id.id', ov: { $first: '$_id.ov' }, system: { $first: '$_system' } } },
        { $replaceWith: { $mergeObjects: ['$system', { id: '$_id', ov: '$ov' }] } },
      ],
      { session: tx.session },
    )
    .toArray();
}

/** Without a tombstone the last head vanished unseen: it had the number after the last record, and left none. */
export function lastBefore(record: VersionFields): PastLife {
  const ended = record.deleted === true;
  return {
    ov: ended ? record.ov : record.ov + 1,
    from: ended ? record.updatedAt : record.until,
    functionIds: record.functionIds,
    gap: !ended,
    erased: record.erased,
  };
}

/**
 * The bookkeeping of a head whose number a foreign writer has put back or taken off: it goes on after the last record,
 * from where that ended, since nobody knows when the other content came to be.
 */
export function continued(system: SystemFields, last: VersionFields): SystemFields {
  const from = last.until ?? last.updatedAt ?? system.updatedAt;
  const { insertedAt = last.insertedAt, functionIds = last.functionIds, erased = last.erased } = system;
  return {
    ...system,
    ov: last.ov + 1,
    gap: true,
    ...(from === undefined ? {} : { updatedAt: from }),
    ...(insertedAt === undefined ? {} : { insertedAt }),
    ...(functionIds === undefined ? {} : { functionIds }),
    ...(erased === undefined ? {} : { erased }),
  };
}
