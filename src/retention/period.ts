import type { ManifestPeriod } from '../config/options.ts';

/** The day on which the period begins that an instant is in, such as `2026-02-01`. Weeks begin on Monday. */
export function periodOf(at: Date, period: ManifestPeriod): string {
  const first = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), firstDay(at, period)));
  // Years before 100 are not what the constructor makes of them.
  first.setUTCFullYear(at.getUTCFullYear(), at.getUTCMonth(), firstDay(at, period));
  return first.toISOString().slice(0, -'T00:00:00.000Z'.length);
}

function firstDay(at: Date, period: ManifestPeriod): number {
  const day = at.getUTCDate();
  if (period === 'daily') return day;
  return period === 'weekly' ? day - ((at.getUTCDay() + 6) % 7) : 1;
}
