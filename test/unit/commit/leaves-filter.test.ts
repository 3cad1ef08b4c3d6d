import { expect, test } from 'vitest';
import { leavesFilter } from '../../../src/commit/leaves-filter.ts';
import type { GroupableWrite } from '../../../src/commit/write-group.ts';

const update = (filter: object, spec: object) =>
  ({ kind: 'update', filter, change: { form: 'operators', spec } }) as unknown as GroupableWrite;
const now = new Date('2026-01-01T00:00:00Z');
const later = new Date('2026-01-01T00:01:00Z');

test.each<[object, object]>([
  [{ state: 'queued' }, { $set: { state: 'running' } }],
  [
    { state: { $in: ['queued', 'failed'] }, kind: 'mail' },
    { $set: { state: 'running' }, $inc: { tries: 1 } },
  ],
  [{ lockedUntil: { $lt: now } }, { $set: { lockedUntil: later } }],
  [{ lockedUntil: { $lte: now } }, { $set: { lockedUntil: later } }],
  [{ owner: null }, { $set: { owner: 'worker 1' } }],
  [{ done: { $ne: true } }, { $set: { done: true } }],
  [{ rank: { $gt: 5 } }, { $set: { rank: 5 } }],
  [{ rank: { $gte: 5 } }, { $set: { rank: 'none' } }],
])('%j is left by %j', (filter, spec) => {
  expect(leavesFilter(update(filter, spec))).toBe(true);
});

test.each<[object, object]>([
  [{ state: 'queued' }, { $set: { state: 'queued' } }],
  [{ state: 'queued' }, { $inc: { tries: 1 } }],
  [{ state: 'queued' }, { $set: { other: 1 } }],
  [{ state: { $in: ['a', 'b'] } }, { $set: { state: 'b' } }],
  [{ state: { $in: [/^a/] } }, { $set: { state: 'b' } }],
  [{ state: /^q/ }, { $set: { state: 'running' } }],
  [{ lockedUntil: { $lt: later } }, { $set: { lockedUntil: now } }],
  [{ state: 'queued' }, { $set: { state: ['queued'] } }],
  [{ $or: [{ state: 'queued' }] }, { $set: { state: 'running' } }],
  [{ rank: 5 }, { $set: { rank: 5.0 } }],
])('%j may go on to match after %j', (filter, spec) => {
  expect(leavesFilter(update(filter, spec))).toBe(false);
});

test('a deleted document is gone, and what a pipeline does is not told', () => {
  expect(leavesFilter({ kind: 'delete', filter: {} } as GroupableWrite)).toBe(true);
  const change = { form: 'pipeline', stages: [{ $set: { state: 'running' } }] };
  expect(leavesFilter({ kind: 'update', filter: { state: 'queued' }, change } as unknown as GroupableWrite)).toBe(
    false,
  );
});
