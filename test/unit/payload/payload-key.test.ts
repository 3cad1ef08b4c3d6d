import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { canonicalKey } from '../../../src/bson/canonical-key.ts';
import { topLevel } from '../../../src/bson/exact.ts';
import { assertObjectKey } from '../../../src/payload/object-key.ts';
import { blobKeys, collectionPrefix, idSegment, itemKey, itemPrefix } from '../../../src/payload/payload-key.ts';
import { encodeDocument, oddRawValues } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 60_000;

const bson = mongoose.mongo.BSON;
const { Binary, Decimal128, Double, Int32, Long, ObjectId, Timestamp, UUID } = bson;
const decimal = (text: string) => Decimal128.fromString(text);
const hex = '507f1f77bcf86cd799439011';
const uuid = '0f8fad5b-d9cb-469f-a165-70867728950e';
const long = 'x'.repeat(4000);

/** One line for each id; what stands in one line is one `_id` to the server. */
const ids: readonly (readonly unknown[])[] = [
  [5, new Double(5), new Int32(5), Long.fromNumber(5), decimal('5.0'), 5n],
  [0, -0, decimal('-0.00'), Long.ZERO],
  [1000, decimal('1E+3')],
  [0.5, decimal('5E-1')],
  [2 ** 53, 2n ** 53n],
  [2n ** 53n + 1n, Long.fromBigInt(2n ** 53n + 1n)],
  [0.1],
  [decimal('0.1')],
  [Number.NaN, decimal('NaN')],
  [Infinity, decimal('Infinity')],
  [-Infinity],
  ['5'],
  ['n.5'],
  ['s.5'],
  [''],
  ['!'],
  ['.'],
  ['..'],
  ['...'],
  ['/'],
  ['a/b'],
  ['a!2fb'],
  ['a\\b'],
  ['a%2fb'],
  ['../../etc/passwd'],
  ['a\0b'],
  ['a\nb'],
  [' '],
  ['Order'],
  ['order'],
  ['item.json'],
  ['v0'],
  [hex],
  [hex.toUpperCase()],
  [new ObjectId(hex), new ObjectId(hex.toUpperCase())],
  ['\u00e9'],
  ['e\u0301'],
  ['\uFFFD', '\uD800'],
  ['\u{1F4A5}'],
  [long],
  [`${long}y`],
  [new UUID(uuid), new Binary(Buffer.from(uuid.replaceAll('-', ''), 'hex'), 4)],
  [uuid],
  [new Binary(Buffer.from(uuid.replaceAll('-', ''), 'hex'), 3)],
  [new Binary(Buffer.from(hex, 'hex')), Buffer.from(hex, 'hex')],
  [new Binary(Buffer.alloc(0))],
  [null, undefined],
  [true],
  [false],
  [new Date(0)],
  [new Date(5)],
  [new Timestamp({ t: 0, i: 5 })],
  [new bson.MinKey()],
  [new bson.MaxKey()],
  [{}],
  [{ a: 5, b: 1 }, new Map<string, unknown>([['a', Long.fromNumber(5)], ['b', 1]])], // biome-ignore format: short
  [{ b: 1, a: 5 }],
  [{ a: '5', b: 1 }],
  [{ t: 'acme', id: 5 }],
  [{ t: 'acme', id: '5' }],
];

const address = { prefix: 'runtime', collection: 'users', ov: 3 };

describe('keys of objects', () => {
  it('are the same for the ids that are one to the server, and for no others', () => {
    expect(ids).toHaveLength(60);
    const keyed = ids.flatMap((group, line) => group.map((id) => ({ id, line, key: itemKey({ ...address, id }) })));
    const wrong = keyed.flatMap((a) =>
      keyed.filter((b) => (a.key === b.key) !== (a.line === b.line)).map((b) => [a, b]),
    );
    expect(wrong).toEqual([]);
  });

  it(
    'are so for ids of every type',
    () => {
      const decoded = oddRawValues.map((value) => topLevel(bson, encodeDocument([['v', value]]), 'v'));
      fc.assert(
        fc.property(decoded, decoded, (a, b) => {
          expect(idSegment(a) === idSegment(b)).toBe(canonicalKey(a) === canonicalKey(b));
          expect(() => assertObjectKey(itemKey({ ...address, id: a }))).not.toThrow();
        }),
        { numRuns: 500 },
      );
    },
    SLOW,
  );

  it('are valid for each of them, and lie below nothing but their own document', () => {
    const keys = ids.map(([id]) => itemKey({ ...address, id }));
    for (const [line, [id]] of ids.entries()) {
      assertObjectKey(keys[line]!);
      const below = keys.filter((key) => key.startsWith(itemPrefix({ ...address, id })));
      expect(below).toEqual([keys[line]]);
    }
  });

  it('have the layout that is documented', () => {
    const id = new ObjectId(hex);
    const keys = blobKeys({ ...address, id, path: ['avatar'] });
    expect(itemKey({ ...address, id })).toBe(`runtime/users/${hex}/v3/item.json`);
    expect(keys.blobKey).toBe(`runtime/users/${hex}/v3/avatar/blob.bin`);
    expect(keys.textKey).toBe(`runtime/users/${hex}/v3/avatar/text.txt`);
    const full = { ...address, tenant: 'acme', id: 'a/b', incarnation: '0badcafe', path: ['f', '0', 'd.x'], opId: '§' };
    expect(blobKeys(full).blobKey).toBe('runtime/users/acme/s.a!2fb/0badcafe/v3/f.0.d!2ex/!c2!a7/blob.bin');
  });

  it(
    'are told apart by every part they are made of',
    () => {
      const parts = {
        prefix: ['a', 'a/c', 'A'],
        collection: ['c', 'c/acme', `c${long}`, `d${long}`],
        tenant: [undefined, 'acme', 'Acme', hex, 's.5', `!t${hex}`, 'n.5'],
        id: [5, '5', new ObjectId(hex), hex],
        incarnation: [undefined, '0badcafe', '0badcafe0badcafe', `${hex}0badcafe`],
        ov: [1, 10],
        path: [['a'], ['a.b'], ['a', 'b'], ['a!2eb'], [''], ['', '']],
      };
      const all = new Set<string>();
      let count = 0;
      for (const prefix of parts.prefix)
        for (const collection of parts.collection)
          for (const tenant of parts.tenant)
            for (const id of parts.id)
              for (const incarnation of parts.incarnation)
                for (const ov of parts.ov)
                  for (const path of parts.path) {
                    all.add(blobKeys({ prefix, collection, tenant, id, incarnation, ov, path }).blobKey);
                    count++;
                  }
      expect(all.size).toBe(count);
    },
    SLOW,
  );

  it('keep two clusters with equal names in one bucket apart by the incarnation', () => {
    const here = itemKey({ ...address, id: 5, incarnation: '00000001' });
    const there = itemKey({ ...address, id: 5, incarnation: '00000002' });
    expect(here).not.toBe(there);
  });

  it('stay within 1,024 bytes', () => {
    const whole = { prefix: long, collection: long, tenant: long, id: long, incarnation: 'f'.repeat(32) };
    const { blobKey } = blobKeys({ ...whole, ov: Number.MAX_SAFE_INTEGER, path: [long, long], opId: long });
    expect(blobKey.length).toBeLessThanOrEqual(1024);
    assertObjectKey(blobKey);
  });

  it('refuse a version that is none and an incarnation of another form', () => {
    expect(() => itemKey({ ...address, ov: -1, id: 5 })).toThrow(RangeError);
    expect(() => itemKey({ ...address, id: 5, incarnation: '../..' })).toThrow(RangeError);
  });

  it('of a tenant do not begin with those of a document', () => {
    const tenants = [hex, 's.5', 'n.5'];
    const prefixes = tenants.map((tenant) => collectionPrefix({ ...address, tenant }));
    for (const id of [new ObjectId(hex), '5', 5]) expect(prefixes).not.toContain(itemPrefix({ ...address, id }));
  });
});
