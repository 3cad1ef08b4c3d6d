import type { Filter } from '../commit/captured-write.ts';
import { nodesAbove } from '../system/interval-tree.ts';
import type { Point } from './instant.ts';

/**
 * Versions are half-open intervals `[from, until)`. The head's has no end yet; a document from before the plugin has no
 * beginning either, and `$not: { $gt }` holds for it as it does for one that began by then.
 */
export function headCurrentAt(at: Point): Filter {
  return begunBy(at);
}

/** Tombstones have no end and are never current. Which nodes hold the interval only tells indexes where to look. */
export function recordCurrentAt(at: Point): Filter {
  if (!(at instanceof Date)) return recordEndsAfter(at);
  const { upTo, after } = nodesAbove(at);
  return {
    $or: [
      { '_system.node': { $in: upTo }, '_system.until': { $gt: at } },
      { '_system.node': { $in: after }, ...begunBy(at) },
    ],
    ...recordEndsAfter(at),
  };
}

/** The same without the tree, for the records of a few documents. */
export function recordEndsAfter(at: Point): Filter {
  const ended = at instanceof Date ? { '_system.until': { $gt: at } } : { '_system.untilCv': { $gt: at.cv } };
  return { ...ended, ...begunBy(at) };
}

/** What had begun at an instant, and may have ended since. */
export function begunBy(at: Point): Filter {
  return at instanceof Date
    ? { '_system.updatedAt': { $not: { $gt: at } } }
    : { '_system.cv': { $not: { $gt: at.cv } } };
}

/** Both conditions, without letting one's operators fall into the other's. */
export function both(filter: Filter, condition: Filter): Filter {
  return Object.keys(filter).length === 0 ? condition : { $and: [filter, condition] };
}
