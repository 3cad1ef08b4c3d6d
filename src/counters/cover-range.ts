import { DAY_MS, endOf, startOf, type Unit } from './bucket.ts';

/** Days from the first to the last one, both counted. */
export interface DayRange {
  readonly from: Date;
  readonly to: Date;
}

/** Beginnings of the days, weeks and months that together make a range. */
export type Cover = Readonly<Record<Unit, readonly Date[]>>;

const LARGEST_FIRST = ['month', 'week', 'day'] as const;

/**
 * The fewest buckets that make a range, each of them kept.
 *
 * @param isKept whether what ended then is still there
 * @returns the first day for which there is none any more, where that is so
 */
export function coverRange({ from, to }: DayRange, isKept: (unit: Unit, end: Date) => boolean): Cover | Date {
  const cover: Record<Unit, Date[]> = { day: [], week: [], month: [] };
  const end = to.getTime() + DAY_MS;
  for (let at = from; at.getTime() < end; ) {
    const start = at;
    const fits = (unit: Unit) =>
      startOf(unit, start).getTime() === start.getTime() &&
      endOf(unit, start).getTime() <= end &&
      isKept(unit, endOf(unit, start));
    const unit = LARGEST_FIRST.find(fits);
    if (unit === undefined) return at;
    cover[unit].push(at);
    at = endOf(unit, at);
  }
  return cover;
}
