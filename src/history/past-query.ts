import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import type { ReadPlan } from '../offload/read-plan.ts';
import { hideInProjection } from '../system/hide.ts';
import type { RawDocument } from '../types.ts';
import type { Point } from './instant.ts';
import { both, headCurrentAt } from './interval.ts';
import { recordProjection } from './record-paths.ts';
import { recordSearch } from './record-search.ts';
import { recordSort, type Sort } from './sort.ts';

/** What a read of the past asks for. */
export interface PastQuery {
  readonly filter: Filter;
  readonly at: Point;
  /** Whether `_system` shows. */
  readonly visible: boolean;
  readonly sort?: Sort | undefined;
  readonly projection?: RawDocument | undefined;
  readonly skip: number;
  /** 0 stands for no limit, as it does for the server. */
  readonly limit: number;
  readonly hint?: mongo.Hint | undefined;
  /** Name no index of the versions: the collection may be there before its indexes are. */
  readonly unhinted?: true;
  /** Only the plans are wanted, which have to be decoded. */
  readonly explaining?: true;
  /** Options that both sides take as they are. */
  readonly shared: Readonly<Record<string, unknown>>;
}

/** Where a sorted answer carries its position, to be merged by; taken off again before anyone sees it. */
export const SORT_KEY = '_chronosSortKey';

/** The heads a query finds: those that were current already. Sorted ones come as bytes, with their sort key. */
export function findHeads(store: Store, query: PastQuery, session: mongo.ClientSession | undefined): mongo.FindCursor {
  const { filter, at, sort, hint } = query;
  const plan = planOf(store, query, query.projection);
  const options = sideOptions(query, sort, plan.projection, session);
  const heads = store.head.find(both(filter, headCurrentAt(at)), hint === undefined ? options : { ...options, hint });
  return store.payload?.finishing(heads, plan.finish) ?? heads;
}

/** The version records a query finds: those that were current then. */
export function findRecords(
  store: Store,
  query: PastQuery,
  session: mongo.ClientSession | undefined,
): mongo.FindCursor {
  const { at, projection } = query;
  const plan = planOf(store, query, projection && recordProjection(projection));
  const { filter, hint } = recordSearch(store, query.filter, at, query.sort !== undefined && query.limit > 0);
  const sort = query.sort && recordSort(query.sort);
  const options = sideOptions(query, sort, plan.projection, session);
  const records = store.versions.find(filter, hint === undefined || query.unhinted ? options : { ...options, hint });
  return store.payload?.finishing(records, plan.finish) ?? records;
}

/** How documents are read: without `_system` unless it shows, and with what of them is in object storage. */
export function planOf(
  { payload }: Store,
  { visible }: Pick<PastQuery, 'visible'>,
  projection: RawDocument | undefined,
): ReadPlan {
  if (payload !== undefined) return payload.readPlan(projection, visible, [SORT_KEY]);
  return { projection: visible ? projection : hideInProjection(projection), finish: undefined };
}

function sideOptions(
  { shared, skip, limit, explaining }: PastQuery,
  sort: Sort | undefined,
  projection: RawDocument | undefined,
  session: mongo.ClientSession | undefined,
): mongo.FindOptions {
  return {
    ...shared,
    ...(session === undefined ? {} : { session }),
    ...(limit === 0 ? {} : { limit: skip + limit }),
    ...(sort === undefined && projection !== undefined ? { projection } : {}),
    ...(sort === undefined ? {} : sortedOptions(sort, projection)),
    ...(explaining === true ? { raw: false } : {}),
  };
}

/** Sorted answers are read raw: under a collation a sort key holds bytes that are no text and would not survive. */
function sortedOptions(sort: Sort, projection: RawDocument | undefined): mongo.FindOptions {
  return {
    raw: true,
    sort: sort as Map<string, mongo.SortDirection>,
    projection: { ...projection, [SORT_KEY]: { $meta: 'sortKey' } },
  };
}

/** Bookkeeping that a version has only since it is over. */
const OF_RECORDS = ['until', 'untilCv', 'node', 'compact', 'thawed'];

/** What takes a record, in a pipeline, to the document it was. */
export const RECORD_STAGES: readonly RawDocument[] = [
  { $set: { _id: '$_id.id' } },
  { $unset: OF_RECORDS.map((field) => `_system.${field}`) },
];

/** A record as the document it was: its `_id` is the document's again. */
export function asDocument(record: RawDocument): RawDocument {
  const { _id: id, _system: system } = record;
  if (typeof id === 'object' && id !== null && 'id' in id) record._id = id.id;
  if (typeof system === 'object' && system !== null) {
    for (const field of OF_RECORDS) delete (system as RawDocument)[field];
  }
  return record;
}
