import { createRequire } from 'node:module';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { toStoredJson } from '../../../src/bson/stored-json.ts';
import { fromStoredJson } from '../../../src/bson/stored-json-reader.ts';
import { encodeDocument, hostileKeys, oddRawDocuments, rawDocuments } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 120_000;

const bson = mongoose.mongo.BSON;
const mongoose8 = createRequire(import.meta.url)('mongoose8') as typeof mongoose;
const { Binary, Decimal128, Double, Long, ObjectId } = bson;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const json = (document: Record<string, unknown>) => JSON.parse(toStoredJson(bson, bson.serialize(document)));

describe.each([
  { major: 6, library: mongoose8.mongo.BSON },
  { major: 7, library: bson },
])('stored JSON with bson $major', ({ library }) => {
  it(
    'is read back to the same bytes, for every type under any keys',
    () => {
      fc.assert(
        fc.property(fc.oneof(rawDocuments, oddRawDocuments), (bytes) => {
          expect(hex(fromStoredJson(library, toStoredJson(library, bytes)))).toBe(hex(bytes));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );
});

describe('stored JSON', () => {
  it('shows an ordinary document as a person would write it', () => {
    const _id = new ObjectId('507f1f77bcf86cd799439011');
    const document = { _id, name: 'Ana', logins: 5, ratio: 0.5, on: true, none: null, tags: ['a'], at: new Date(0) };
    expect(json(document)).toEqual({
      ...document,
      _id: { $oid: String(_id) },
      at: { $date: '1970-01-01T00:00:00.000Z' },
    });
  });

  it('is Extended JSON that the driver reads, where no key is one of its own', () => {
    const document = {
      double: new Double(5), long: Long.fromString('9007199254740993'), zero: -0, nan: Number.NaN, far: new Date(8.64e15),
      decimal: Decimal128.fromString('1.10'), bytes: new Binary(Buffer.alloc(16, 7), 4), old: new Binary(Buffer.from('ab'), 2),
      nested: { list: [1, [2], {}] }, pattern: new bson.BSONRegExp('a', 'i'), stamp: new bson.Timestamp({ t: 1, i: 2 }),
      code: new bson.Code('f'), scoped: new bson.Code('f', { a: 1 }), min: new bson.MinKey(), symbol: new bson.BSONSymbol('s'),
    }; // biome-ignore format: short
    const bytes = bson.serialize(document);
    const read = bson.EJSON.parse(toStoredJson(bson, bytes), { relaxed: false }) as Record<string, unknown>;
    expect(hex(bson.serialize(read))).toBe(hex(bytes));
  });

  it('keeps keys that JSON and its readers change', () => {
    for (const key of hostileKeys) {
      const bytes = encodeDocument([
        ['b', { type: 0x10, bytes: Uint8Array.of(1, 0, 0, 0) }],
        [key, { type: 0x10, bytes: Uint8Array.of(2, 0, 0, 0) }],
      ]);
      expect([key, hex(fromStoredJson(bson, toStoredJson(bson, bytes)))]).toEqual([key, hex(bytes)]);
    }
  });

  it('keeps what looks like a wrapper', () => {
    const forged = [
      { $oid: '5f' },
      { $date: 'x' },
      { $binary: 'x' },
      { $ref: 'a', $id: 1 },
      { $document: [] },
      { $encoded: 1 },
    ];
    const bytes = bson.serialize({ forged });
    expect(hex(fromStoredJson(bson, toStoredJson(bson, bytes)))).toBe(hex(bytes));
    expect(json({ a: { $oid: '5f' } })).toEqual({ a: { $document: [['$oid', '5f']] } });
  });

  it('refuses other texts, and nesting without end', () => {
    const texts = [
      '[]',
      '5',
      '{"a":{"$what":1}}',
      '{"$document":[["a"]]}',
      '{"a":{"$numberLong":"x"}}',
      '{"a":{"$oid":5}}',
    ];
    for (const text of texts)
      expect(() => fromStoredJson(bson, text)).toThrow(expect.objectContaining({ name: 'MalformedStoredJson' }));
    expect(() => fromStoredJson(bson, `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`)).toThrow('Nested deeper');
    expect(() => fromStoredJson(bson, '{')).toThrow(SyntaxError);
  });
});
