import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { canonicalKey } from '../../../src/bson/canonical-key.ts';
import { compareValues } from '../../../src/bson/compare.ts';
import { topLevel } from '../../../src/bson/exact.ts';
import { encodeDocument, oddRawValues } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 60_000;

const bson = mongoose.mongo.BSON;
const { Binary, Decimal128, Double, Int32, Long, ObjectId, UUID } = bson;
const decimal = (text: string) => Decimal128.fromString(text);
const decoded = oddRawValues.map((value) => topLevel(bson, encodeDocument([['v', value]]), 'v'));
const hex = '507f1f77bcf86cd799439011';

const equalIds: readonly (readonly unknown[])[] = [
  [5, new Double(5), new Int32(5), Long.fromNumber(5), decimal('5.0'), decimal('0.05E+2'), 5n],
  [0, -0, decimal('-0.00'), Long.ZERO],
  [1000, decimal('1E+3'), Long.fromNumber(1000), 1000n],
  [0.5, decimal('5E-1')],
  [2 ** 60, Long.fromNumber(2 ** 60), decimal(String(2n ** 60n))],
  [2 ** 53, 2n ** 53n],
  [2n ** 53n + 1n, Long.fromBigInt(2n ** 53n + 1n)],
  [0.1],
  [decimal('0.1')],
  [Number.NaN, decimal('NaN')],
  [Infinity, decimal('Infinity')],
  [-Infinity],
  ['5'],
  ['5;'],
  [''],
  [hex],
  [new ObjectId(hex), new ObjectId(hex.toUpperCase())],
  ['\u00e9'],
  ['e\u0301'],
  ['É'],
  ['\uFFFD', '\uD800'],
  [{ a: 5, b: 1 }, { a: new Double(5), b: Long.fromNumber(1) }, new Map([['a', 5], ['b', 1]])], // biome-ignore format: short
  [{ b: 1, a: 5 }],
  [{ a: 5 }],
  [{ a: '5' }],
  [{ a: { b: 5 } }],
  [{ a: null }, { a: undefined }],
  [{}],
  [[5], [decimal('5')]],
  [[]],
  [[[5]]],
  [null],
  [Buffer.from('a'), new Binary(Buffer.from('a')), Uint8Array.of(97)],
  [new Binary(Buffer.from('a'), 5)],
  ['a'],
  [new UUID('00000000-0000-4000-8000-000000000000')],
  ['00000000-0000-4000-8000-000000000000'],
  [true],
  ['true'],
  [false],
  [new Date(5)],
  [new bson.Timestamp({ t: 0, i: 5 })],
  [/5/],
];

describe('canonicalKey', () => {
  it('is the same for ids that the server holds equal, and for no others', () => {
    for (const group of equalIds) {
      for (const other of equalIds) {
        for (const a of group)
          for (const b of other) expect([a, b, canonicalKey(a) === canonicalKey(b)]).toEqual([a, b, group === other]);
      }
    }
  });

  it(
    'agrees with the order of values',
    () => {
      fc.assert(
        fc.property(decoded, decoded, (a, b) => {
          expect(canonicalKey(a) === canonicalKey(b)).toBe(compareValues(a, b) === 0);
        }),
        { numRuns: 2000 },
      );
    },
    SLOW,
  );

  it('is the same for an integer in any type of number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
        const key = canonicalKey(integer);
        expect(canonicalKey(Long.fromBigInt(integer))).toBe(key);
        expect(canonicalKey(decimal(String(integer)))).toBe(key);
        if (Number.isSafeInteger(Number(integer))) expect(canonicalKey(Number(integer))).toBe(key);
      }),
    );
  });

  it('does not run values together', () => {
    expect(canonicalKey(['1:a', ''])).not.toBe(canonicalKey(['', '1:a']));
    expect(canonicalKey(['a', 'b'])).not.toBe(canonicalKey(['asb']));
    expect(canonicalKey([1, [2]])).not.toBe(canonicalKey([[1], 2]));
    expect(canonicalKey({ a: 'x', b: 'y' })).not.toBe(canonicalKey({ a: 'xs1:by' }));
  });
});
