import type { Filter } from '../commit/captured-write.ts';
import { isInTree, nodesAbove } from '../system/interval-tree.ts';
import type { Point } from './instant.ts';

/**
 * Versions are half-open intervals `[from, until)`. The head's has no end yet; a document from before the plugin has no
 * beginning either, and `$not: { $gt }` holds for it as it does for one that began by then.
 */
export function headCurrentAt(at: Point): Filter {
  return begunBy(at);
}

/**
 * The records that meet a condition and were current. Tombstones have no end and never are. The tree of intervals has
 * two sides, each with an index of its own, and the condition is said on either: the server plans the members of an
 * outermost `$or` one by one, where around the `$or` it would try out all combinations of indexes.
 */
export function recordCurrentAt(at: Point, condition: Filter = {}): Filter {
  if (!(at instanceof Date)) return both(condition, { ...ENDED, ...recordEndsAfter(at) });
  const { upTo, after } = nodesAbove(at);
  // What is kept on one side ends after the instant, and on the other it has begun; a tree that ends earlier cannot tell.
  const rest = isInTree(at) ? {} : recordEndsAfter(at);
  return {
    $or: [
      both(condition, { ...rest, '_system.node': { $in: upTo }, '_system.until': { $gt: at } }),
      both(condition, { ...rest, '_system.node': { $in: after }, '_system.updatedAt': { $lte: at } }),
    ],
  };
}

/** By collection version there is no tree; this much lets the indexes of the tree serve for what stands before it. */
const ENDED: Filter = { '_system.until': { $exists: true } };

/** The same for an index whose order is wanted: the keys of one index have to tell whether a record was current. */
export function recordCurrentInOrder(at: Point, condition: Filter): Filter {
  return both(condition, { ...(at instanceof Date ? recordCurrentAt(at) : {}), ...recordEndsAfter(at) });
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
