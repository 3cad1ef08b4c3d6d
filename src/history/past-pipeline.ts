import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import { operatorOf } from '../system/hide.ts';
import type { RawDocument } from '../types.ts';
import type { Point } from './instant.ts';
import { headCurrentAt, recordCurrentAt } from './interval.ts';
import { recordFilter, recordSort } from './record-paths.ts';

/** Stages that read another collection, or this one's present. */
const JOINS = new Set(['$lookup', '$graphLookup', '$unionWith']);
const INDEX_BOUND = new Set(['$geoNear', '$search', '$searchMeta', '$vectorSearch']);

/**
 * The pipeline that gives, on the head's collection, what the given one would have given at an instant: the documents
 * current then, from both sides, and on them the given stages. Leading `$match` stages, and a `$sort` with its `$limit`,
 * are done on each side first, where there are indexes.
 */
export function pastPipeline(
  store: Store,
  pipeline: readonly RawDocument[],
  at: Point,
  visible: boolean,
): RawDocument[] {
  for (const stage of pipeline) refuseUnanswerable(stage);
  const matches = leadingMatches(pipeline);
  const rest = pipeline.slice(matches.length);
  const top = topOf(rest);
  const records = [
    { $match: recordCurrentAt(at) },
    ...matches.map((stage) => ({ $match: recordFilter(stage.$match as RawDocument) })),
    ...top.map((stage) => ('$sort' in stage ? { $sort: recordSort(stage.$sort as RawDocument) } : stage)),
    { $set: { _id: '$_id.id' } },
  ];
  return [
    { $match: headCurrentAt(at) },
    ...matches,
    ...top,
    { $unionWith: { coll: store.versions.collectionName, pipeline: records } },
    ...(visible ? [] : [{ $unset: '_system' }]),
    ...rest,
  ];
}

function leadingMatches(pipeline: readonly RawDocument[]): RawDocument[] {
  const end = pipeline.findIndex((stage) => operatorOf(stage) !== '$match');
  return end === -1 ? [...pipeline] : pipeline.slice(0, end);
}

/** The best of each side contain the best of both: `$sort`, `$skip` and `$limit` become `$sort` and a longer `$limit`. */
function topOf([sort, second, third]: readonly RawDocument[]): RawDocument[] {
  if (sort === undefined || !('$sort' in sort) || second === undefined) return [];
  if ('$limit' in second) return [sort, second];
  if (!('$skip' in second) || third === undefined || !('$limit' in third)) return [];
  return [sort, { $limit: Number(second.$skip) + Number(third.$limit) }];
}

function refuseUnanswerable(stage: RawDocument): void {
  const operator = operatorOf(stage);
  if (INDEX_BOUND.has(operator)) {
    throw new ConfigError({
      message: `Cannot use ${operator} as of a past instant: versions have no such index. Filter with $match and $geoWithin or $regex instead`,
    });
  }
  if (JOINS.has(operator)) {
    throw new ConfigError({
      message: `Cannot use ${operator} as of a past instant: it would join the present. Read with asOf(at).find() and populate(), which reads references at the same instant`,
    });
  }
  if (operator === '$facet') {
    for (const inner of Object.values(stage.$facet as Record<string, RawDocument[]>)) inner.forEach(refuseUnanswerable);
  }
}
