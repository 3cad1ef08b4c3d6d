import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { ConfigError, ExternalizationError } from '../../../src/errors.ts';
import { joinDocument } from '../../../src/payload/join-document.ts';
import { payloadMap } from '../../../src/payload/payload-map.ts';
import { type FoundBlob, splitDocument } from '../../../src/payload/split-document.ts';
import { rawDocuments } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 120_000;

const bson = mongoose.mongo.BSON;
const { ObjectId } = bson;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const png = { contentType: 'image/png' };
const locate = ({ path }: FoundBlob) => ({ contentBucket: 'content', blobKey: `k/${path.join('.')}` });

function split(document: Record<string, unknown>, options: Parameters<typeof payloadMap>[0], limits = {}) {
  return splitDocument(bson.serialize(document), { map: payloadMap(options), locate, ...limits });
}

function joined({ inline, body, blobs }: ReturnType<typeof splitDocument>): string {
  return hex(
    joinDocument({ inline, body, blobs: blobs.map(({ reference, found }) => ({ reference, bytes: found.bytes })) }),
  );
}

describe('splitDocument', () => {
  it('keeps the indexed paths in Mongo and everything in the body', () => {
    const _id = new ObjectId();
    const _system = { ov: 3, state: 'new-not-synched', payload: { key: 'k' }, updatedAt: new Date(0) };
    const document = {
      name: 'Ana',
      _id,
      address: { city: 'Faro', street: 'Rua' },
      items: [{ sku: 'a', price: 1 }, 5, []],
      big: 'x',
      _system,
    };
    const { inline, body } = split(document, { indexed: ['name', 'address.city', 'items.sku', 'missing'] });
    expect(bson.deserialize(inline)).toEqual({
      name: 'Ana',
      _id,
      address: { city: 'Faro' },
      items: [{ sku: 'a' }, false, []],
      _system,
    });
    expect(bson.deserialize(body)).toEqual({ ...document, _system: { ov: 3, updatedAt: new Date(0) } });
  });

  it('takes blobs out, and leaves their locations', () => {
    const document = {
      _id: 1,
      avatar: base64('png'),
      files: [{ data: base64('a'), name: 'a' }, { name: 'b' }],
      list: [base64('l'), 'text!'],
    };
    const { inline, body, blobs } = split(document, { base64: { avatar: png, 'files.data': png, list: png } });
    const ref = (blobKey: string) => ({ ref: { contentBucket: 'content', blobKey, contentType: 'image/png' } });
    expect(bson.deserialize(body)).toEqual({
      _id: 1, avatar: ref('k/avatar'), files: [{ data: ref('k/files.0.data'), name: 'a' }, { name: 'b' }], list: [ref('k/list.0'), 'text!'],
    }); // biome-ignore format: short
    expect(hex(inline)).toBe(hex(body));
    expect(blobs.map(({ found }) => Buffer.from(found.bytes).toString())).toEqual(['png', 'a', 'l']);
    expect(blobs[1]?.reference).toEqual({
      path: ['files', '0', 'data'], contentBucket: 'content', blobKey: 'k/files.0.data', contentType: 'image/png', length: 1,
      sha256: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
    }); // biome-ignore format: short
  });

  it('reads the text of blobs that have one', () => {
    const document = { note: Buffer.from('8c6f', 'hex').toString('base64'), page: base64('<b>'), photo: base64('x') };
    const { blobs } = split(document, {
      base64: {
        note: { contentType: 'application/octet-stream', preferredText: true, textCharset: 'windows-1250' },
        page: { contentType: 'text/html' },
        photo: png,
      },
    });
    const texts = blobs.map(({ found }) => found.text && Buffer.from(found.text).toString());
    expect(texts).toEqual(['Śo', '<b>', undefined]);
  });

  it('refuses blobs that are too large before it decodes them', () => {
    const document = { a: base64('12345'), b: base64('12345') };
    const map = { base64: { a: png, b: png } };
    expect(() => split(document, map, { maxBlobBytes: 4 })).toThrow(ExternalizationError);
    expect(() => split(document, map, { maxTotalBytes: 9 })).toThrow(
      expect.objectContaining({ property: 'b', length: 10, limit: 9 }),
    );
    expect(split(document, map, { maxBlobBytes: 5, maxTotalBytes: 10 }).blobs).toHaveLength(2);
  });

  it('leaves what only looks like a location of a blob alone', () => {
    const document = { avatar: { ref: { contentBucket: 'content', blobKey: 'forged' } }, photo: base64('x') };
    const parts = split(document, { base64: { avatar: png, photo: png } });
    expect(parts.blobs).toHaveLength(1);
    expect(joined(parts)).toBe(hex(bson.serialize(document)));
  });
});

describe('joinDocument', () => {
  const blob = fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  const text = fc.oneof(blob, blob.map((encoded) => `data:image/png;base64,${encoded}`), fc.string()); // biome-ignore format: short
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c', '_system', '1', '0'), tie('value'), { maxKeys: 4 }),
    ),
  }));
  const documents = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', '_id', '_system', '1'), value);
  const anyMap = fc.record({
    indexed: fc.subarray(['d', 'a.c', 'b.b.a', 'c.c']),
    base64: fc
      .subarray(['a.a', 'a.b', 'b.a', 'b.b.b', 'c.a'])
      .map((paths) => Object.fromEntries(paths.map((path) => [path, png]))),
  });

  it(
    'gives the document back, byte for byte',
    () => {
      fc.assert(
        fc.property(documents, anyMap, (document, options) => {
          expect(joined(split(document, options))).toBe(hex(bson.serialize(document)));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it(
    'does so for every type under any keys',
    () => {
      const map = payloadMap({
        indexed: ['a', 'b.constructor'],
        base64: { 'c.b': png, _bsontype: png, toString: png },
      });
      fc.assert(
        fc.property(rawDocuments, (bytes) => {
          expect(joined(splitDocument(bytes, { map, locate }))).toBe(hex(bytes));
        }),
        { numRuns: 1000 },
      );
    },
    SLOW,
  );

  it('takes the bookkeeping from Mongo, wherever it stood', () => {
    const parts = split({ _system: { ov: 0, state: 'new' }, a: 1 }, { indexed: ['b'] });
    const now = bson.serialize({ _system: { ov: 0, state: 'processed' } });
    const none = bson.serialize({});
    expect(bson.deserialize(joinDocument({ ...parts, inline: now, blobs: [] }))).toEqual({
      _system: { ov: 0, state: 'processed' },
      a: 1,
    });
    expect(bson.deserialize(joinDocument({ ...parts, inline: none, blobs: [] }))).toEqual({ a: 1 });
    const before = bson.serialize({ a: 1 });
    expect(Object.keys(bson.deserialize(joinDocument({ inline: now, body: before, blobs: [] })))).toEqual([
      'a',
      '_system',
    ]);
  });

  it('refuses parts that do not belong together', () => {
    const { inline, blobs } = split({ files: [{ data: base64('a') }] }, { base64: { 'files.data': png } });
    const bodies = [{}, { files: 5 }, { files: [] }, { files: [{ name: 'a' }] }];
    for (const body of bodies) {
      const parts = {
        inline,
        body: bson.serialize(body),
        blobs: blobs.map(({ reference, found }) => ({ reference, bytes: found.bytes })),
      };
      expect(() => joinDocument(parts)).toThrow(expect.objectContaining({ name: 'MismatchedParts' }));
    }
  });
});

describe('payloadMap', () => {
  it.each([
    ['an empty path', { indexed: [''] }],
    ['an empty component', { indexed: ['a..b'] }],
    ['an operator', { indexed: ['$a'] }],
    ['a position in a list', { indexed: ['a.0.b'] }],
    ['_id', { indexed: ['_id'] }],
    ['_system', { base64: { '_system.a': png } }],
    ['a blob that is indexed', { indexed: ['a'], base64: { a: png } }],
    ['an index within a blob', { indexed: ['a.b'], base64: { a: png } }],
    ['a blob within a blob', { base64: { a: png, 'a.b': png } }],
    ['an unknown charset', { base64: { a: { ...png, textCharset: 'utf-9' } } }],
  ])('refuses %s', (_, options) => {
    expect(() => payloadMap(options)).toThrow(ConfigError);
  });
});
