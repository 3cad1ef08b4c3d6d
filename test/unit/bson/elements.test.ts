import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { encodedSize, equalsIgnoring, findElement, pastValue } from '../../../src/bson/elements.ts';
import { oddRawDocuments, rawDocuments, rawValues } from '../../support/bson-arbitrary.ts';

const bson = mongoose.mongo.BSON;
const encode = (fields: [string, unknown][]) => bson.serialize(new Map(fields));

describe('equalsIgnoring', () => {
  it('leaves one top-level field out of the comparison, wherever it stands', () => {
    const without = encode([
      ['a', 1],
      ['b', 'x'],
    ]);
    const last = encode([
      ['a', 1],
      ['b', 'x'],
      ['_system', { ov: 1 }],
    ]);
    const first = encode([
      ['_system', { ov: 22, more: true }],
      ['a', 1],
      ['b', 'x'],
    ]);
    expect(equalsIgnoring(last, first, '_system')).toBe(true);
    expect(equalsIgnoring(without, first, '_system')).toBe(true);
    expect(equalsIgnoring(last, first, 'a')).toBe(false);
  });

  it('tells documents apart that differ in a value, a type, the order of fields or a nested field of that name', () => {
    const base = encode([
      ['a', 1],
      ['b', 2],
    ]);
    expect(
      equalsIgnoring(
        base,
        encode([
          ['a', 1],
          ['b', 3],
        ]),
        '_system',
      ),
    ).toBe(false);
    expect(
      equalsIgnoring(
        base,
        encode([
          ['b', 2],
          ['a', 1],
        ]),
        '_system',
      ),
    ).toBe(false);
    expect(equalsIgnoring(encode([['a', 5]]), encode([['a', new bson.Double(5)]]), '_system')).toBe(false);
    expect(equalsIgnoring(encode([['a', { _system: 1 }]]), encode([['a', { _system: 2 }]]), '_system')).toBe(false);
  });

  it('holds any document equal to itself and, if a field other than the ignored one is added, unequal', () => {
    fc.assert(
      fc.property(oddRawDocuments, fc.constantFrom('_id', 'a', '1'), (bytes, key) => {
        expect(equalsIgnoring(bytes, Uint8Array.from(bytes), key)).toBe(true);
        expect(equalsIgnoring(bytes, withNull(bytes, 'another'), key)).toBe(false);
        if (findElement(bytes, key) === undefined) expect(equalsIgnoring(bytes, withNull(bytes, key), key)).toBe(true);
      }),
    );
  });
});

describe('encodedSize', () => {
  it('is the number of bytes of a whole document', () => {
    fc.assert(
      fc.property(rawDocuments, (bytes) => {
        expect(encodedSize(bytes)).toBe(bytes.length);
      }),
    );
  });

  it('refuses anything else', () => {
    expect(() => encodedSize(Uint8Array.of())).toThrow('found 0 bytes');
    expect(() => encodedSize(Buffer.concat([bson.serialize({ a: 1 }), Uint8Array.of(0)]))).toThrow(
      '13 bytes that declare 12',
    );
  });
});

describe('pastValue', () => {
  it('is the end of a value of any type', () => {
    fc.assert(
      fc.property(rawValues, ({ type, bytes }) => {
        expect(pastValue(Buffer.concat([bytes, Buffer.from('rest')]), type, 0)).toBe(bytes.length);
      }),
    );
  });
});

function withNull(bytes: Uint8Array, key: string): Uint8Array {
  const added = Buffer.concat([bytes.subarray(0, -1), Uint8Array.of(0x0a), Buffer.from(key), Uint8Array.of(0, 0)]);
  added.writeInt32LE(added.length);
  return added;
}
