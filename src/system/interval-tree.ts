/**
 * Finds the intervals that hold an instant through an ordinary index, however many there are before and after it:
 * a relational interval tree (Kriegel, Pötke, Seidl, VLDB 2000). Time in milliseconds is the in-order numbering of a
 * balanced binary tree; an interval is kept at its topmost node, which is the number in it that the most powers of two
 * divide. An interval that holds an instant is then kept at one of the some 50 nodes above that instant.
 */

/** Milliseconds from year 0 on; the tree spans some 35,000 years from there. */
const BASE = Date.parse('0000-01-01T00:00:00Z');
const LEVELS = 50;
const LAST = 2 ** LEVELS - 1;

/**
 * The node at which the interval `[from, until)` is kept; undefined for an empty interval, which holds no instant.
 * Times outside of the tree count as its ends, so that their intervals are found too, together with others.
 *
 * @param from undefined for an interval without a beginning
 */
export function nodeOf(from: Date | undefined, until: Date): number | undefined {
  if (from !== undefined && from >= until) return undefined;
  const first = from === undefined ? 0 : position(from.getTime());
  const last = position(until.getTime() - 1);
  if (first === 0) return 0;
  let step = 1;
  while (Math.floor(last / (step * 2)) * step * 2 >= first) step *= 2;
  return Math.floor(last / step) * step;
}

/**
 * The nodes at which the intervals that hold an instant are kept. Those of the intervals there that end after the
 * instant hold it, at a node up to it; and those that begin by the instant, at a node after it.
 */
export function nodesAbove(at: Date): { readonly upTo: readonly number[]; readonly after: readonly number[] } {
  const target = position(at.getTime());
  const nodes = [0, ...Array.from({ length: LEVELS }, (_, level) => nodeOfLevel(target, 2 ** level))];
  return { upTo: nodes.filter((node) => node <= target), after: nodes.filter((node) => node > target) };
}

/** Whether a time has a place of its own in the tree. */
export function isInTree(time: Date): boolean {
  return time.getTime() >= BASE && time.getTime() < BASE + LAST;
}

function nodeOfLevel(target: number, step: number): number {
  return (Math.floor(target / (step * 2)) * 2 + 1) * step;
}

function position(time: number): number {
  return Math.min(Math.max(time - BASE, 0), LAST);
}
