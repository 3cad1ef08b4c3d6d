/** Time is counted by these, all in UTC; weeks begin on Monday. */
export const UNITS = ['day', 'week', 'month'] as const;
export type Unit = (typeof UNITS)[number];

export const DAY_MS = 86_400_000;

/** The beginning of the day, week or month that a day is in. */
export function startOf(unit: Unit, day: Date): Date {
  const start = new Date(day);
  start.setUTCHours(0, 0, 0, 0);
  if (unit === 'week') start.setUTCDate(start.getUTCDate() - ((start.getUTCDay() + 6) % 7));
  if (unit === 'month') start.setUTCDate(1);
  return start;
}

/** The beginning of the next one. */
export function endOf(unit: Unit, start: Date): Date {
  const end = new Date(start);
  if (unit === 'month') end.setUTCMonth(end.getUTCMonth() + 1);
  else end.setUTCDate(end.getUTCDate() + (unit === 'week' ? 7 : 1));
  return end;
}

/** For how long each is kept after its end, in days, weeks and months; for ever where nothing is said. */
export interface BucketRetention {
  readonly days?: number | undefined;
  readonly weeks?: number | undefined;
  readonly months?: number | undefined;
}

/** The same in seconds. A month has 31 days there. */
export function keptSeconds({ days, weeks, months }: BucketRetention): Readonly<Record<Unit, number | undefined>> {
  const inSeconds = (count: number | undefined, length: number) =>
    count === undefined ? undefined : (count * length * DAY_MS) / 1000;
  return { day: inSeconds(days, 1), week: inSeconds(weeks, 7), month: inSeconds(months, 31) };
}
