import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { decodeExact } from '../../../src/bson/exact.ts';
import { decodeBody, encodeBody } from '../../../src/payload/body-codec.ts';
import { digestOf } from '../../../src/payload/digest.ts';
import { oddRawDocuments, rawDocuments } from '../../support/bson-arbitrary.ts';

/** For properties on a machine with other work. */
const SLOW = 60_000;

const bson = mongoose.mongo.BSON;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('bodies', () => {
  it(
    'come back byte for byte, small or large',
    async () => {
      const repeated = rawDocuments.map((bytes) =>
        bson.serialize({ list: new Array(50).fill(decodeExact(bson, bytes)) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.oneof(rawDocuments, oddRawDocuments, repeated), async (bytes) => {
          const body = await encodeBody(bson, bytes);
          expect(hex(await decodeBody(bson, body.bytes, body))).toBe(hex(bytes));
        }),
        { numRuns: 300 },
      );
    },
    SLOW,
  );

  it('tell the digest of what is stored', async () => {
    for (const text of ['x', 'x'.repeat(5000)]) {
      const body = await encodeBody(bson, bson.serialize({ text }));
      expect(body).toMatchObject(digestOf(body.bytes));
    }
  });

  it('are compressed where it pays', async () => {
    const noise = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7919 + index ** 3) % 256));
    const encodingOf = async (document: object) => (await encodeBody(bson, bson.serialize(document))).encoding;
    expect(await encodingOf({ text: 'x'.repeat(500) })).toBeUndefined();
    expect(await encodingOf({ text: 'x'.repeat(5000) })).toBe('gzip');
    expect(await encodingOf({ noise: [noise] })).toBe('gzip'); // three quarters, as base64 is
  });

  it('are never decompressed beyond their known size', async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 24, ' '));
    await expect(decodeBody(bson, bomb, { ...digestOf(bomb), encoding: 'gzip', size: 100 })).rejects.toThrow(
      'larger than 100',
    );
  });
});
