import { expect, test } from 'vitest';
import { countingRules } from '../../../src/client/counting-rules.ts';
import { ConfigError } from '../../../src/index.ts';

const rule = (when: Record<string, unknown>) => () => countingRules([{ name: 'wrong', when }]);

test.each([
  ['runs code', { $where: 'true' }],
  ['is an expression', { $expr: { $eq: ['$a', '$b'] } }],
  ['has an operator there is not', { a: { $similar: 1 } }],
  ['looks at an id', { $or: [{ a: 1 }, { _id: 1 }] }],
  ['looks at the bookkeeping', { '_system.ov': { $gt: 3 } }],
  ['has a pattern that is none', { a: { $not: { $regex: '(' } } }],
])('a rule that %s is refused by name', (_, when) => {
  expect(rule(when)).toThrow(ConfigError);
  expect(rule(when)).toThrow(/rule "wrong"/);
});

test('a condition is what it was when it was configured, and its dates stay dates', () => {
  const at = new Date('2026-01-01');
  const when = { at: { $gte: at }, status: 'active' };
  const [made] = countingRules([{ name: 'x', when }]);
  when.status = 'idle';
  expect(made?.when).toEqual({ at: { $gte: at }, status: 'active' });
  expect(made?.paths).toEqual(['at', 'status']);
});
