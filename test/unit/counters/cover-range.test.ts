import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DAY_MS, endOf, startOf, UNITS } from '../../../src/counters/bucket.ts';
import { type Cover, coverRange } from '../../../src/counters/cover-range.ts';

const day = (text: string) => new Date(`${text}T00:00:00Z`);
const days = fc.date({ min: day('1999-01-01'), max: day('2030-01-01'), noInvalidDate: true });
const counted = (cover: Cover | Date) =>
  cover instanceof Date ? cover : Object.fromEntries(UNITS.map((unit) => [unit, cover[unit].length]));

test('whole months and weeks stand for their days', () => {
  const all = () => true;
  expect(counted(coverRange({ from: day('2024-01-01'), to: day('2024-01-31') }, all))).toEqual({
    day: 0,
    week: 0,
    month: 1,
  });
  // From a Saturday on: two days, a week, and a day of the next one.
  expect(counted(coverRange({ from: day('2024-02-03'), to: day('2024-02-12') }, all))).toEqual({
    day: 3,
    week: 1,
    month: 0,
  });
});

test('a range is made of what is kept, or its first day that is not is told', () => {
  const january = { from: day('2024-01-01'), to: day('2024-01-31') };
  expect(counted(coverRange(january, (unit) => unit === 'day'))).toEqual({ day: 31, week: 0, month: 0 });
  expect(coverRange(january, (unit) => unit === 'week')).toEqual(day('2024-01-29'));
  expect(coverRange(january, () => false)).toEqual(day('2024-01-01'));
});

test('each day of a range is in exactly one of its buckets, and no other day is', () => {
  fc.assert(
    fc.property(days, fc.nat(800), (date, length) => {
      const from = startOf('day', date);
      const to = new Date(from.getTime() + length * DAY_MS);
      const cover = coverRange({ from, to }, () => true) as Cover;
      const buckets = UNITS.flatMap((unit) =>
        cover[unit].map((start) => [start.getTime(), endOf(unit, start).getTime()]),
      );
      const sorted = buckets.sort(([a = 0], [b = 0]) => a - b);
      expect(sorted[0]?.[0]).toBe(from.getTime());
      expect(sorted.at(-1)?.[1]).toBe(to.getTime() + DAY_MS);
      for (const [index, [, end]] of sorted.slice(0, -1).entries()) expect(sorted[index + 1]?.[0]).toBe(end);
    }),
  );
});
