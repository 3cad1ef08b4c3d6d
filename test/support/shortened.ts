import { createHash } from 'node:crypto';

const LONGEST = 100;

/** A value with long texts told by their length and hash, so that a test that fails can be read. */
export function shortened(value: unknown): unknown {
  if (typeof value === 'string') {
    if (value.length <= LONGEST) return value;
    return `${value.length} characters, sha256 ${createHash('sha256').update(value).digest('hex').slice(0, 16)}`;
  }
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shortened(inner)]));
}
