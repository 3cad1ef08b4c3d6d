import type { mongo, Schema } from 'mongoose';
import type { Store } from '../commit/store.ts';

const NODE = '_system.node';
const UNTIL = '_system.until';
const FROM = '_system.updatedAt';

/** Limit indexes to what is true of every record they are for, so that they serve only queries that say it. */
const OF_ALL_INTERVALS = { '_system.ov': { $gte: 0 } } as const;
const IN_ORDER = { '_id.ov': { $gte: 0 } } as const;
const BY_UNTIL = { [UNTIL]: { $exists: true } } as const;
const BY_FROM = { [FROM]: { $exists: true } } as const;

type Index = readonly [keys: Record<string, mongo.IndexDirection>, options: mongo.CreateIndexesOptions];

/**
 * The indexes by which versions are found that were current at an instant, among all of them and by the fields of each
 * of the schema's indexes, so that a filter finds its way into the past as it does into the present. Never unique and
 * never expiring. See `interval-tree.ts` for why there are two behind a field: with either alone, and the other end of
 * the interval as a further key, a search reads four times as many keys as it finds.
 */
export function mirroredIndexes(schema: Schema): Store['indexes'] {
  const mirrored = schema.indexes().flatMap(([keys, { collation, partialFilterExpression }]) => {
    const entries = Object.entries(keys as Record<string, mongo.IndexDirection>);
    if (!entries.every(([path, direction]) => path !== '_id' && (direction === 1 || direction === -1))) return [];
    const kept = Object.entries({ collation, partialFilterExpression });
    return mirroredIndex(entries, Object.fromEntries(kept.filter(([, value]) => value !== undefined)));
  });
  const differing = new Map(mirrored.map((index) => [JSON.stringify(index), index]));
  return [[{ [NODE]: 1, [UNTIL]: 1, [FROM]: 1 }, { partialFilterExpression: OF_ALL_INTERVALS }], ...differing.values()];
}

/**
 * An index of several fields is mirrored once more: behind its first field the tree is searched once for each value of
 * that, behind all of them for each document; but only the latter has the documents in the order of the index.
 */
function mirroredIndex(fields: [string, mongo.IndexDirection][], options: mongo.CreateIndexesOptions): Index[] {
  const first = Object.fromEntries(fields.slice(0, 1));
  const inOrder = { ...Object.fromEntries(fields), [NODE]: 1, [UNTIL]: 1, [FROM]: 1 };
  const limitedTo = (condition: object) => ({
    ...options,
    partialFilterExpression: { ...options.partialFilterExpression, ...condition },
  });
  return [
    [{ ...first, [NODE]: 1, [UNTIL]: 1 }, limitedTo(BY_UNTIL)],
    [{ ...first, [NODE]: 1, [FROM]: 1 }, limitedTo(BY_FROM)],
    ...(fields.length > 1 ? [[inOrder, limitedTo(IN_ORDER)] as const] : []),
  ];
}
