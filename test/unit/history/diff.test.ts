import fc from 'fast-check';
import mongoose from 'mongoose';
import { applyPatch } from 'rfc6902';
import { describe, expect, it } from 'vitest';
import { equalValues } from '../../../src/bson/equality.ts';
import { decodeExact, type ExactDocument } from '../../../src/bson/exact.ts';
import { toExtendedJson } from '../../../src/bson/extended-json.ts';
import type { Path } from '../../../src/format-path.ts';
import { type DocumentChange, diffDocuments } from '../../../src/history/diff.ts';
import { toJsonPatch } from '../../../src/history/json-patch.ts';
import { oddRawDocuments } from '../../support/bson-arbitrary.ts';
import { cpuTime } from '../../support/cpu-time.ts';

const bson = mongoose.mongo.BSON;
const { Binary, Decimal128, Double, Long, ObjectId, Timestamp, UUID } = bson;
/** For properties and large inputs on a machine with other work. */
const SLOW = 60_000;

const decimal = (text: string) => Decimal128.fromString(text);

type Container = Record<string, unknown> | Map<string, unknown> | unknown[];

/** Applies changes one after the other, as their order promises is possible. */
function applyChanges(document: ExactDocument, changes: readonly DocumentChange[]): ExactDocument {
  const copy = deepCopy(document) as ExactDocument;
  for (const change of changes) {
    const container = change.path.slice(0, -1).reduce<unknown>(valueIn, copy) as Container;
    applyTo(container, change.path.at(-1) as string | number, change);
  }
  return copy;
}

function applyTo(container: Container, step: string | number, change: DocumentChange): void {
  if (Array.isArray(container)) {
    const inserted = change.op === 'remove' ? [] : [change.after];
    expect(Number(step)).toBeLessThanOrEqual(container.length);
    const [removed] = container.splice(Number(step), change.op === 'add' ? 0 : 1, ...inserted);
    if (change.op !== 'add') expect(equalValues(removed, change.before)).toBe(true);
  } else if (container instanceof Map) {
    if (change.op === 'remove') container.delete(String(step));
    else container.set(String(step), change.after);
  } else {
    Object.defineProperty(container, step, {
      value: change.op === 'remove' ? undefined : change.after,
      configurable: true,
      enumerable: change.op !== 'remove',
      writable: true,
    });
  }
}

function valueIn(container: unknown, step: string | number): unknown {
  if (container instanceof Map) return container.get(String(step));
  return (container as Record<string, unknown>)[step];
}

function deepCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepCopy);
  if (value instanceof Map) return new Map([...value].map(([key, field]) => [key, deepCopy(field)]));
  if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, field]) => [key, deepCopy(field)]));
}

const scalar = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom('a', 'b', null, true, 0.5, new Date(0), new Date(1), new ObjectId('507f1f77bcf86cd799439011')),
);
const jsonLike = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 8 }),
    tie('document'),
    fc.tuple(fc.integer({ min: 0, max: 4 }), tie('document')).map(([_id, fields]) => ({ ...(fields as object), _id })),
  ),
  document: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'x/y', '~', '', '1'), tie('value'), { maxKeys: 5 }),
}));
const documents = jsonLike.document as fc.Arbitrary<Record<string, unknown>>;

describe('diffDocuments', () => {
  it(
    'leads from the one document to the other',
    () => {
      fc.assert(
        fc.property(documents, documents, (a, b) => {
          expect(equalValues(applyChanges(a, diffDocuments(a, b)), b)).toBe(true);
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it(
    'does so for documents of every type under any keys',
    () => {
      fc.assert(
        fc.property(oddRawDocuments, oddRawDocuments, (bytesA, bytesB) => {
          const [a, b] = [decodeExact(bson, bytesA), decodeExact(bson, bytesB)];
          expect(equalValues(applyChanges(a, diffDocuments(a, b)), b)).toBe(true);
          expect(diffDocuments(a, decodeExact(bson, bytesA))).toEqual([]);
        }),
        { numRuns: 500 },
      );
    },
    SLOW,
  );

  it('leaves its inputs as they are and gives the same answer again', () => {
    fc.assert(
      fc.property(documents, documents, (a, b) => {
        const [copyA, copyB] = [deepCopy(a), deepCopy(b)];
        const changes = diffDocuments(a, b);
        expect(diffDocuments(copyA as typeof a, copyB as typeof b)).toEqual(changes);
        expect([a, b]).toEqual([copyA, copyB]);
      }),
    );
  });

  it('names what was added, removed and replaced, in the order of the fields', () => {
    const before = { a: 1, b: { c: 'x', d: 'y' }, gone: [1] };
    const after = { fresh: null, b: { d: 'z', c: 'x' }, a: 1 };
    expect(diffDocuments(before, after)).toEqual([
      { op: 'replace', path: ['b', 'd'], before: 'y', after: 'z' },
      { op: 'remove', path: ['gone'], before: [1] },
      { op: 'add', path: ['fresh'], after: null },
    ]);
  });

  it('takes undefined for missing', () => {
    expect(diffDocuments({ a: undefined, b: 1 }, { b: undefined, c: undefined })).toEqual([
      { op: 'remove', path: ['b'], before: 1 },
    ]);
  });

  it.each([
    [new ObjectId('507f1f77bcf86cd799439011'), new ObjectId('507f1f77bcf86cd799439012')],
    [new Date(1), new Date(2)],
    [decimal('1.10'), decimal('1.2')],
    [Buffer.from('a'), Buffer.from('b')],
    [new Binary(Buffer.from('a'), 0), new Binary(Buffer.from('a'), 5)],
    [new UUID('00000000-0000-4000-8000-000000000000'), new UUID('00000000-0000-4000-8000-000000000001')],
    [Long.fromString('9007199254740993'), Long.fromString('9007199254740992')],
    [new Timestamp({ t: 1, i: 1 }), new Timestamp({ t: 1, i: 2 })],
    [/a/, /a/i],
    [[], {}],
    [0, false],
  ])('compares %o as one value', (before, after) => {
    expect(diffDocuments({ v: before }, { v: before })).toEqual([]);
    expect(diffDocuments({ v: before }, { v: after })).toEqual([{ op: 'replace', path: ['v'], before, after }]);
  });

  it.each([
    [5, new Double(5)],
    [5, Long.fromNumber(5)],
    [decimal('1.10'), decimal('1.1')],
    [Number.NaN, Number.NaN],
    [0, -0],
    [Buffer.from('a'), new Binary(Buffer.from('a'))],
    [{ a: 1, b: 2 }, new Map([['b', 2], ['a', 1]])], // biome-ignore format: short
  ])('holds %o and %o equal', (before, after) => {
    expect(diffDocuments({ v: before }, { v: after })).toEqual([]);
  });
});

describe('diffDocuments in arrays', () => {
  const diffItems = (before: unknown[], after: unknown[]) => diffDocuments({ v: before }, { v: after });
  const at = (...path: Path) => ['v', ...path];

  it('sees an insertion at the front as one', () => {
    expect(diffItems([1, 2, 3], [0, 1, 2, 3])).toEqual([{ op: 'add', path: at(0), after: 0 }]);
  });

  it('sees items taken out as that, by the positions they had', () => {
    expect(diffItems(['a', 'b', 'c', 'd'], ['a', 'd'])).toEqual([
      { op: 'remove', path: at(2), before: 'c' },
      { op: 'remove', path: at(1), before: 'b' },
    ]);
  });

  it('sees an item changed in its place', () => {
    expect(diffItems(['a', 'b', 'c'], ['a', 'x', 'c'])).toEqual([
      { op: 'replace', path: at(1), before: 'b', after: 'x' },
    ]);
    expect(diffItems([{ sku: 'a', n: 1 }], [{ sku: 'a', n: 2 }])).toEqual([
      { op: 'replace', path: at(0, 'n'), before: 1, after: 2 },
    ]);
  });

  it('follows subdocuments by their id, to where they moved', () => {
    const [x, y, z] = [new ObjectId(), new ObjectId(), new ObjectId()];
    const before = [{ _id: x, n: 1 }, { _id: y, n: 2 }]; // biome-ignore format: short
    const after = [{ _id: z, n: 1 }, { _id: new ObjectId(x.toHexString()), n: 5 }]; // biome-ignore format: short
    expect(diffItems(before, after)).toEqual([
      { op: 'remove', path: at(1), before: before[1] },
      { op: 'add', path: at(0), after: after[0] },
      { op: 'replace', path: at(1, 'n'), before: 1, after: 5 },
    ]);
  });

  it('never takes a subdocument for another with a different id', () => {
    expect(diffItems([{ id: 1, n: 1 }], [{ id: 2, n: 1 }])).toEqual([
      { op: 'remove', path: at(0), before: { id: 1, n: 1 } },
      { op: 'add', path: at(0), after: { id: 2, n: 1 } },
    ]);
  });

  it(
    'makes as few changes as possible',
    () => {
      const items = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 7 });
      fc.assert(
        fc.property(items, items, (before, after) => {
          const changes = diffItems(before, after);
          const edits = changes.reduce((sum, { op }) => sum + (op === 'replace' ? 2 : 1), 0);
          expect(edits).toBe(before.length + after.length - 2 * longestCommon(before, after));
        }),
        { numRuns: 500 },
      );
    },
    SLOW,
  );

  it.each([
    ['an insertion at the front', (items: unknown[]) => ['new', ...items], 1],
    ['a thousand items moved to the end', (items: unknown[]) => [...items.slice(1000), ...items.slice(0, 1000)], 2000],
    [
      'every 100th item changed',
      (items: unknown[]) => items.map((item, i) => (i % 100 === 0 ? `${item}!` : item)),
      1000,
    ],
    ['all items changed', (items: unknown[]) => items.map((item) => `${item}!`), 100_000],
    ['the reverse', (items: unknown[]) => items.toReversed(), 199_998],
  ])(
    'takes less than 2 s for 100,000 items: %s',
    (_, edit, expected) => {
      const items = Array.from({ length: 100_000 }, (_, i) => `item ${i}`);
      const edited = edit(items);
      let changes: DocumentChange[] = [];
      expect(cpuTime(() => (changes = diffItems(items, edited)))).toBeLessThan(2000);
      expect(changes).toHaveLength(expected);
    },
    SLOW,
  );

  it(
    'takes less than 2 s for 100,000 items of few kinds',
    () => {
      const items = Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 10);
      const edited = [...items.slice(0, 50_000).reverse(), ...items.slice(50_000)];
      let changes: DocumentChange[] = [];
      expect(cpuTime(() => (changes = diffItems(items, edited)))).toBeLessThan(2000);
      expect(changes.length).toBeLessThan(50_000);
      expect(equalValues(applyChanges({ v: items }, changes), { v: edited })).toBe(true);
    },
    SLOW,
  );
});

describe('toJsonPatch', () => {
  it(
    'is applied by others with the same result',
    () => {
      fc.assert(
        fc.property(documents, documents, (a, b) => {
          const target = toExtendedJson(a);
          const errors = applyPatch(target, toJsonPatch(diffDocuments(a, b)) as Parameters<typeof applyPatch>[1]);
          expect(errors.filter((error) => error !== null)).toEqual([]);
          expect(target).toEqual(toExtendedJson(b));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it('has pointers for paths and Extended JSON for values', () => {
    const changes = diffDocuments(
      { 'a/b': [1], gone: 1 },
      { 'a/b': [1, { '~': new Date(0) }], id: new ObjectId('507f1f77bcf86cd799439011') },
    );
    expect(toJsonPatch(changes)).toEqual([
      { op: 'add', path: '/a~1b/1', value: { '~': { $date: '1970-01-01T00:00:00.000Z' } } },
      { op: 'remove', path: '/gone' },
      { op: 'add', path: '/id', value: { $oid: '507f1f77bcf86cd799439011' } },
    ]);
  });
});

function longestCommon(a: readonly number[], b: readonly number[]): number {
  const [head, ...rest] = a;
  if (head === undefined) return 0;
  const at = b.indexOf(head);
  return Math.max(longestCommon(rest, b), at < 0 ? 0 : 1 + longestCommon(rest, b.slice(at + 1)));
}
