import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import type { ReadPlan } from '../offload/read-plan.ts';
import { isAggregationSlice } from '../system/hide.ts';
import type { RawDocument } from '../types.ts';
import { both, headCurrentAt } from './interval.ts';
import { type PastQuery, planOf, RECORD_STAGES } from './past-query.ts';
import { recordSearch } from './record-search.ts';
import { recordSort, type Sort, sortStage } from './sort.ts';

/** A read of the past in one command, and so in one snapshot: half the work of two, and nothing to merge. */
export interface Union {
  readonly collection: Store['head'];
  readonly stages: readonly RawDocument[];
  readonly options: mongo.AggregateOptions;
  /** What is made of its rows. */
  readonly finish: ReadPlan['finish'];
}

/**
 * The union that answers a query. Undefined for a projection that only a find can do, and where the server would have
 * to be told an index on both sides. Not for transactions, in which the server has no `$unionWith`.
 */
export function unionOf(store: Store, query: PastQuery): Union | undefined {
  const { filter, at, sort, skip, limit, hint, shared, visible } = query;
  const { projection, finish } = planOf(store, query, query.projection);
  const found = recordSearch(store, filter, at, sort !== undefined && limit > 0);
  const search = query.unhinted === true ? { filter: found.filter, hint: undefined } : found;
  if (isOfFindOnly(projection) || (hint !== undefined && search.hint !== undefined)) return undefined;

  const heads = [{ $match: both(filter, headCurrentAt(at)) }, ...topOf(query, sort)];
  const bySort = sort && recordSort(sort);
  const asDocuments = visible || finish !== undefined ? RECORD_STAGES : RECORD_STAGES.slice(0, 1);
  const records = [{ $match: search.filter }, ...topOf(query, bySort), ...asDocuments];

  const recordsFirst = search.hint !== undefined;
  const [first, second] = recordsFirst ? [records, heads] : [heads, records];
  const [collection, other] = recordsFirst ? [store.versions, store.head] : [store.head, store.versions];
  const used = search.hint ?? hint;
  return {
    collection,
    stages: [
      ...first,
      { $unionWith: { coll: other.collectionName, pipeline: second } },
      ...(sort === undefined ? [] : [sortStage(sort)]),
      ...(skip === 0 ? [] : [{ $skip: skip }]),
      ...(limit === 0 ? [] : [{ $limit: limit }]),
      ...projecting(projection),
    ],
    finish,
    options: { ...shared, ...(used === undefined ? {} : { hint: used }), readConcern: { level: 'snapshot' } },
  };
}

/** The best of each side contain the best of both. */
function topOf({ skip, limit }: PastQuery, sort: Sort | undefined): RawDocument[] {
  if (limit === 0) return [];
  return [...(sort === undefined ? [] : [sortStage(sort)]), { $limit: skip + limit }];
}

function projecting(projection: RawDocument | undefined): RawDocument[] {
  if (projection === undefined || Object.keys(projection).length === 0) return [];
  return [{ $project: projection }];
}

/** `{ 'items.$': 1 }`, `{ tags: { $slice: 3 } }`, `{ items: { $elemMatch: … } }` and `{ score: { $meta: … } }`. */
function isOfFindOnly(projection: RawDocument | undefined): boolean {
  return Object.entries(projection ?? {}).some(
    ([path, value]) => path.endsWith('.$') || (typeof value === 'object' && value !== null && namesFindOperator(value)),
  );
}

function namesFindOperator(value: object): boolean {
  return '$elemMatch' in value || '$meta' in value || ('$slice' in value && !isAggregationSlice(value));
}
