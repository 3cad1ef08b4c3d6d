import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { equalValues } from '../../../src/bson/equality.ts';
import { toExtendedJson } from '../../../src/bson/extended-json.ts';

const bson = mongoose.mongo.BSON;
const {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  EJSON,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} = bson;

describe('toExtendedJson', () => {
  it.each([
    [5, 5],
    [new Double(5), 5],
    [new Int32(5), 5],
    [-0, { $numberDouble: '-0.0' }],
    [Number.NaN, { $numberDouble: 'NaN' }],
    [-Infinity, { $numberDouble: '-Infinity' }],
    [Long.fromNumber(5), 5],
    [Long.fromString('9007199254740993'), { $numberLong: '9007199254740993' }],
    [-9007199254740993n, { $numberLong: '-9007199254740993' }],
    [Decimal128.fromString('1.10'), { $numberDecimal: '1.10' }],
    ['text', 'text'],
    [new BSONSymbol('s'), { $symbol: 's' }],
    [{ a: undefined, b: [undefined, null] }, { b: [null, null] }],
    [new Map([['1', { x: 1 }]]), { 1: { x: 1 } }],
    [Buffer.from('a'), { $binary: { base64: 'YQ==', subType: '00' } }],
    [new Binary(Buffer.from('a'), 2), { $binary: { base64: 'YQ==', subType: '02' } }],
    [new Binary(Buffer.from('a'), 128), { $binary: { base64: 'YQ==', subType: '80' } }],
    [new ObjectId('507f1f77bcf86cd799439011'), { $oid: '507f1f77bcf86cd799439011' }],
    [true, true],
    [new Date(0), { $date: '1970-01-01T00:00:00.000Z' }],
    [new Date(-1), { $date: { $numberLong: '-1' } }],
    [new Date('+010000-01-01'), { $date: { $numberLong: '253402300800000' } }],
    [new Timestamp({ t: 0xffffffff, i: 2 }), { $timestamp: { t: 0xffffffff, i: 2 } }],
    [/a/gi, { $regularExpression: { pattern: 'a', options: 'is' } }],
    [new BSONRegExp('a', 'x'), { $regularExpression: { pattern: 'a', options: 'x' } }],
    [new Code('f'), { $code: 'f' }],
    [new Code('f', { x: Long.ONE }), { $code: 'f', $scope: { x: 1 } }],
    [new MinKey(), { $minKey: 1 }],
    [new MaxKey(), { $maxKey: 1 }],
  ])('of %o is %j', (value, expected) => {
    expect(toExtendedJson(value)).toStrictEqual(expected);
    expect(equalValues(EJSON.deserialize({ value: expected }, { relaxed: false }).value, value)).toBe(true);
  });

  it('sorts the options of a regular expression', () => {
    expect(toExtendedJson(/a/gm)).toEqual({ $regularExpression: { pattern: 'a', options: 'ms' } });
  });
});
