import type { mongo } from 'mongoose';
import type { Digest } from '../payload/digest.ts';
import { BY_ID } from '../system/version-indexes.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import type { PayloadStores } from './payload-stores.ts';
import type { Offloading } from './upload-row.ts';

/** What a version refers to. */
export type Referring = Pick<SystemFields, 'payload' | 'blobs'>;

/** An object that a version refers to. */
interface Reference {
  readonly bucket: keyof PayloadStores;
  readonly key: string;
  /** What was stored; undefined for texts, which are made of their blob. */
  readonly expected: Digest | undefined;
}

/** All objects that a version refers to. */
export function referencesIn({ payload, blobs = [] }: Referring): Reference[] {
  const ofBlobs = blobs.flatMap(({ blobKey, textKey, ...expected }): Reference[] => [
    { bucket: 'content', key: blobKey, expected },
    ...(textKey === undefined ? [] : [{ bucket: 'content', key: textKey, expected: undefined } as const]),
  ]);
  return payload === undefined ? ofBlobs : [{ bucket: 'json', key: payload.key, expected: payload }, ...ofBlobs];
}

/** The keys of them. */
export function keysOf(version: Referring): string[] {
  return referencesIn(version).map(({ key }) => key);
}

/**
 * The keys of all objects that something of a collection refers to, each as often as that.
 *
 * In the order in which references move on: heads first, for what is superseded meanwhile is then found among the
 * versions, and then those that have left the collection. Each is read along its ids, which no write moves.
 */
export async function* referredKeys({ head, versions, leftOnes }: Offloading): AsyncGenerator<string> {
  yield* referencesOf(head, { _id: 1 });
  yield* referencesOf(versions, BY_ID);
  for await (const version of leftOnes?.() ?? []) yield* keysOf(version);
}

const FIELDS = {
  _id: 0,
  '_system.payload.key': 1,
  '_system.blobs.blobKey': 1,
  '_system.blobs.textKey': 1,
} as const;
const BATCH_ROWS = 1_000;

async function* referencesOf(collection: mongo.Collection<RawDocument>, hint: mongo.Sort): AsyncGenerator<string> {
  const options = { projection: FIELDS, sort: hint, hint: hint as mongo.Hint, batchSize: BATCH_ROWS } as const;
  // What is seen here is never undone: a version that is gone stays so when another member of the replica set takes over.
  const rows = collection.find({}, { ...options, readPreference: 'primary', readConcern: { level: 'majority' } });
  for await (const { _system } of rows) yield* keysOf((_system ?? {}) as Referring);
}
