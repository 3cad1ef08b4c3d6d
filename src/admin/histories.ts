import type { mongo } from 'mongoose';
import { compareValues } from '../bson/compare.ts';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { systemOf } from '../system/bookkeeping.ts';
import type { Rows } from '../system/rows.ts';
import { BY_ID } from '../system/version-indexes.ts';
import type { RawDocument, VersionFields } from '../types.ts';
import type { StoredHistory } from './judge.ts';

type Session = mongo.ClientSession | undefined;

/** A condition on the ids of documents. */
export type IdRange = Rows['allIds'];

/** A record that says of which document it is, and which version. */
interface Entry {
  readonly id: unknown;
  readonly fields: VersionFields | null;
}

/**
 * All histories of a collection, in the order of their ids: heads and records are read side by side and joined, so
 * that no more than one document's bookkeeping is held at a time.
 *
 * @param onOrphan told of rows that are no version records
 * @param ids limits them to the histories of these ids
 */
export async function* allHistories(
  store: Store,
  onOrphan: (row: unknown) => void,
  ids?: IdRange,
): AsyncGenerator<StoredHistory> {
  const [headsOf, recordsOf] = ids === undefined ? [{}, {}] : [{ _id: ids }, { '_id.id': ids }];
  const heads = entries(headRows(store, headsOf as Filter), headEntry);
  const records = entries(recordRows(store, recordsOf as Filter), (row) => recordEntry(row, onOrphan));
  let head = await heads.next();
  let record = await records.next();
  while (!head.done || !record.done) {
    const order = head.done ? 1 : record.done ? -1 : compareValues(head.value.id, record.value.id);
    const { id } = (order <= 0 ? head.value : record.value) as Entry;
    const kept: VersionFields[] = [];
    while (!record.done && compareValues(record.value.id, id) === 0) {
      kept.push(record.value.fields as VersionFields);
      record = await records.next();
    }
    yield { id, head: order <= 0 ? (head.value as Entry).fields : undefined, records: kept };
    if (order <= 0) head = await heads.next();
  }
}

/** The history of one document. */
export async function historyOf(store: Store, id: unknown, session: Session): Promise<StoredHistory> {
  const records: VersionFields[] = [];
  const rows = recordRows(store, { '_id.id': id } as Filter, session);
  for await (const { fields } of entries(rows, (row) => recordEntry(row, () => undefined))) {
    records.push(fields as VersionFields);
  }
  const [head] = await headRows(store, { _id: { $eq: id as never } }, session).toArray();
  return { id, head: head === undefined ? undefined : headEntry(head).fields, records };
}

async function* entries(
  rows: mongo.FindCursor<RawDocument>,
  entryOf: (row: RawDocument) => Entry | undefined,
): AsyncGenerator<Entry, undefined> {
  for await (const row of rows) {
    const entry = entryOf(row);
    if (entry !== undefined) yield entry;
  }
  return undefined;
}

/** Rows are small, so that left to the server one batch would hold a hundred thousand of them. */
const BATCH_SIZE = 1_000;

function headRows(store: Store, filter: Filter, session?: Session): mongo.FindCursor<RawDocument> {
  const options = { projection: { _id: 1, _system: 1 }, sort: { _id: 1 }, batchSize: BATCH_SIZE } as const;
  return store.head.find(filter, { ...options, ...inSession(session) });
}

function recordRows(store: Store, filter: Filter, session?: Session): mongo.FindCursor<RawDocument> {
  const sort = BY_ID;
  return store.versions.find(filter, {
    projection: { _id: 1, _system: 1 },
    sort,
    allowDiskUse: true,
    batchSize: BATCH_SIZE,
    ...inSession(session),
  });
}

function headEntry({ _id, _system }: RawDocument): Entry {
  return { id: _id, fields: isBookkeeping(_system) ? systemOf(_system) : null };
}

function recordEntry(row: RawDocument, onOrphan: (row: unknown) => void): Entry | undefined {
  const key = row._id as { id?: unknown; ov?: unknown } | null;
  const isRecord = typeof key === 'object' && key !== null && 'id' in key && typeof key.ov === 'number';
  if (isRecord && isBookkeeping(row._system)) {
    return { id: key.id, fields: { ...systemOf(row._system), ov: key.ov as number } };
  }
  onOrphan(row._id);
  return undefined;
}

function isBookkeeping(system: unknown): boolean {
  return typeof system === 'object' && system !== null && 'ov' in system;
}

function inSession(session: Session): { session?: mongo.ClientSession } {
  return session === undefined ? {} : { session };
}
