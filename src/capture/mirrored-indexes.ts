import type { mongo, Schema } from 'mongoose';
import type { Store } from '../commit/store.ts';

/**
 * The schema's indexes as they are kept on the versions: led by the same fields, so that a filter finds its way into
 * the past as it does into the present, and followed by the end of the interval. Never unique and never expiring.
 */
export function mirroredIndexes(schema: Schema): Store['indexes'] {
  return schema.indexes().flatMap(([keys, { sparse, collation, partialFilterExpression }]) => {
    const entries = Object.entries(keys as Record<string, mongo.IndexDirection>);
    if (!entries.every(([path, direction]) => path !== '_id' && (direction === 1 || direction === -1))) return [];
    const kept = { sparse, collation, partialFilterExpression };
    const options = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
    return [[{ ...Object.fromEntries(entries), '_system.until': 1 }, options] as const];
  });
}
