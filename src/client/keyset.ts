import { compareValues } from '../bson/compare.ts';
import { isTagged, type Kind, kindOf, kinds } from '../bson/kind.ts';
import { ConfigError } from '../errors.ts';
import type { RawDocument } from '../types.ts';

/** One property of a sort. */
export interface SortKey {
  readonly path: string;
  readonly direction: 1 | -1;
}

/**
 * By what a document is sorted under a path: of a list the least of its items, or the greatest where the sort descends.
 * What is missing counts as null, and an empty list as undefined, as they do for the server.
 */
export function sortValue(document: RawDocument, { path, direction }: SortKey): unknown {
  const [first, ...rest] = valuesAt(document, path.split('.'));
  return rest.reduce((found, value) => (compareValues(value, found) * direction < 0 ? value : found), first);
}

function valuesAt(value: unknown, [name, ...rest]: readonly string[]): unknown[] {
  if (name === undefined) return Array.isArray(value) ? (value.length === 0 ? [undefined] : value) : [value ?? null];
  if (Array.isArray(value))
    return value.length === 0 ? [null] : value.flatMap((item) => valuesAt(item, [name, ...rest]));
  if (typeof value !== 'object' || value === null || isTagged(value) || !Object.hasOwn(value, name)) return [null];
  return valuesAt((value as RawDocument)[name], rest);
}

type Condition = RawDocument;

/**
 * The documents that come after a position in a sort.
 *
 * @throws ConfigError for a pattern, which the server sorts by and does not compare with
 */
export function afterPosition(keys: readonly SortKey[], values: readonly unknown[]): Condition {
  if (values.some((value) => kindOf(value) === 'regex')) {
    throw new ConfigError({ message: 'Cannot go on after a document that is sorted by a regular expression' });
  }
  const alternatives = keys.map((key, index) => {
    const tied = keys
      .slice(0, index)
      .flatMap((before, at) => [notBefore(before, values[at]), equal(before, values[at])]);
    return { $and: [...tied, after(key, values[index])] };
  });
  // Says nothing new, but lets the server begin at the right place of an index.
  const [first] = keys as readonly [SortKey];
  return { $and: [notBefore(first, values[0]), { $or: alternatives }] };
}

/** No item of what is at the path comes before the value; nor is it one that is equal. */
function after(key: SortKey, value: unknown): Condition {
  return { $nor: [...before(key, value), equal(key, value)] };
}

function notBefore(key: SortKey, value: unknown): Condition {
  const conditions = before(key, value);
  return conditions.length === 0 ? {} : { $nor: conditions };
}

function equal({ path }: SortKey, value: unknown): Condition {
  if (value === undefined) return { [path]: { $size: 0 } };
  return value === null ? { [path]: null } : { [path]: { $eq: value } };
}

/** The ways in which something at the path comes before a value. Operators compare within one kind of values alone. */
function before({ path, direction }: SortKey, value: unknown): Condition[] {
  const kind = kindOf(value);
  const rank = kinds.indexOf(kind);
  const others = direction === 1 ? kinds.slice(0, rank) : kinds.slice(rank + 1);
  const types = others.flatMap((other) => TYPES[other] ?? []);
  const operator = direction === 1 ? '$lt' : '$gt';
  return [
    ...(types.length === 0 ? [] : [{ [path]: { $type: types } }]),
    ...(others.includes('null') ? [{ [path]: null }] : []),
    ...(others.includes('undefined') ? [{ [path]: { $size: 0 } }] : []),
    ...(TYPES[kind] === undefined ? [] : [{ [path]: { [operator]: value } }]),
  ];
}

/** What the server calls the types of each kind. A list is sorted by its items; of null and undefined see above. */
const TYPES: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  minKey: ['minKey'],
  number: ['double', 'int', 'long', 'decimal'],
  string: ['string', 'symbol'],
  object: ['object'],
  binary: ['binData'],
  objectId: ['objectId'],
  boolean: ['bool'],
  date: ['date'],
  timestamp: ['timestamp'],
  regex: ['regex'],
  code: ['javascript'],
  maxKey: ['maxKey'],
};
