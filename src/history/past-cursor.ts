import type { mongo } from 'mongoose';
import { compareSortKeys } from '../bson/compare.ts';
import { topLevel } from '../bson/exact.ts';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { hideInProjection } from '../system/hide.ts';
import type { RawDocument } from '../types.ts';
import type { Point } from './instant.ts';
import { both, headCurrentAt, recordCurrentAt } from './interval.ts';
import { recordFilter, recordProjection, recordSort } from './record-paths.ts';

/** What a read of the past asks for. */
export interface PastQuery {
  readonly filter: Filter;
  readonly at: Point;
  readonly visible: boolean;
  readonly sort?: RawDocument | undefined;
  readonly projection?: RawDocument | undefined;
  readonly skip: number;
  /** 0 stands for no limit, as it does for the server. */
  readonly limit: number;
  readonly hint?: mongo.Hint | undefined;
  /** Options that both sides take as they are. */
  readonly shared: Readonly<Record<string, unknown>>;
}

/** Where a sorted answer carries its position, to be merged by; taken off again before anyone sees it. */
const SORT_KEY = '_chronosSortKey';

/**
 * Yields what a query finds as of an instant: heads that were current already, and records that were current then.
 * Both sides are ordinary finds with the sort and limit of the whole, merged in the server's own order.
 */
export async function* readPast(
  store: Store,
  query: PastQuery,
  session: mongo.ClientSession,
): AsyncGenerator<RawDocument> {
  const heads = store.head.find(both(query.filter, headCurrentAt(query.at)), headOptions(query, session));
  const records = store.versions.find(
    both(recordFilter(query.filter) as Filter, recordCurrentAt(query.at)),
    recordOptions(query, session),
  );
  try {
    // The first answer of a snapshot session fixes the time of all others, so it has to be complete before the second.
    await heads.hasNext();
    const merged = query.sort === undefined ? inSequence(heads, records) : inOrder(store, heads, records, query);
    yield* within(merged, query.skip, query.limit);
  } finally {
    await Promise.all([heads.close(), records.close()]);
  }
}

type Cursor = AsyncIterable<RawDocument>;

function headOptions(query: PastQuery, session: mongo.ClientSession): mongo.FindOptions {
  const projection = shown(query, query.projection);
  const hint = query.hint === undefined ? {} : { hint: query.hint };
  return { ...sideOptions(query, session), ...hint, ...sorted(query, query.sort, projection) };
}

function recordOptions(query: PastQuery, session: mongo.ClientSession): mongo.FindOptions {
  const projection = shown(query, query.projection && recordProjection(query.projection));
  const sort = query.sort && recordSort(query.sort);
  return { ...sideOptions(query, session), ...sorted(query, sort, projection) };
}

function sideOptions({ shared, skip, limit }: PastQuery, session: mongo.ClientSession): mongo.FindOptions {
  return { ...shared, session, ...(limit === 0 ? {} : { limit: skip + limit }) };
}

function shown({ visible }: PastQuery, projection: RawDocument | undefined): RawDocument | undefined {
  return visible ? projection : hideInProjection(projection);
}

function sorted(
  { sort: wanted }: PastQuery,
  sort: RawDocument | undefined,
  projection: RawDocument | undefined,
): mongo.FindOptions {
  if (wanted === undefined) return projection === undefined ? {} : { projection };
  return { raw: true, sort: sort as mongo.Sort, projection: { ...projection, [SORT_KEY]: { $meta: 'sortKey' } } };
}

async function* inSequence(heads: Cursor, records: Cursor): AsyncGenerator<RawDocument> {
  yield* heads;
  for await (const record of records) yield asDocument(record);
}

/** Sorted answers are read raw: under a collation a sort key holds bytes that are no text and would not survive. */
async function* inOrder(
  store: Store,
  heads: Cursor,
  records: Cursor,
  { sort = {}, shared }: PastQuery,
): AsyncGenerator<RawDocument> {
  const directions = Object.values(sort).map(directionOf);
  const left = keyed(store, heads);
  const right = keyed(store, records);
  let head = await left.next();
  let record = await right.next();
  while (!head.done || !record.done) {
    const takeHead = record.done || (!head.done && compareSortKeys(head.value.key, record.value.key, directions) <= 0);
    const { bytes } = (takeHead ? head.value : record.value) as Keyed;
    const document = store.bson.deserialize(bytes, shared) as RawDocument;
    delete document[SORT_KEY];
    yield takeHead ? document : asDocument(document);
    if (takeHead) head = await left.next();
    else record = await right.next();
  }
}

interface Keyed {
  readonly bytes: Uint8Array;
  readonly key: unknown[];
}

async function* keyed(store: Store, cursor: Cursor): AsyncGenerator<Keyed, undefined> {
  for await (const document of cursor) {
    const bytes = document as unknown as Uint8Array;
    yield { bytes, key: topLevel(store.bson, bytes, SORT_KEY) as unknown[] };
  }
  return undefined;
}

function directionOf(order: unknown): 1 | -1 {
  return order === -1 || order === '-1' || order === 'desc' || order === 'descending' ? -1 : 1;
}

async function* within(documents: Cursor, skip: number, limit: number): AsyncGenerator<RawDocument> {
  let position = 0;
  for await (const document of documents) {
    position += 1;
    if (position > skip) yield document;
    if (limit > 0 && position === skip + limit) return;
  }
}

/** A record as the document it was: its `_id` is the document's again. */
export function asDocument(record: RawDocument): RawDocument {
  const id = record._id;
  if (typeof id === 'object' && id !== null && 'id' in id) record._id = id.id;
  return record;
}
