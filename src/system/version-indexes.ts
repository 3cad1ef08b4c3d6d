import type { mongo } from 'mongoose';

/**
 * Names and indexes of a collection of versions: what is made with them when it is created is what searches rely on.
 */

/** The collection that keeps the versions of another one's documents. */
export function versionsOf(collection: string): string {
  return `${collection}_ver`;
}

/** All versions of a document, in their order. */
export const BY_ID = { '_id.id': 1, '_id.ov': 1 } as const;
/** The version of a document that was current at an instant: the first to end after it. */
export const BY_ID_AND_END = { '_id.id': 1, '_system.until': 1 } as const;
/** All versions that were current at an instant, as `interval-tree.ts` finds them. */
export const BY_INTERVAL = { '_system.node': 1, '_system.until': 1, '_system.updatedAt': 1 } as const;

/**
 * Conditions that are true of every record. An index that is limited to what one of them says serves the queries that
 * say it too, and is none to choose for the others.
 */
export const OF_ALL_INTERVALS = { '_system.ov': { $gte: 0 } } as const;
export const IN_ORDER = { '_id.ov': { $gte: 0 } } as const;

/** The two that the library itself relies on; those that mirror a schema's come beside them. */
export const OWN_INDEXES: readonly VersionIndex[] = [
  [BY_ID, { unique: true }],
  [BY_ID_AND_END, {}],
];

export type VersionIndex = readonly [
  keys: Readonly<Record<string, mongo.IndexDirection>>,
  options: mongo.CreateIndexesOptions,
];
