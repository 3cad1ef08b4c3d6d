import type { Filter } from '../commit/captured-write.ts';

/**
 * Versions are half-open intervals `[from, until)`. The head's has no end yet; a document from before the plugin has no
 * beginning either, and `$not: { $gt }` holds for it as it does for one that began by then.
 */
export function headCurrentAt(at: Date): Filter {
  return { '_system.updatedAt': { $not: { $gt: at } } };
}

/** Tombstones have no `until` and are never current. */
export function recordCurrentAt(at: Date): Filter {
  return { '_system.until': { $gt: at }, '_system.updatedAt': { $not: { $gt: at } } };
}

/** Both conditions, without letting one's operators fall into the other's. */
export function both(filter: Filter, condition: Filter): Filter {
  return Object.keys(filter).length === 0 ? condition : { $and: [filter, condition] };
}
