import { isDeepStrictEqual } from 'node:util';
import type { mongo } from 'mongoose';
import { RouteMismatchError } from '../../errors.ts';
import type { RawDocument } from '../../types.ts';
import type { TenantRows } from './tenant-rows.ts';

type Keys = Record<string, unknown>;

/**
 * The keys of an index that tenants share: the field that names the tenant leads, so that what is unique is unique for
 * each of them, and a search meets nobody else's entries. The server allows no field before a wildcard or a `2d`.
 */
export function storedKeys(rows: Pick<TenantRows, 'field'>, given: unknown): Keys {
  const entries = entriesOf(given).map(([path, kind]): [string, unknown] => [
    path.startsWith('_id.') ? `_id.id${path.slice(3)}` : path,
    kind,
  ]);
  const [first, ...more] = entries;
  const isAlone = more.length === 0 && UNLED.some((path) => path === first?.[0] || first?.[0].endsWith(`.${path}`));
  if (first === undefined || first[0] === rows.field || isAlone) return Object.fromEntries(entries);
  if (first[1] === '2d') return { ...Object.fromEntries(entries), [rows.field]: 1 };
  return { [rows.field]: 1, ...Object.fromEntries(entries) };
}

/**
 * An index as it is made: under the name it would have had for one tenant, so that hints by name and errors find it. One
 * that is unique under a collation tells tenants apart by bytes as well, for there their names may be equal.
 */
export function storedIndex(
  rows: TenantRows,
  keys: unknown,
  options: mongo.CreateIndexesOptions = {},
): [Keys, mongo.CreateIndexesOptions] {
  const named: mongo.CreateIndexesOptions = { name: entriesOf(keys).flat().join('_'), ...options };
  // The server expires documents by an index of one field only.
  if (options.expireAfterSeconds !== undefined) {
    if (options.unique === true) throw notShared(rows, named.name);
    return [Object.fromEntries(entriesOf(keys)), named];
  }
  const stored = storedKeys(rows, keys);
  if (options.unique === true && !Object.hasOwn(stored, rows.field) && !isOfId(stored))
    throw notShared(rows, named.name);
  const byBytes = options.collation !== undefined && options.unique === true ? { '_id.t': 1 } : {};
  return [
    { ...stored, ...byBytes },
    options.sparse === true ? limited(named, Object.keys(shownKeys(rows, stored))) : named,
  ];
}

function isOfId(keys: Keys): boolean {
  return Object.keys(keys).every((path) => path === '_id');
}

function notShared(rows: TenantRows, name: string | undefined): RouteMismatchError {
  return new RouteMismatchError({
    message: `Cannot make the unique index ${name} in a collection that tenants share: it cannot be led by ${rows.field}, and would be unique across tenants`,
  });
}

/** A sparse index leaves out documents without any of its fields, of which there are none if one names the tenant. */
function limited(
  { sparse: _sparse, ...options }: mongo.CreateIndexesOptions,
  paths: readonly string[],
): mongo.CreateIndexesOptions {
  return { ...options, partialFilterExpression: withAnyOf(paths) };
}

function withAnyOf(paths: readonly string[]): RawDocument {
  const [only, ...more] = paths.map((path) => ({ [path]: { $exists: true } }));
  return more.length === 0 ? { ...only } : { $or: [only, ...more] };
}

/** An index as the app knows it. */
export function shownIndex(rows: TenantRows, { partialFilterExpression: partial, ...index }: RawDocument): RawDocument {
  const key = shownKeys(rows, index.key);
  const isSparse = isDeepStrictEqual(partial, withAnyOf(Object.keys(key)));
  return {
    ...index,
    key,
    ...(isSparse ? { sparse: true } : partial === undefined ? {} : { partialFilterExpression: partial }),
  };
}

export function shownKeys(rows: TenantRows, given: unknown): Keys {
  const keys = given as Keys;
  if (Object.keys(keys).length === 1) return keys;
  const { [rows.field]: _tenant, '_id.t': _bytes, ...shown } = keys;
  return Object.keys(shown).length === 0 ? keys : shown;
}

function entriesOf(keys: unknown): [string, unknown][] {
  if (typeof keys === 'string') return [[keys, 1]];
  if (keys instanceof Map) return [...(keys as Map<string, unknown>)];
  if (!Array.isArray(keys)) return Object.entries((keys ?? {}) as Keys);
  if (keys.length === 2 && typeof keys[0] === 'string' && (typeof keys[1] === 'number' || KINDS.has(keys[1])))
    return [[keys[0], keys[1]]];
  return (keys as unknown[]).flatMap((part) => entriesOf(part));
}

/** Keys that are an index, or a way to read, of their own. */
const UNLED = ['_id', '$**', '$natural'];

const KINDS = new Set<unknown>(['text', '2d', '2dsphere', 'hashed']);
