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

/** The nodes at which the intervals that hold an instant are kept. */
export function nodesAbove(at: Date): number[] {
  const target = position(at.getTime());
  const nodes = [0];
  for (let level = 0; level < LEVELS; level++) {
    const step = 2 ** level;
    nodes.push((Math.floor(target / (step * 2)) * 2 + 1) * step);
  }
  return nodes;
}

function position(time: number): number {
  return Math.min(Math.max(time - BASE, 0), LAST);
}
