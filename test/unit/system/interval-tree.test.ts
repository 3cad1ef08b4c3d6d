import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeOf, nodesAbove as split } from '../../../src/system/interval-tree.ts';

function nodesAbove(at: Date): number[] {
  const { upTo, after } = split(at);
  return [...upTo, ...after];
}

const times = fc.oneof(
  fc.date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31T23:59:59.999Z') }),
  fc.integer({ min: 0, max: 40 }).map((ms) => new Date(Date.parse('2026-01-01') + ms)),
  fc.integer({ min: 0, max: 3 }).map((ms) => new Date(Date.parse('0000-01-01') + ms)),
  fc.constantFrom(new Date(-8.64e15), new Date(8.64e15), new Date('+040000-01-01'), new Date(0)),
);
const intervals = fc
  .tuple(fc.option(times, { nil: undefined }), times)
  .filter(([from, until]) => !from || from < until);

test('an interval that holds an instant is kept at a node above it', () => {
  fc.assert(
    fc.property(intervals, times, ([from, until], at) => {
      if ((from !== undefined && at < from) || at >= until) return;
      expect(nodesAbove(at)).toContain(nodeOf(from, until));
    }),
    { numRuns: 3_000 },
  );
});

test('its first and its last millisecond are no exceptions', () => {
  fc.assert(
    fc.property(intervals, ([from, until]) => {
      const node = nodeOf(from, until);
      if (from !== undefined) expect(nodesAbove(from)).toContain(node);
      if (until.getTime() > -8.64e15) expect(nodesAbove(new Date(until.getTime() - 1))).toContain(node);
    }),
    { numRuns: 3_000 },
  );
});

test('at a node up to the instant the end tells whether an interval holds it, at one after it the beginning', () => {
  fc.assert(
    fc.property(intervals, times, ([from, until], at) => {
      const node = nodeOf(from, until) ?? -1;
      const { upTo, after } = split(at);
      const found = (upTo.includes(node) && until > at) || (after.includes(node) && (from === undefined || from <= at));
      expect(found && node > 0).toBe((from === undefined || from <= at) && at < until && node > 0);
    }),
    { numRuns: 3_000 },
  );
});

test('an empty interval is kept nowhere', () => {
  const at = new Date('2026-01-01');
  expect(nodeOf(at, at)).toBeUndefined();
});

test('few of the intervals kept above an instant do not hold it', () => {
  const day = 86_400_000;
  const starts = Array.from({ length: 1000 }, (_, n) => Date.parse('2020-01-01') + n * day);
  const above = new Set(nodesAbove(new Date('2021-06-01T12:00:00Z')));
  const found = starts.filter((start) => above.has(nodeOf(new Date(start), new Date(start + day)) ?? -1));
  expect(found.length).toBeLessThan(12);
});
