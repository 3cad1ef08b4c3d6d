import { canonicalKey } from '../bson/canonical-key.ts';
import { isPlainObject } from '../plain-object.ts';
import type { Filter } from './captured-write.ts';

/** The `_id` a filter demands by equality, so that it can match this one document and no other. */
export function pinnedId(filter: Filter): unknown {
  const condition: unknown = filter._id;
  if (condition === undefined || condition === null || condition instanceof RegExp) return undefined;
  if (!isPlainObject(condition) || '_bsontype' in condition) return condition;
  const keys = Object.keys(condition);
  if (!keys.some((key) => key.startsWith('$'))) return condition;
  return keys.length === 1 && keys[0] === '$eq' ? condition.$eq : undefined;
}

/** A string that is equal for two ids exactly if the server holds them equal. */
export function idKey(id: unknown): string {
  return canonicalKey(id);
}

/**
 * The filter narrowed to one document that is known to match it. Positional operators still need its other parts. Under
 * a collation other ids may equal a text: a pattern tells it from them.
 */
export function pinnedTo(filter: Filter, id: unknown, collation?: unknown): Filter {
  const exactly = hasTwins(id, collation) ? { $regex: `\\A${escaped(id as string)}\\z` } : {};
  return { ...filter, _id: { $eq: id, ...exactly } } as Filter;
}

/** Whether other ids may be equal to one, although they are not the same. */
export function hasTwins(id: unknown, collation: unknown): boolean {
  return typeof id === 'string' && collation !== undefined && collation !== null;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
