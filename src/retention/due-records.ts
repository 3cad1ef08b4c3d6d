import type { mongo } from 'mongoose';
import { topLevel } from '../bson/exact.ts';
import type { Filter } from '../commit/captured-write.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { fieldOf } from '../commit/version-record.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { Rows } from '../system/rows.ts';
import { BY_ID, BY_ID_AND_END } from '../system/version-indexes.ts';
import type { RawDocument, VersionFields } from '../types.ts';

/** A version record that is about to leave. */
export interface DueRecord {
  readonly id: unknown;
  readonly ov: number;
  readonly system: VersionFields & { readonly until: Date };
  readonly bytes: Uint8Array;
}

/** Until when versions must have ended that leave: because of their age, and because there are too many. */
export interface Due {
  readonly byAge: Date | undefined;
  readonly byCount: { readonly until: Date; readonly maxPerItem: number } | undefined;
}

type Ids = Rows['allIds'];

const BATCH = 500;

/** What was put back for readers leaves in another way. */
const LIVING = { '_system.thawed': { $exists: false } } as const;

/**
 * The version records that are to leave, of each document from the oldest on: tombstones and proofs of erasure have no
 * end and stay. What is not in object storage yet, but is going to be, stays for now with all that follows it.
 *
 * @param ids limits them to those of these ids
 */
export async function* dueRecords(store: Store, due: Due, ids?: Ids): AsyncGenerator<DueRecord> {
  if (due.byAge !== undefined) yield* aged(store, due.byAge, ids);
  if (due.byCount !== undefined) yield* surplus(store, due.byCount, due.byAge, ids);
}

async function* aged(store: Store, until: Date, ids: Ids | undefined): AsyncGenerator<DueRecord> {
  const order = { sort: BY_ID_AND_END, hint: BY_ID_AND_END, raw: true, batchSize: BATCH } as const;
  const filter = { ...recordsOf(ids), '_system.until': { $lte: until }, ...LIVING };
  yield* storedOnes(store, store.versions.find(filter as Filter, order));
}

async function* surplus(
  store: Store,
  { until, maxPerItem }: NonNullable<Due['byCount']>,
  aged: Date | undefined,
  ids: Ids | undefined,
): AsyncGenerator<DueRecord> {
  const ended = { $lte: until, ...(aged === undefined ? {} : { $gt: aged }) };
  const order = { sort: NEWEST_FIRST, hint: BY_ID } as const;
  const keys = store.versions.find(recordsOf(ids), { ...order, projection: { '_id.id': 1, '_id.ov': 1 } });
  let current: string | undefined;
  let count = 0;
  for await (const { _id } of keys as unknown as AsyncIterable<{ _id: { id: unknown; ov: number } }>) {
    const key = idKey(_id.id);
    count = key === current ? count + 1 : 1;
    current = key;
    if (count !== maxPerItem + 1) continue;
    const filter = { '_id.id': _id.id, '_id.ov': { $lte: _id.ov }, '_system.until': ended, ...LIVING };
    yield* storedOnes(store, store.versions.find(filter as Filter, { sort: BY_ID, raw: true, batchSize: BATCH }));
  }
}

function recordsOf(ids: Ids | undefined): Filter {
  return (ids === undefined ? {} : { '_id.id': ids }) as Filter;
}

const NEWEST_FIRST = { '_id.id': -1, '_id.ov': -1 } as const;

async function* storedOnes(store: Store, records: mongo.FindCursor<RawDocument>): AsyncGenerator<DueRecord> {
  let waiting: string | undefined;
  for await (const raw of records) {
    const record = dueRecord(store, raw as unknown as Uint8Array);
    const key = idKey(record.id);
    if (record.system.state === 'new-not-synched') waiting = key;
    if (key !== waiting) yield record;
  }
}

export function dueRecord(store: Store, bytes: Uint8Array): DueRecord {
  const key = topLevel(store.bson, bytes, '_id') as RawDocument;
  const system = systemOfBytes(store.bson, bytes) as DueRecord['system'];
  return { id: fieldOf(key, 'id'), ov: Number(fieldOf(key, 'ov')), system, bytes };
}
