import type { mongo } from 'mongoose';
import { compareSortKeys } from '../bson/compare.ts';
import { topLevel } from '../bson/exact.ts';
import type { Store } from '../commit/store.ts';
import type { RawDocument } from '../types.ts';
import { asDocument, findHeads, findRecords, type PastQuery, SORT_KEY } from './past-query.ts';
import { directionOf } from './sort.ts';

/**
 * Yields what a query finds as of an instant: heads that were current already, and records that were current then.
 * Both sides are ordinary finds with the sort and limit of the whole, merged in the server's own order.
 */
export async function* readPast(
  store: Store,
  query: PastQuery,
  session: mongo.ClientSession,
): AsyncGenerator<RawDocument> {
  const heads = findHeads(store, query, session);
  const records = findRecords(store, query, session);
  try {
    await firstAnswer(heads);
    const merged = query.sort === undefined ? inSequence(heads, records) : inOrder(store, heads, records, query);
    yield* within(merged, query.skip, query.limit);
  } finally {
    await Promise.all([heads.close(), records.close()]);
  }
}

/** The same all at once, which is several times as fast as one by one. */
export async function readAllPast(
  store: Store,
  query: PastQuery,
  session: mongo.ClientSession,
): Promise<RawDocument[]> {
  const heads = findHeads(store, query, session);
  const records = findRecords(store, query, session);
  try {
    await firstAnswer(heads);
    const parallel = !session.inTransaction();
    const [left, right] = parallel
      ? await Promise.all([heads.toArray(), records.toArray()])
      : [await heads.toArray(), await records.toArray()];
    const { skip, limit, sort } = query;
    const merged = sort === undefined ? [...left, ...right.map(asDocument)] : mergedInOrder(store, left, right, query);
    return merged.slice(skip, limit === 0 ? undefined : skip + limit);
  } finally {
    await Promise.all([heads.close(), records.close()]);
  }
}

/** The first answer of a snapshot session fixes the time of all others, so it has to be complete before the second. */
async function firstAnswer(cursor: mongo.FindCursor): Promise<void> {
  await cursor.hasNext();
}

type Cursor = AsyncIterable<RawDocument>;

async function* inSequence(heads: Cursor, records: Cursor): AsyncGenerator<RawDocument> {
  yield* heads;
  for await (const record of records) yield asDocument(record);
}

async function* inOrder(store: Store, heads: Cursor, records: Cursor, query: PastQuery): AsyncGenerator<RawDocument> {
  const headComesFirst = orderOf(query);
  const left = keyed(store, heads);
  const right = keyed(store, records);
  let head = await left.next();
  let record = await right.next();
  while (!head.done || !record.done) {
    if (head.done !== true && (record.done === true || headComesFirst(head.value, record.value))) {
      yield documentOf(store, head.value, query);
      head = await left.next();
    } else {
      yield asDocument(documentOf(store, record.value as Keyed, query));
      record = await right.next();
    }
  }
}

function mergedInOrder(
  store: Store,
  heads: readonly RawDocument[],
  records: readonly RawDocument[],
  query: PastQuery,
): RawDocument[] {
  const headComesFirst = orderOf(query);
  const left = heads.map((head) => keyedOf(store, head));
  const right = records.map((record) => keyedOf(store, record));
  const end = query.limit === 0 ? left.length + right.length : query.skip + query.limit;
  const merged: RawDocument[] = [];
  let [i, j] = [0, 0];
  while (merged.length < end && (i < left.length || j < right.length)) {
    const [head, record] = [left[i], right[j]];
    if (head !== undefined && (record === undefined || headComesFirst(head, record))) {
      merged.push(documentOf(store, head, query));
      i += 1;
    } else {
      merged.push(asDocument(documentOf(store, record as Keyed, query)));
      j += 1;
    }
  }
  return merged;
}

/** A sorted document as bytes, and where it stands in the order. */
interface Keyed {
  readonly bytes: Uint8Array;
  readonly key: readonly unknown[];
}

async function* keyed(store: Store, cursor: Cursor): AsyncGenerator<Keyed, undefined> {
  for await (const document of cursor) yield keyedOf(store, document);
  return undefined;
}

function keyedOf(store: Store, raw: RawDocument): Keyed {
  const bytes = raw as unknown as Uint8Array;
  return { bytes, key: topLevel(store.bson, bytes, SORT_KEY) as unknown[] };
}

function documentOf(store: Store, { bytes }: Keyed, { shared }: PastQuery): RawDocument {
  // Under a collation the sort key is no text, though it says so.
  const validation = { utf8: { [SORT_KEY]: false as const } };
  const document = store.bson.deserialize(bytes, { ...decodingOf(store), ...shared, validation }) as RawDocument;
  delete document[SORT_KEY];
  return document;
}

/** How the app has told the driver to decode documents. */
function decodingOf({ head }: Store): object {
  return (head as unknown as { bsonOptions: { raw?: boolean } }).bsonOptions;
}

function orderOf({ sort }: PastQuery): (head: Keyed, record: Keyed) => boolean {
  const directions = [...(sort?.values() ?? [])].map(directionOf);
  return (head, record) => compareSortKeys(head.key, record.key, directions) <= 0;
}

async function* within(documents: Cursor, skip: number, limit: number): AsyncGenerator<RawDocument> {
  let position = 0;
  for await (const document of documents) {
    position += 1;
    if (position > skip) yield document;
    if (limit > 0 && position === skip + limit) return;
  }
}
