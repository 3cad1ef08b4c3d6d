import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { toStoredJson } from '../bson/stored-json.ts';
import { fromStoredJson } from '../bson/stored-json-reader.ts';
import type { Bson } from '../types.ts';
import { type Digest, digestOf } from './digest.ts';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Higher ones take twice the time or more, and save a tenth at most. */
const LEVEL = 3;
/** Below this, the object's own headers weigh more than what compression saves. */
const WORTH_COMPRESSING = 1024;
/** What compression must leave at most. */
const LEAST_GAIN = 0.9;

/** What must be known of a stored body to read it. Its digest is that of the bytes as they are stored. */
export interface BodyFacts extends Digest {
  /** Left out where the bytes are JSON as they are. Kept as the object's `Content-Encoding` too. */
  readonly encoding?: 'gzip' | undefined;
  /** The length of the JSON, in bytes: more is never decompressed. */
  readonly size: number;
}

export interface EncodedBody extends BodyFacts {
  readonly bytes: Uint8Array;
}

/**
 * A document as the bytes of `item.json`: exact JSON (see `toStoredJson`), with gzip where that pays. Not zstd, which
 * readers on Node 20 do not have.
 */
export async function encodeBody(bson: Bson, document: Uint8Array): Promise<EncodedBody> {
  const json = Buffer.from(toStoredJson(bson, document), 'utf8');
  const smaller = json.length < WORTH_COMPRESSING ? undefined : await compress(json, { level: LEVEL });
  if (smaller === undefined || smaller.length > json.length * LEAST_GAIN) {
    return { bytes: json, ...digestOf(json), size: json.length };
  }
  return { bytes: smaller, ...digestOf(smaller), size: json.length, encoding: 'gzip' };
}

/** The document of a stored body, byte for byte. Its digest has been checked. */
export async function decodeBody(bson: Bson, bytes: Uint8Array, { encoding, size }: BodyFacts): Promise<Uint8Array> {
  const json = encoding === 'gzip' ? await decompress(bytes, { maxOutputLength: Math.max(size, 1) }) : bytes;
  return fromStoredJson(bson, Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8'));
}
