import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { toStoredJson } from '../bson/stored-json.ts';
import { fromStoredJson } from '../bson/stored-json-reader.ts';
import type { Store } from '../commit/store.ts';
import { PayloadMissingError } from '../errors.ts';
import { type Digest, digestOf } from '../payload/digest.ts';
import type { Bson } from '../types.ts';
import { type DueRecord, dueRecord } from './due-records.ts';
import { type Manifest, manifestRecords, versionsStore } from './manifests.ts';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** A manifest's object: gzip of version records, one a line, in the exact form of `bson/stored-json.ts`. */
export interface Body extends Digest {
  readonly bytes: Uint8Array;
  /** The length of the lines, in bytes. */
  readonly size: number;
}

export async function encodeRecords(bson: Bson, records: readonly DueRecord[]): Promise<Body> {
  const lines = Buffer.from(records.map(({ bytes }) => `${toStoredJson(bson, bytes)}\n`).join(''), 'utf8');
  const bytes = await compress(lines);
  return { bytes, ...digestOf(bytes), size: lines.length };
}

const CACHED_BYTES = 64 * 2 ** 20;

/** What was read last, by the digest of what was stored. */
const cache = new LRUCache<string, Buffer>({ maxSize: CACHED_BYTES, sizeCalculation: ({ length }) => length + 1 });

/**
 * The records of a manifest.
 *
 * @throws PayloadMissingError; PayloadIntegrityError for an object that is not the one that was stored; StorageError
 */
export async function readRecords(store: Store, manifest: Manifest): Promise<DueRecord[]> {
  const lines = cache.get(manifest.sha256) ?? (await fetchLines(store, manifest));
  cache.set(manifest.sha256, lines);
  return textOf(lines).map((line) => dueRecord(store, fromStoredJson(store.bson, line)));
}

/** The same; undefined for a manifest that has been replaced or given up meanwhile. */
export async function readIfCurrent(store: Store, manifest: Manifest): Promise<DueRecord[] | undefined> {
  try {
    return await readRecords(store, manifest);
  } catch (error) {
    if (!(error instanceof PayloadMissingError)) throw error;
    const current = await manifestRecords(store).findOne({ _id: manifest._id, state: 'kept' });
    if (current !== null) throw error;
    return undefined;
  }
}

/** Forgets what was read. */
export function forgetRecords(): void {
  cache.clear();
}

async function fetchLines(store: Store, { _id, size, ...expected }: Manifest): Promise<Buffer> {
  const stored = await versionsStore(store).get(_id.manifest, { expected });
  return decompress(stored, { maxOutputLength: Math.max(size, 1) });
}

function textOf(lines: Buffer): string[] {
  return lines.toString('utf8').split('\n').slice(0, -1);
}
