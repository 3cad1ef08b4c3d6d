import { createRequire } from 'node:module';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { decodeExact, topLevel } from '../../../src/bson/exact.ts';
import type { Bson } from '../../../src/types.ts';
import { encodeDocument, hostileKeys, oddRawDocuments, rawDocuments } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 60_000;

const bson = mongoose.mongo.BSON;
const mongoose8 = createRequire(import.meta.url)('mongoose8') as typeof mongoose;
const { Binary, Decimal128, Double, Long, ObjectId, Timestamp } = bson;

/** What the driver passes for an insert. */
const asDriver = { checkKeys: false, ignoreUndefined: false, serializeFunctions: false };
const reencoded = (library: Bson, bytes: Uint8Array) => hex(library.serialize(decodeExact(library, bytes), asDriver));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const libraries = [
  { major: 6, library: mongoose8.mongo.BSON },
  { major: 7, library: bson },
];

describe.each(libraries)('decodeExact with bson $major', ({ library }) => {
  it(
    'gives values that serialize to the same bytes, for every type under any keys',
    () => {
      fc.assert(
        fc.property(rawDocuments, (bytes) => {
          expect(reencoded(library, bytes)).toBe(hex(bytes));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it(
    'does so for what JavaScript cannot express',
    () => {
      fc.assert(
        fc.property(oddRawDocuments, (bytes) => {
          expect(reencoded(library, bytes)).toBe(hex(bytes));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it('keeps what it cannot express under another key too', () => {
    const undefinedValue = { type: 0x06, bytes: Uint8Array.of() };
    const { a } = decodeExact(library, encodeDocument([['a', undefinedValue]])) as Record<string, unknown>;
    expect(hex(library.serialize({ longer: a }))).toBe(hex(encodeDocument([['longer', undefinedValue]])));
  });
});

describe('decodeExact', () => {
  it('keeps each type of number', () => {
    const stored = { int: 5, double: new Double(5), long: Long.fromNumber(5), zero: -0, half: 0.5, nan: Number.NaN };
    const document = decodeExact(bson, bson.serialize(stored));
    expect(document).toEqual(stored);
    expect(Object.is((document as Record<string, unknown>).zero, -0)).toBe(true);
  });

  it('gives plain objects, and a Map only where a plain object would change the order or the meaning', () => {
    const decode = (fields: [string, unknown][]) => {
      const { nested } = decodeExact(bson, bson.serialize({ nested: new Map(fields) })) as { nested: unknown };
      return nested;
    };
    expect(decode([['b', 1]])).toEqual({ b: 1 });
    for (const key of ['1', '__proto__', 'constructor', '_bsontype']) {
      const document = decode([
        ['b', 1],
        [key, 2],
      ]);
      expect([...(document as Map<string, unknown>)]).toEqual([
        ['b', 1],
        [key, 2],
      ]);
    }
  });

  it('leaves a subdocument with the keys of a DBRef a document', () => {
    const id = new ObjectId();
    const document = decodeExact(bson, bson.serialize({ ref: { $ref: 'users', $id: id } }));
    expect(document).toEqual({ ref: { $ref: 'users', $id: id } });
  });

  it('leaves Object.prototype alone', () => {
    const fields = hostileKeys.map((key) => [key, { type: 0x0a, bytes: Uint8Array.of() }] as const);
    const before = Reflect.ownKeys(Object.prototype);
    decodeExact(bson, encodeDocument(fields));
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
  });

  it('decodes bytes that lie inside a larger buffer', () => {
    const bytes = bson.serialize({ a: 'x', b: new Timestamp({ t: 1, i: 2 }) });
    const larger = new Uint8Array([9, 9, ...bytes, 9]);
    expect(decodeExact(bson, larger.subarray(2, 2 + bytes.length))).toEqual({
      a: 'x',
      b: new Timestamp({ t: 1, i: 2 }),
    });
  });

  it('refuses elements that run past the end of their document', () => {
    const int32CutShort = Uint8Array.of(10, 0, 0, 0, 0x10, 97, 0, 1, 0, 0);
    expect(() => decodeExact(bson, int32CutShort)).toThrow('Element runs past the end');
  });

  it('refuses bytes that are not one whole document', () => {
    const bytes = bson.serialize({ a: 'text', b: { c: [1] } });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeExact(bson, bytes.subarray(0, length))).toThrow('Expected one whole BSON document');
    }
    for (let at = 4; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 0x7f : byte));
      try {
        decodeExact(bson, damaged);
      } catch (error) {
        expect((error as Error).name).toBe('MalformedBson');
      }
    }
  });
});

describe('topLevel', () => {
  it(
    'gives the value that decodeExact gives',
    () => {
      fc.assert(
        fc.property(rawDocuments, (bytes) => {
          const document = decodeExact(bson, bytes);
          for (const [key, value] of document instanceof Map ? document : Object.entries(document)) {
            const wrapped = new Map([[key, value]]);
            const alone = new Map([[key, topLevel(bson, bytes, key)]]);
            expect(hex(bson.serialize(alone, asDriver))).toBe(hex(bson.serialize(wrapped, asDriver)));
          }
        }),
        { numRuns: 300 },
      );
    },
    SLOW,
  );

  it('finds keys of the root only, by their whole name', () => {
    const bytes = bson.serialize({ nested: { _id: 1 }, _ide: 2, _i: 3, id: 4 });
    expect(topLevel(bson, bytes, '_id')).toBeUndefined();
  });

  it('gives ids of every kind', () => {
    const ids = [
      new ObjectId(),
      5,
      '5',
      Long.fromNumber(5),
      Decimal128.fromString('5'),
      new Binary(Buffer.alloc(16), 4),
      null,
    ];
    for (const id of ids) expect(topLevel(bson, bson.serialize({ a: 1, _id: id }), '_id')).toEqual(id);
  });
});
