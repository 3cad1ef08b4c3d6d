import type { mongo, Schema } from 'mongoose';
import type { Store } from '../commit/store.ts';

/**
 * Where an interval is in the tree of intervals, and then, to leave out those at its node that do not hold the instant
 * without fetching them, its end and beginning. See `interval-tree.ts`.
 */
const INTERVAL = { '_system.node': 1, '_system.until': 1, '_system.updatedAt': 1 } as const;

/** Limits the index of all intervals to what is true of every record, so that it serves only queries that say it. */
const ALL = { partialFilterExpression: { '_system.ov': { $gte: 0 } } } as const;

/**
 * The indexes by which versions are found that were current at an instant: all of them, and for each of the schema's
 * indexes those with certain values, so that a filter finds its way into the past as it does into the present. Never
 * unique and never expiring.
 */
export function mirroredIndexes(schema: Schema): Store['indexes'] {
  const mirrored = schema.indexes().flatMap(([keys, { sparse, collation, partialFilterExpression }]) => {
    const entries = Object.entries(keys as Record<string, mongo.IndexDirection>);
    if (!entries.every(([path, direction]) => path !== '_id' && (direction === 1 || direction === -1))) return [];
    const kept = { sparse, collation, partialFilterExpression };
    const options = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
    return [[{ ...Object.fromEntries(entries), ...INTERVAL }, options] as const];
  });
  return [[INTERVAL, ALL], ...mirrored];
}
