import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { equalValues } from '../../../src/bson/equality.ts';
import { decodeExact, type ExactDocument } from '../../../src/bson/exact.ts';
import { deepMerge, PatchRefused } from '../../../src/enrich/deep-merge.ts';
import { rawDocuments } from '../../support/bson-arbitrary.ts';
import { cpuTime } from '../../support/cpu-time.ts';

/** For properties and large inputs on a machine with other work. */
const SLOW = 60_000;

const bson = mongoose.mongo.BSON;
const { Binary, DBRef, Decimal128, Double, Long, ObjectId } = bson;
const decimal = (text: string) => Decimal128.fromString(text);
const hex = '507f1f77bcf86cd799439011';

const idOf = (n: number) => new ObjectId(n.toString(16).padStart(24, '0'));

const merge = (target: ExactDocument, patch: object) => deepMerge(target, patch as Record<string, unknown>);
const mergeValue = (current: unknown, patch: unknown) => (merge({ v: current }, { v: patch }) as { v: unknown }).v;

describe('deepMerge', () => {
  it.each([
    ['skips undefined', { a: 1, b: { c: 1 } }, { a: undefined, b: { c: undefined } }, { a: 1, b: { c: 1 } }],
    [
      'overwrites with null',
      { a: 1, b: [1], c: { d: 1 } },
      { a: null, b: null, c: null },
      { a: null, b: null, c: null },
    ],
    ['sets what is missing', { a: 1 }, { b: { c: [1, 1] } }, { a: 1, b: { c: [1, 1] } }],
    ['sets what is undefined', { a: undefined }, { a: 1 }, { a: 1 }],
    ['overwrites null', { a: null }, { a: { b: 1 } }, { a: { b: 1 } }],
    [
      'merges documents',
      { a: { b: 1, c: { d: 1 } } },
      { a: { c: { e: 2 }, f: 3 } },
      { a: { b: 1, c: { d: 1, e: 2 }, f: 3 } },
    ],
    ['replaces another type', { a: 1, b: { c: 1 } }, { a: { b: 1 }, b: 'x' }, { a: { b: 1 }, b: 'x' }],
    ['replaces a scalar by an array', { a: 1 }, { a: [1, 2] }, { a: [1, 2] }],
    [
      'leaves out what is undefined inside',
      {},
      { a: { b: undefined, c: 1 }, d: [1, undefined] },
      { a: { c: 1 }, d: [1] },
    ],
    ['changes nothing for an empty patch', { a: 1 }, {}, { a: 1 }],
  ])('%s', (_, target, patch, expected) => {
    expect(merge(target, patch)).toStrictEqual(expected);
  });

  it.each([
    [new ObjectId(hex), new ObjectId()],
    [new Date(1), new Date(2)],
    [decimal('1'), decimal('2')],
    [Buffer.from('a'), Buffer.from('b')],
    [new Binary(Buffer.from('a'), 5), new Binary(Buffer.from('b'), 5)],
    [new DBRef('a', new ObjectId(hex)), new DBRef('b', new ObjectId(hex))],
    [/a/, /b/],
    [{ a: 1 }, new ObjectId(hex)],
    [new Date(1), { a: 1 }],
    [5, new Double(5)],
  ])('replaces %o by %o as a value', (current, patch) => {
    expect(mergeValue(current, patch)).toStrictEqual(patch);
  });

  it('keeps the order of fields and adds new ones behind', () => {
    expect(Object.keys(merge({ c: 1, a: 1 }, { b: 1, a: 2, d: 1 }))).toEqual(['c', 'a', 'b', 'd']);
  });

  it('takes a Map for the document it is', () => {
    const target = new Map<string, unknown>([['b', { x: 1 }], ['1', new Map([['y', 1]])]]); // biome-ignore format: short
    expect(merge(target, { b: new Map([['z', 2]]), 1: { y: 2 } })).toEqual(new Map<string, unknown>([['b', { x: 1, z: 2 }], ['1', new Map([['y', 2]])]])); // biome-ignore format: short
  });

  it('takes what a toBSON or a class instance holds', () => {
    class Point {
      x = 1;
      y = undefined;
    }
    expect(
      merge({}, { a: { toBSON: () => new Date(0) }, b: new Point(), f: () => 1, n: { f: () => 1 } }),
    ).toStrictEqual({
      a: new Date(0),
      b: { x: 1 },
      n: {},
    });
  });
});

describe('deepMerge of arrays', () => {
  it.each([
    [
      [1, 2],
      [2, 3],
      [1, 2, 3],
    ],
    [
      [3, 1],
      [1, 2, 3, 2],
      [3, 1, 2],
    ],
    [['a'], ['A', 'a'], ['a', 'A']],
    [[1, 1], [1], [1, 1]],
    [[], [1, 1], [1]],
    [
      [Number.NaN, 0],
      [Number.NaN, -0],
      [Number.NaN, 0],
    ],
    [[1], ['1', true], [1, '1', true]],
    [[null], [null, undefined], [null]],
    [
      [new Double(5), Long.ONE],
      [5, 1, decimal('5.0')],
      [new Double(5), Long.ONE],
    ],
    [[new Date(1)], [new Date(1), new Date(2)], [new Date(1), new Date(2)]],
    [[new ObjectId(hex)], [new ObjectId(hex), hex], [new ObjectId(hex), hex]],
    [[Buffer.from('a')], [new Binary(Buffer.from('a')), Buffer.from('b')], [Buffer.from('a'), Buffer.from('b')]],
    [[[1]], [[1], [2]], [[1], [2]]],
    [[{ a: 1, b: 2 }], [{ b: 2, a: 1 }, { a: 1 }], [{ a: 1, b: 2 }, { a: 1 }]],
  ])('the union of %j and %j is %j', (target, patch, expected) => {
    expect(mergeValue(target, patch)).toStrictEqual(expected);
  });

  it('merges documents with the same id into the first that has it', () => {
    const id = new ObjectId(hex);
    expect(
      mergeValue([{ id: 'a', n: 1 }, { id: 'a' }, { id: 'b' }], [{ id: 'a', m: [1] }, { id: 'c' }, { id: 'c', n: 2 }]),
    ).toStrictEqual([{ id: 'a', n: 1, m: [1] }, { id: 'a' }, { id: 'b' }, { id: 'c', n: 2 }]);
    expect(mergeValue([{ id: 5, n: 1 }], [{ id: Long.fromNumber(5), n: 2 }])).toEqual([
      { id: Long.fromNumber(5), n: 2 },
    ]);
    expect(mergeValue([{ _id: id, n: 1 }], [{ _id: new ObjectId(hex), n: 2 }])).toEqual([{ _id: id, n: 2 }]);
  });

  it('goes by `id` before `_id`', () => {
    expect(
      mergeValue(
        [
          { id: 1, _id: 7 },
          { id: 2, _id: 8 },
        ],
        [{ id: 2, _id: 7, n: 1 }],
      ),
    ).toEqual([
      { id: 1, _id: 7 },
      { id: 2, _id: 7, n: 1 },
    ]);
    expect(mergeValue([{ id: 1, _id: 7 }], [{ id: 2, _id: 7 }])).toHaveLength(2);
    expect(mergeValue([{ id: 1, _id: 7 }], [{ _id: 7, n: 1 }])).toEqual([{ id: 1, _id: 7, n: 1 }]);
  });

  it('does not take an id and a string, an `id` and an `_id`, or an id of another type for the same', () => {
    expect(mergeValue([{ id: new ObjectId(hex) }], [{ id: hex }])).toHaveLength(2);
    expect(mergeValue([{ id: 1 }], [{ _id: 1 }])).toHaveLength(2);
    expect(mergeValue([{ id: '1' }], [{ id: 1 }])).toHaveLength(2);
    expect(
      mergeValue(
        [{ id: true, n: 1 }],
        [
          { id: true, n: 2 },
          { id: true, n: 1 },
        ],
      ),
    ).toHaveLength(2);
  });

  it('adds a single value that is not there', () => {
    expect(mergeValue([1], 1)).toEqual([1]);
    expect(mergeValue([1], 2)).toEqual([1, 2]);
    expect(mergeValue([{ id: 1 }], { id: 1, n: 2 })).toEqual([{ id: 1, n: 2 }]);
  });

  it.each([
    ['numbers', (i: number) => i],
    ['texts', (i: number) => `item ${i}`],
    ['ids', (i: number) => idOf(i)],
    ['documents with an id', (i: number) => ({ _id: idOf(i), name: `n${i}` })],
    ['documents without one', (i: number) => ({ name: `n${i}`, tags: ['a', 'b'] })],
  ])(
    'takes less than 2 s for a thousand more in 100,000 %s',
    (_, make) => {
      const items = Array.from({ length: 100_000 }, (_, i) => make(i));
      const added = Array.from({ length: 1000 }, (_, i) => make(99_500 + i));
      let united: unknown;
      expect(cpuTime(() => (united = mergeValue(items, added)))).toBeLessThan(2000);
      expect(united).toHaveLength(100_500);
    },
    SLOW,
  );
});

describe('deepMerge keeps to its inputs', () => {
  it(
    'and changes neither',
    () => {
      fc.assert(
        fc.property(rawDocuments, patches, (bytes, patch) => {
          const document = decodeExact(bson, bytes);
          const before = structure(patch);
          deepMerge(document, patch);
          expect(bson.serialize(document, { ignoreUndefined: false })).toEqual(Buffer.from(bytes));
          expect(structure(patch)).toEqual(before);
        }),
        { numRuns: 300 },
      );
    },
    SLOW,
  );

  it(
    'and changes nothing when it is merged again',
    () => {
      fc.assert(
        fc.property(patches, patchesWithoutIds, (document, patch) => {
          const once = deepMerge(document, patch);
          expect(equalValues(deepMerge(once, patch), once)).toBe(true);
        }),
        { numRuns: 500 },
      );
    },
    SLOW,
  );

  it('and gives a result that later changes of the patch do not reach', () => {
    const patch = { a: { b: [{ c: 1 }] } };
    const merged = merge({}, patch);
    patch.a.b[0]!.c = 2;
    expect(merged).toEqual({ a: { b: [{ c: 1 }] } });
  });
});

describe('deepMerge refuses', () => {
  const refusal = (patch: unknown, target: ExactDocument = {}) => {
    try {
      merge(target, patch as object);
    } catch (error) {
      expect(error).toBeInstanceOf(PatchRefused);
      const { path, why } = error as PatchRefused;
      return { path, why };
    }
    return undefined;
  };

  it.each(['__proto__', 'constructor', 'prototype', '_bsontype'])('the key %s at any depth', (key) => {
    const hostile = JSON.parse(`{ "${key}": { "isAdmin": true } }`);
    const why = 'has a key that is not allowed';
    expect(refusal(hostile)).toEqual({ path: [key], why });
    expect(refusal({ a: { b: hostile } }, { a: { b: {} } })).toEqual({ path: ['a', 'b', key], why });
    expect(refusal({ a: [1, hostile] })).toEqual({ path: ['a', 1, key], why });
    expect(refusal({ a: [{ id: 1, b: hostile }] }, { a: [{ id: 1 }] })).toEqual({ path: ['a', 0, 'b', key], why });
    expect(refusal({ a: new Map([[key, 1]]) })).toEqual({ path: ['a', key], why });
  });

  it('to touch any prototype, however the document looks', () => {
    const stored = JSON.parse('{ "__proto__": { "kept": 1 }, "toString": 1, "a": {} }');
    const merged = merge(stored, { toString: 2, hasOwnProperty: 3, a: { valueOf: 4 } });
    expect(Object.entries(merged)).toEqual([
      ['__proto__', { kept: 1 }],
      ['toString', 2],
      ['a', { valueOf: 4 }],
      ['hasOwnProperty', 3],
    ]);
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect({}.toString()).toBe('[object Object]');
  });

  it('a patch that contains itself', () => {
    const patch: Record<string, unknown> = { a: [] };
    (patch.a as unknown[]).push({ b: patch });
    expect(refusal(patch)).toEqual({ path: ['a', 0, 'b'], why: 'contains itself' });
  });

  it('but not one that contains the same part twice', () => {
    const part = { b: 1 };
    expect(merge({}, { x: part, y: [part] })).toEqual({ x: { b: 1 }, y: [{ b: 1 }] });
  });

  it('a patch of more than 100 levels, without running out of stack', () => {
    const nested = (levels: number) => {
      let patch: Record<string, unknown> = { leaf: 1 };
      for (let i = 1; i < levels; i++) patch = i % 2 === 0 ? { a: patch } : { a: [patch] };
      return patch;
    };
    expect(refusal(nested(10_000))?.why).toBe('is more than 100 levels deep');
    expect(refusal(nested(67))).toBeUndefined();
    expect(refusal(nested(69))?.path).toHaveLength(100);
  });

  it(
    'a patch of more than a million values, also by repeating one part',
    () => {
      let part: unknown = [1, 2, 3, 4];
      for (let i = 0; i < 20; i++) part = [part, part];
      expect(refusal({ a: part })?.why).toBe('has more than 1000000 values');
    },
    SLOW,
  );

  it.each([null, undefined, 5, 'text', [], new Date(0), new ObjectId()])('%o for a patch', (patch) => {
    expect(refusal(patch)).toEqual({ path: [], why: 'is not an object' });
  });

  it('with a message that names the place and shows no value', () => {
    expect(() => merge({}, { card: [{ constructor: 'secret' }] })).toThrow(
      /^Patch at card\[0\]\.constructor has a key that is not allowed$/,
    );
  });
});

const scalars = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom('a', null, true, new Date(0), new ObjectId(hex), 0.5),
);
const patchesOf = (...names: string[]) =>
  fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, scalars, fc.array(tie('value'), { maxLength: 5 }), tie('document')),
    document: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
  })).document as fc.Arbitrary<Record<string, unknown>>;
const patches = patchesOf('a', 'b', 'id', '1', 'toString');
/** A patch that names one id twice adds two documents and, when merged again, merges the second into the first. */
const patchesWithoutIds = patchesOf('a', 'b', '1', 'toString');

/** All that a patch consists of, in a form that does not share anything with it. */
function structure(value: unknown): unknown {
  return bson.EJSON.stringify(value, { relaxed: false });
}
