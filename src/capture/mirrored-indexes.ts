import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { mongo, Schema } from 'mongoose';
import type { Store } from '../commit/store.ts';
import { BY_INTERVAL, IN_ORDER, OF_ALL_INTERVALS, type VersionIndex } from '../system/version-indexes.ts';

const NODE = '_system.node';
const UNTIL = '_system.until';
const FROM = '_system.updatedAt';

/** True of every record that was current for a while: each side of the tree is searched by one of them. */
const BY_UNTIL = { [UNTIL]: { $exists: true } } as const;
const BY_FROM = { [FROM]: { $exists: true } } as const;

/** Of a collection's 64 indexes, those that are left beside the one of `_id` and the two of `versionIndexes`. */
const MAX_INDEXES = 61;
const MAX_FIELDS = 32;

type Keys = readonly [path: string, direction: mongo.IndexDirection][];

/**
 * The indexes by which versions are found that were current at an instant, among all of them and by the fields of each
 * of the schema's indexes, so that a filter finds its way into the past as it does into the present. Never unique and
 * never expiring, and no more than the server takes: without one a read of the past is slow, but a write that finds the
 * collection without room for it would fail. See `interval-tree.ts` for why there are two behind a field: with either alone, and the other end of
 * the interval as a further key, a search reads four times as many keys as it finds.
 *
 * @param tenantField leads them all, where tenants share the collection
 */
export function mirroredIndexes(schema: Schema, tenantField?: string): Store['indexes'] {
  const of: MirroredOf = [schema.indexes(), tenantField];
  const before = known.get(schema);
  if (before !== undefined && isDeepStrictEqual(before.of, of)) return before.mirrored;
  const mirrored = mirror(...of);
  known.set(schema, { of, mirrored });
  return mirrored;
}

type MirroredOf = [indexes: ReturnType<Schema['indexes']>, tenantField: string | undefined];

/** One schema may have models in the data of thousands of tenants. */
const known = new WeakMap<Schema, { readonly of: MirroredOf; readonly mirrored: Store['indexes'] }>();

function mirror(...[indexes, tenantField]: MirroredOf): Store['indexes'] {
  const leading: Keys = tenantField === undefined ? [] : [[tenantField, 1]];
  const mirrored = indexes.flatMap(([keys, { collation, partialFilterExpression }]) => {
    const entries = Object.entries(keys as Record<string, mongo.IndexDirection>);
    if (!entries.every(isMirrored)) return [];
    const kept = Object.entries({ collation, partialFilterExpression });
    const own = entries.filter(([path]) => path !== tenantField);
    if (own.length === 0) return [];
    return mirroredIndex(leading, own, Object.fromEntries(kept.filter(([, value]) => value !== undefined)));
  });
  const differing = new Map(mirrored.map((index) => [JSON.stringify(index), index]));
  const ofAll: VersionIndex = [
    { ...Object.fromEntries(leading), ...BY_INTERVAL },
    { partialFilterExpression: OF_ALL_INTERVALS },
  ];
  return [ofAll, ...differing.values()].slice(0, MAX_INDEXES);
}

/** A wildcard stands for no field, and may not be in an index with others. */
function isMirrored([path, direction]: [string, mongo.IndexDirection]): boolean {
  return path !== '_id' && !path.endsWith('$**') && (direction === 1 || direction === -1);
}

/**
 * An index of several fields is mirrored once more: behind its first field the tree is searched once for each value of
 * that, behind all of them for each document; but only the latter has the documents in the order of the index.
 */
function mirroredIndex(leading: Keys, fields: Keys, options: mongo.CreateIndexesOptions): VersionIndex[] {
  const first = Object.fromEntries([...leading, ...fields.slice(0, 1)]);
  const inOrder = { ...Object.fromEntries([...leading, ...fields]), ...BY_INTERVAL };
  const hasRoom = Object.keys(inOrder).length <= MAX_FIELDS;
  return [
    limited({ ...first, [NODE]: 1, [UNTIL]: 1 }, options, BY_UNTIL),
    limited({ ...first, [NODE]: 1, [FROM]: 1 }, options, BY_FROM),
    ...(fields.length > 1 && hasRoom ? [limited(inOrder, options, IN_ORDER)] : []),
  ];
}

/**
 * An index limited to what a condition holds for, and to what the schema's own is limited to. The server names indexes
 * by their keys; those that differ from others of the same keys by their options need a name that tells them apart.
 */
function limited(keys: VersionIndex[0], options: mongo.CreateIndexesOptions, condition: object): VersionIndex {
  const partialFilterExpression = { ...options.partialFilterExpression, ...condition };
  if (Object.keys(options).length === 0) return [keys, { partialFilterExpression }];
  const digest = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 8);
  return [keys, { ...options, partialFilterExpression, name: `${Object.entries(keys).flat().join('_')}_${digest}` }];
}
