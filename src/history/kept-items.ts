/** Positions of an item that stays, in the sequence before and in the one after. */
export interface Kept {
  readonly before: number;
  readonly after: number;
}

/** Up to so many pairs of equal items all of them are tried; beyond, only the first with the first, second with second. */
const MAX_PAIRS = 250_000;

interface Link extends Kept {
  readonly previous: Link | undefined;
}

/**
 * The items that stay where as few as possible are taken out and put in: a longest common subsequence, in ascending
 * positions and the same each time. Equal items are equal numbers.
 *
 * It is found as the longest ascending chain of pairs of equal items (Hunt and Szymanski, 1977), so the time grows with
 * those pairs, not with the product of the lengths. A sequence with too many of them (long and with few different
 * items) may get a somewhat shorter answer.
 */
export function keptItems(before: readonly number[], after: readonly number[]): readonly Kept[] {
  const partners = partnersOf(before, after);
  /** At `length - 1`, the chain of that length that leaves most of `after` to come. */
  const chains: Link[] = [];
  for (const [position, candidates] of partners.entries()) {
    // From the last to the first, so that no chain takes two partners of one item.
    for (const partner of candidates) {
      const shorter = firstNotBefore(chains, partner);
      chains[shorter] = { before: position, after: partner, previous: chains[shorter - 1] };
    }
  }
  const kept: Kept[] = [];
  for (let link = chains.at(-1); link !== undefined; link = link.previous) kept.push(link);
  return kept.reverse();
}

/** The number of chains that end before a position in `after`. */
function firstNotBefore(chains: readonly Link[], position: number): number {
  let low = 0;
  let high = chains.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chains[middle] as Link).after < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** For each item of `before` the positions in `after` it may be paired with, descending. */
function partnersOf(before: readonly number[], after: readonly number[]): readonly (readonly number[])[] {
  const positions = positionsOf(after);
  const all = before.map((item) => positions.get(item) ?? []);
  if (all.reduce((sum, { length }) => sum + length, 0) <= MAX_PAIRS) return all;
  const taken = new Map<number, number>();
  return before.map((item) => {
    const occurrence = (taken.get(item) ?? 0) + 1;
    taken.set(item, occurrence);
    const partner = positions.get(item)?.at(-occurrence);
    return partner === undefined ? [] : [partner];
  });
}

function positionsOf(items: readonly number[]): ReadonlyMap<number, readonly number[]> {
  const positions = new Map<number, number[]>();
  for (let position = items.length - 1; position >= 0; position--) {
    const item = items[position] as number;
    const known = positions.get(item);
    if (known === undefined) positions.set(item, [position]);
    else known.push(position);
  }
  return positions;
}
