import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { isPlainObject } from '../plain-object.ts';
import { isAllIds } from '../system/rows.ts';
import { BY_ID_AND_END, IN_ORDER, OF_ALL_INTERVALS } from '../system/version-indexes.ts';
import type { RawDocument } from '../types.ts';
import type { Point } from './instant.ts';
import { both, recordCurrentAt, recordCurrentInOrder, recordEndsAfter } from './interval.ts';
import { recordFilter } from './record-paths.ts';

/** How version records are looked for. */
export interface RecordSearch {
  readonly filter: Filter;
  readonly hint?: mongo.Hint;
}

/**
 * The records that a filter finds as of an instant. The server is to choose between indexes only where it has to for
 * the same query of the present: left with more, it tries them out, and may keep to the one that was best for another
 * instant.
 *
 * 1. By ids, the first versions of each that end after the instant are read.
 * 2. By fields of which at least one may lead an index, the tree of intervals behind those fields is searched.
 * 3. Anything else, up to all documents, is looked for among all intervals that hold the instant.
 *
 * @param inOrder the first few in an order are wanted, which an index of that order may give sooner than any of these
 */
export function recordSearch(store: Store, given: Filter, at: Point, inOrder: boolean): RecordSearch {
  const filter = inOrder ? given : byTenantField(given);
  const condition = recordFilter(filter);
  if (namesIds(filter)) return { filter: both(condition, recordEndsAfter(at)), hint: BY_ID_AND_END };
  if (inOrder) return { filter: { ...recordCurrentInOrder(at, condition), ...IN_ORDER } };
  const indexed = pathsOf(filter).some(
    (path) => isOfId(path) || store.indexes.some(([keys]) => leads(keys, path, store.tenantField)),
  );
  return { filter: recordCurrentAt(at, indexed ? condition : { ...condition, ...OF_ALL_INTERVALS }) };
}

function namesIds({ _id: id }: Filter): boolean {
  if (id === undefined || id === null || id instanceof RegExp) return false;
  if (!isPlainObject(id)) return true;
  const operators = Object.keys(id).filter((key) => key.startsWith('$'));
  return operators.every((operator) => operator === '$eq' || operator === '$in');
}

function pathsOf(filter: Filter): string[] {
  return Object.entries(filter).flatMap(([key, value]) =>
    Array.isArray(value) && key.startsWith('$') ? value.flatMap((part: Filter) => pathsOf(part)) : [key],
  );
}

/** Whether a path is the first that an index tells documents apart by: the field of the tenant is the same in all. */
function leads(keys: mongo.IndexSpecification, path: string, tenantField: string | undefined): boolean {
  return Object.keys(keys).find((key) => key !== tenantField) === path;
}

function isOfId(path: string): boolean {
  return path.startsWith('_id') && path !== TENANT;
}

const TENANT = '_id.t';

/**
 * Where a tenant's ids are asked for as a range, the field that names the tenant finds the records, and the range would
 * be one index too many to choose from, unless the order may be that of the ids; that they are the tenant's is told by
 * their ids all the same.
 */
function byTenantField(filter: Filter): Filter {
  const { _id: id, ...rest } = filter as RawDocument;
  return isAllIds(id) ? ({ ...rest, [TENANT]: { $eq: id.$gte.t } } as Filter) : filter;
}
