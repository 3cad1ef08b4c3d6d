import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { compareSortKeys, compareValues } from '../../../src/bson/compare.ts';
import { topLevel } from '../../../src/bson/exact.ts';
import { encodeDocument, oddRawValues } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 60_000;

const bson = mongoose.mongo.BSON;
const {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
} = bson;
const decimal = (text: string) => Decimal128.fromString(text);
const long = (text: string) => Long.fromString(text);
const decoded = oddRawValues.map((value) => topLevel(bson, encodeDocument([['v', value]]), 'v'));

/** Groups of equal values, each group less than the next. */
const ascending: readonly (readonly unknown[])[] = [
  [new MinKey()],
  [undefined],
  [null],
  [Number.NaN, new Double(Number.NaN), decimal('NaN')],
  [-Infinity, decimal('-Infinity')],
  [decimal('-1E+6000')],
  [-Number.MAX_VALUE],
  [-(2 ** 63), Long.MIN_VALUE, decimal('-9223372036854775808')],
  [-1, new Int32(-1), long('-1'), decimal('-1.0'), -1n],
  [-Number.MIN_VALUE],
  [decimal('-1E-6000')],
  [0, -0, new Double(-0), Long.ZERO, decimal('0'), decimal('-0'), decimal('0E+3')],
  [decimal('1E-6000')],
  [decimal('4.940656458412465441765687928682213E-324')],
  [Number.MIN_VALUE],
  [decimal('4.940656458412465441765687928682214E-324')],
  [decimal('0.1'), decimal('1.00E-1')],
  [0.1],
  [0.5, decimal('0.5')],
  [5, new Double(5), new Int32(5), Long.fromNumber(5), decimal('5.00'), decimal('0.5E+1'), 5n],
  [2 ** 53, long('9007199254740992')],
  [long('9007199254740993'), decimal('9007199254740993'), 9007199254740993n],
  [long('9007199254740994'), 2 ** 53 + 2],
  [Long.MAX_VALUE, decimal('9223372036854775807')],
  [decimal('9223372036854775807.5')],
  [2 ** 63, decimal('9223372036854775808')],
  [Number.MAX_VALUE],
  [decimal('1E+6000')],
  [Infinity, decimal('Infinity')],
  [''],
  ['A'],
  ['a', new BSONSymbol('a')],
  ['a\0'],
  ['a\0b'],
  ['aa'],
  ['b'],
  ['e\u0301'],
  ['\u00e9'],
  ['\uE000'],
  ['\uFFFD', '\uD800'],
  ['\u{1F4A5}'],
  [{}, new Map()],
  [{ a: 2 }],
  [{ a: 2, b: 1 }, new Map([['a', 2], ['b', 1]])], // biome-ignore format: short
  [{ b: 2 }],
  [{ b: 2, a: 1 }],
  [{ a: 'x' }],
  [[]],
  [[1]],
  [[1, 2], [new Double(1), decimal('2')]], // biome-ignore format: short
  [[2]],
  [['x']],
  [Buffer.alloc(0), new Binary(Buffer.alloc(0))],
  [new Binary(Buffer.from('a'), 0), Buffer.from('a'), Uint8Array.of(97)],
  [new Binary(Buffer.from('b'), 0)],
  [new Binary(Buffer.from('a'), 5)],
  [new Binary(Buffer.from('aa'), 0)],
  [new Binary(Buffer.from('a'), 2)],
  [
    new UUID('00000000-0000-4000-8000-000000000000'),
    new Binary(Buffer.from('00000000000040008000000000000000', 'hex'), 4),
  ],
  [new ObjectId('507f1f77bcf86cd799439011'), new ObjectId('507F1F77BCF86CD799439011')],
  [new ObjectId('ff7f1f77bcf86cd799439011')],
  [false],
  [true],
  [new Date(-1)],
  [new Date(0), new Date(Number.NaN)],
  [new Date(1)],
  [new Timestamp({ t: 1, i: 2 })],
  [new Timestamp({ t: 0xffffffff, i: 1 })],
  [/a/, new BSONRegExp('a', '')],
  [/a/i, new BSONRegExp('a', 'i')],
  [new BSONRegExp('b', '')],
  [new Code('a')],
  [new Code('b')],
  [new Code('a', {})],
  [new Code('a', { x: 1 })],
  [new MaxKey()],
];

describe('compareValues', () => {
  it('has the order of the server across and within types', () => {
    for (const [i, group] of ascending.entries()) {
      for (const [j, other] of ascending.entries()) {
        for (const a of group)
          for (const b of other) expect([a, b, Math.sign(compareValues(a, b))]).toEqual([a, b, Math.sign(i - j)]);
      }
    }
  });

  it(
    'is a total order',
    () => {
      fc.assert(
        fc.property(decoded, decoded, decoded, (a, b, c) => {
          expect(compareValues(a, a)).toBe(0);
          expect(Math.sign(compareValues(a, b))).toBe(-Math.sign(compareValues(b, a)) + 0);
          if (compareValues(a, b) <= 0 && compareValues(b, c) <= 0) expect(compareValues(a, c)).toBeLessThanOrEqual(0);
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it(
    'orders texts by their UTF-8 bytes',
    () => {
      const text = fc.string({ unit: 'binary', maxLength: 6 });
      fc.assert(
        fc.property(text, text, (a, b) => {
          expect(Math.sign(compareValues(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it('orders integers exactly, in whatever types they come', () => {
    const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const near = fc.tuple(integer, fc.bigInt({ min: -2n, max: 2n }));
    fc.assert(
      fc.property(near, ([a, difference]) => {
        const b = a + difference;
        if (BigInt.asIntN(64, b) !== b) return;
        const forms = (value: bigint) => [Long.fromBigInt(value), decimal(String(value)), value];
        for (const left of forms(a))
          for (const right of forms(b)) expect(compareValues(left, right)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  it('takes a value for what its toBSON makes of it', () => {
    expect(compareValues({ toBSON: () => 5 }, 5)).toBe(0);
  });

  it('takes a document with a field `_bsontype` for a document', () => {
    expect(compareValues({ _bsontype: 'ObjectId' }, [])).toBeLessThan(0);
  });
});

describe('compareSortKeys', () => {
  it('compares field by field, each in its own direction', () => {
    expect(compareSortKeys([1, 'a'], [1, 'b'], [1, 1])).toBeLessThan(0);
    expect(compareSortKeys([1, 'a'], [1, 'b'], [1, -1])).toBeGreaterThan(0);
    expect(compareSortKeys([1, 'a'], [2, 'b'], [-1, 1])).toBeGreaterThan(0);
    expect(compareSortKeys([1, 'a'], [new Double(1), 'a'], [1, -1])).toBe(0);
  });

  it('compares keys that are not UTF-8, as those of a collation, by their bytes', () => {
    const key = (...bytes: number[]) => {
      const value = { type: 0x02, bytes: Uint8Array.of(bytes.length + 1, 0, 0, 0, ...bytes, 0) };
      return topLevel(bson, encodeDocument([['k', { type: 0x04, bytes: encodeDocument([['0', value]]) }]]), 'k');
    };
    const ascendingKeys = [key(0x31), key(0x31, 0x45, 0x88), key(0x31, 0x45, 0x89), key(0x31, 0x46), key(0xff)];
    for (const [i, a] of ascendingKeys.entries()) {
      for (const [j, b] of ascendingKeys.entries()) {
        expect(Math.sign(compareSortKeys(a as unknown[], b as unknown[], [1]))).toBe(Math.sign(i - j));
      }
    }
  });
});
