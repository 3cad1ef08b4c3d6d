import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { BY_ID_AND_END, IN_ORDER, OF_ALL_INTERVALS } from '../system/version-indexes.ts';
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
export function recordSearch(store: Store, filter: Filter, at: Point, inOrder: boolean): RecordSearch {
  const condition = recordFilter(filter);
  if (namesIds(filter)) return { filter: both(condition, recordEndsAfter(at)), hint: BY_ID_AND_END };
  if (inOrder) return { filter: { ...recordCurrentInOrder(at, condition), ...IN_ORDER } };
  const indexed = pathsOf(filter).some(
    (path) => path.startsWith('_id') || store.indexes.some(([keys]) => leads(keys, path)),
  );
  return { filter: recordCurrentAt(at, indexed ? condition : { ...condition, ...OF_ALL_INTERVALS }) };
}

function namesIds({ _id: id }: Filter): boolean {
  if (id === undefined || id === null || id instanceof RegExp) return false;
  if (typeof id !== 'object' || Object.getPrototypeOf(id) !== Object.prototype) return true;
  const operators = Object.keys(id).filter((key) => key.startsWith('$'));
  return operators.every((operator) => operator === '$eq' || operator === '$in');
}

function pathsOf(filter: Filter): string[] {
  return Object.entries(filter).flatMap(([key, value]) =>
    Array.isArray(value) && key.startsWith('$') ? value.flatMap((part: Filter) => pathsOf(part)) : [key],
  );
}

function leads(keys: mongo.IndexSpecification, path: string): boolean {
  return Object.keys(keys)[0] === path;
}
