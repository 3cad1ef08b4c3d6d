import { deepStrictEqual } from 'node:assert';

/** Ends a case whose subject is fast because it is wrong. */
export function expect(what: string, actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected, `${what}: expected ${String(expected)}, found ${String(actual)}`);
}
