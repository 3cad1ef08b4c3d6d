import { expect, test } from 'vitest';
import { problemOfRouteKey, routeKey } from '../../../src/config/route-key.ts';
import { jumpHash } from '../../../src/tenancy/jump-hash.ts';
import { rendezvousHash } from '../../../src/tenancy/rendezvous-hash.ts';

const KEYS = Array.from({ length: 4_000 }, (_, n) => `tenant-${n}`);
const nodes = (count: number) => Array.from({ length: count }, (_, n) => `node-${n}`) as [string, ...string[]];

const byRendezvous = (key: string, count: number) => rendezvousHash(key, nodes(count));
const byJump = (key: string, count: number) => `node-${jumpHash(key, count)}`;

test.each([
  ['rendezvous', byRendezvous],
  ['jump', byJump],
])('%s spreads keys evenly, and a backend more takes its share and moves nothing else', (_, nodeOf) => {
  for (const count of [1, 4, 9]) {
    const before = KEYS.map((key) => nodeOf(key, count));
    const after = KEYS.map((key) => nodeOf(key, count + 1));
    for (const node of nodes(count)) {
      const share = before.filter((one) => one === node).length / KEYS.length;
      expect(share).toBeGreaterThan(0.8 / count);
      expect(share).toBeLessThan(1.2 / count);
    }
    const moved = KEYS.filter((_key, at) => before[at] !== after[at]);
    expect(moved.length / KEYS.length).toBeGreaterThan(0.8 / (count + 1));
    expect(moved.length / KEYS.length).toBeLessThan(1.2 / (count + 1));
    expect(new Set(moved.map((key) => nodeOf(key, count + 1)))).toEqual(new Set([`node-${count}`]));
  }
});

test('rendezvous asks for no order, and one backend less moves its own keys alone', () => {
  const all = nodes(5);
  const left = all.filter((node) => node !== 'node-2') as [string, ...string[]];
  for (const key of KEYS.slice(0, 1_000)) {
    const before = rendezvousHash(key, all);
    expect(rendezvousHash(key, [...all].reverse() as [string, ...string[]])).toBe(before);
    if (before !== 'node-2') expect(rendezvousHash(key, left)).toBe(before);
  }
});

test('the choices of this release are those of the next', () => {
  const chosen = ['a', 'b', 'acme', 'tenant-17', 'ünï'].map((key) => [byRendezvous(key, 4), byJump(key, 4)]);
  expect(chosen).toMatchInlineSnapshot(`
    [
      [
        "node-0",
        "node-1",
      ],
      [
        "node-1",
        "node-3",
      ],
      [
        "node-3",
        "node-1",
      ],
      [
        "node-2",
        "node-1",
      ],
      [
        "node-3",
        "node-0",
      ],
    ]
  `);
});

test('what is hashed is the first alternative of which something is there', () => {
  const rule = 'tenantId|dbName|collection:objectId';
  expect(routeKey(rule, { tenantId: 'a', dbName: 'b' })).toBe('a');
  expect(routeKey(rule, { dbName: 'b', collection: 'c', objectId: '1' })).toBe('b');
  expect(routeKey(rule, { collection: 'c', objectId: '1' })).toBe('c:1');
  expect(routeKey(rule, { tenantId: '', collection: 'c' })).toBe('c');
  expect(routeKey(rule, {})).toBeUndefined();
  expect(problemOfRouteKey(rule)).toBeUndefined();
  expect(problemOfRouteKey('tenantId|')).toMatch(/unknown part ""/);
  expect(problemOfRouteKey('planet:objectId')).toMatch(/"planet"/);
});
