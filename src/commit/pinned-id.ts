import { canonicalKey } from '../bson/compare.ts';
import type { Filter } from './captured-write.ts';

/** The `_id` a filter demands by equality, so that it can match this one document and no other. */
export function pinnedId(filter: Filter): unknown {
  const condition: unknown = filter._id;
  if (condition === undefined || condition === null || condition instanceof RegExp) return undefined;
  if (!isPlainObject(condition)) return condition;
  const keys = Object.keys(condition);
  if (!keys.some((key) => key.startsWith('$'))) return condition;
  return keys.length === 1 && keys[0] === '$eq' ? condition.$eq : undefined;
}

/** A string that is equal for two ids exactly if the server holds them equal. */
export function idKey(id: unknown): string {
  return canonicalKey(id);
}

/** The filter narrowed to one document that is known to match it. Positional operators still need its other parts. */
export function pinnedTo(filter: Filter, id: unknown): Filter {
  return { ...filter, _id: { $eq: id as never } };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !('_bsontype' in value);
}
