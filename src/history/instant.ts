import { ConfigError } from '../errors.ts';
import type { Instant } from '../types.ts';

/** `2026-01-31`, `2026-01-31T12:00Z`, `2026-01-31T12:00:00.000+02:00`: a date, and a time only with its offset. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d))?$/;

/** A place in the history of a collection: a moment, or the state after the commit of that number. */
export type Point = Date | { readonly cv: number };

/** The date that an instant names. BSON would silently store an invalid date as 1970, so it is refused here. */
export function dateOf(at: Exclude<Instant, { cv: number }>): Date {
  const date = typeof at === 'string' && ISO.test(at) ? new Date(at) : at;
  if (date instanceof Date && !Number.isNaN(date.getTime())) return new Date(date);
  throw new ConfigError({
    message: `Cannot read as of ${describe(at)}: expected a valid Date, an ISO 8601 string with its offset, or { cv }`,
  });
}

export function isCollectionVersion(at: unknown): at is { readonly cv: number } {
  return typeof at === 'object' && at !== null && 'cv' in at;
}

export function collectionVersionOf({ cv }: { readonly cv: number }): Point {
  if (Number.isSafeInteger(cv) && cv >= 0) return { cv };
  throw new ConfigError({ message: `Cannot read as of collection version ${cv}: expected a whole number from 0` });
}

function describe(at: unknown): string {
  if (at instanceof Date) return 'Invalid Date';
  if (typeof at === 'string') return JSON.stringify(at.slice(0, 40));
  return at === null ? 'null' : `a value of type ${typeof at}`;
}
