import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import { operatorOf } from '../system/hide.ts';
import { versionsOf } from '../system/version-indexes.ts';
import type { RawDocument } from '../types.ts';
import type { Point } from './instant.ts';
import { headCurrentAt, recordCurrentAt } from './interval.ts';
import { RECORD_STAGES } from './past-query.ts';
import { recordFilter, recordPath } from './record-paths.ts';
import { recordSearch } from './record-search.ts';
import { recordSort, sortOf } from './sort.ts';

/** Stages that the server allows only where there is an index or a collection that the past does not have. */
const UNANSWERABLE = new Map([
  ['$geoNear', 'versions have no such index. Filter with $match and $geoWithin instead'],
  ['$search', 'versions have no such index. Filter with $match and $regex instead'],
  ['$searchMeta', 'versions have no such index. Filter with $match and $regex instead'],
  ['$vectorSearch', 'versions have no such index. Filter with $match instead'],
  ['$graphLookup', 'it would follow references of the present. Read with asOf(at).find() and populate() instead'],
  ['$out', 'the server does not write from a snapshot. Read the result and write it with insertMany'],
  ['$merge', 'the server does not write from a snapshot. Read the result and write it with bulkWrite'],
  ['$changeStream', 'changes are of the present'],
  ['$collStats', 'statistics are of the present'],
  ['$indexStats', 'statistics are of the present'],
]);

/**
 * Turns pipelines into ones that give what the given one would have given at an instant. What they read from other
 * versioned collections is of that instant too.
 */
export class PastPipeline {
  /** The versioned collections that are read. */
  readonly collections = new Set<string>();
  readonly #store: Store;
  readonly #at: Point;
  readonly #visible: boolean;
  readonly #isVersioned: (collection: string) => boolean;

  constructor(store: Store, at: Point, visible: boolean, isVersioned: (collection: string) => boolean) {
    this.#store = store;
    this.#at = at;
    this.#visible = visible;
    this.#isVersioned = isVersioned;
  }

  /**
   * The documents of a collection that were current then, from both sides, and on them the given stages. Leading
   * `$match` stages, and a `$sort` with its `$limit`, are done on each side first, where there are indexes.
   */
  of(collection: string, pipeline: readonly RawDocument[]): RawDocument[] {
    this.collections.add(collection);
    const matches = leadingMatches(pipeline);
    const rest = pipeline.slice(matches.length);
    const top = topOf(rest);
    const records = [
      { $match: this.#records(collection, allOf(matches), top.length > 0) },
      ...top.map((stage) => ('$sort' in stage ? { $sort: sortOfRecords(stage.$sort) } : stage)),
      ...RECORD_STAGES,
    ];
    return [
      ...matches,
      { $match: headCurrentAt(this.#at) },
      ...top,
      { $unionWith: { coll: versionsOf(collection), pipeline: records } },
      ...this.#hiding(),
      ...this.#stages(rest),
    ];
  }

  /** Which indexes another collection has is not known here; it is searched as if one served. */
  #records(collection: string, filter: Filter, inOrder: boolean): Filter {
    if (collection === this.#store.head.collectionName) {
      return recordSearch(this.#store, filter, this.#at, inOrder).filter;
    }
    return recordCurrentAt(this.#at, recordFilter(filter));
  }

  #hiding(): RawDocument[] {
    return this.#visible ? [] : [{ $unset: '_system' }];
  }

  #stages(stages: readonly RawDocument[]): RawDocument[] {
    return stages.flatMap((stage) => this.#stage(stage));
  }

  #stage(stage: RawDocument): RawDocument[] {
    const operator = operatorOf(stage);
    const refusal = UNANSWERABLE.get(operator);
    if (refusal !== undefined) throw unanswerable(operator, refusal);
    switch (operator) {
      case '$lookup':
        return this.#lookup(stage.$lookup as Lookup);
      case '$unionWith':
        return [{ $unionWith: this.#union(stage.$unionWith as Union | string) }];
      case '$facet':
        return [{ $facet: this.#facets(stage.$facet as Readonly<Record<string, readonly RawDocument[]>>) }];
      default:
        return [stage];
    }
  }

  #facets(facets: Readonly<Record<string, readonly RawDocument[]>>): RawDocument {
    return Object.fromEntries(Object.entries(facets).map(([name, stages]) => [name, this.#stages(stages)]));
  }

  #union(union: Union | string): RawDocument {
    const { coll, pipeline = [] } = typeof union === 'string' ? { coll: union } : union;
    if (coll === undefined) return { pipeline: this.#stages(pipeline) };
    return { coll, pipeline: this.#isVersioned(coll) ? this.of(coll, pipeline) : this.#stages(pipeline) };
  }

  /**
   * A join by equal fields becomes two, one with the heads and one with the records; one by a pipeline alone reads both
   * in that pipeline. Where there are fields and a pipeline that is more than a filter, neither gives the same.
   */
  #lookup(lookup: Lookup): RawDocument[] {
    const { from, localField, foreignField, pipeline = [], as } = lookup;
    if (from === undefined || !this.#isVersioned(from)) {
      return [{ $lookup: pipeline.length === 0 ? lookup : { ...lookup, pipeline: this.#stages(pipeline) } }];
    }
    this.collections.add(from);
    if (localField === undefined || foreignField === undefined) {
      return [{ $lookup: { ...lookup, pipeline: this.of(from, pipeline) } }];
    }
    if (!pipeline.every((stage) => operatorOf(stage) === '$match')) {
      throw unanswerable(
        '$lookup with localField, foreignField and a pipeline of more than $match',
        'versions are joined apart from current documents. Move the other stages behind the $lookup',
      );
    }
    const heads = [{ $match: headCurrentAt(this.#at) }, ...pipeline, ...this.#hiding()];
    const matches = pipeline.map((stage) => ({ $match: recordFilter(stage.$match as RawDocument) }));
    const records = [{ $match: recordCurrentAt(this.#at) }, ...matches, ...RECORD_STAGES, ...this.#hiding()];
    return [
      { $lookup: { ...lookup, pipeline: heads } },
      {
        $lookup: {
          ...lookup,
          from: versionsOf(from),
          foreignField: recordPath(foreignField),
          pipeline: records,
          as: JOINED_RECORDS,
        },
      },
      { $set: { [as]: { $concatArrays: [`$${as}`, `$${JOINED_RECORDS}`] } } },
      { $unset: JOINED_RECORDS },
    ];
  }
}

interface Lookup {
  readonly from?: string;
  readonly localField?: string;
  readonly foreignField?: string;
  readonly pipeline?: readonly RawDocument[];
  readonly as: string;
}

interface Union {
  readonly coll?: string;
  readonly pipeline?: readonly RawDocument[];
}

/** Where a join keeps the records until they are put behind the heads. */
const JOINED_RECORDS = '_chronosJoined';

function leadingMatches(pipeline: readonly RawDocument[]): readonly RawDocument[] {
  const end = pipeline.findIndex((stage) => operatorOf(stage) !== '$match');
  return end === -1 ? pipeline : pipeline.slice(0, end);
}

function allOf(matches: readonly RawDocument[]): Filter {
  const filters = matches.map((stage) => stage.$match as Filter);
  return filters.length > 1 ? { $and: filters } : (filters[0] ?? {});
}

/** The best of each side contain the best of both: `$sort`, `$skip` and `$limit` become `$sort` and a longer `$limit`. */
function topOf([sort, second, third]: readonly RawDocument[]): RawDocument[] {
  if (sort === undefined || !('$sort' in sort) || second === undefined) return [];
  if ('$limit' in second) return [sort, second];
  if (!('$skip' in second) || third === undefined || !('$limit' in third)) return [];
  return [sort, { $limit: Number(second.$skip) + Number(third.$limit) }];
}

function sortOfRecords(sort: unknown): unknown {
  const sorted = sortOf(sort);
  return sorted === undefined ? sort : recordSort(sorted);
}

function unanswerable(operator: string, reason: string): ConfigError {
  return new ConfigError({ message: `Cannot use ${operator} as of a past instant: ${reason}` });
}
