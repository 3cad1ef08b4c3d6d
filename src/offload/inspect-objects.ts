import { PayloadIntegrityError, PayloadMissingError } from '../errors.ts';
import type { Digest } from '../payload/digest.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import { readObject } from './is-stored.ts';
import type { PayloadStores } from './payload-stores.ts';
import { type Referring, referencesIn } from './references.ts';

/** An object that a version refers to. */
export interface ReferredObject {
  readonly store: PayloadStore;
  readonly key: string;
  /** What was stored; undefined for texts, which are made of their blob. */
  readonly expected: Digest | undefined;
}

/** What may be wrong with it: it is not there, or it is not what was stored. */
export type ObjectFault = 'missing-object' | 'damaged-object';

/** The objects that a version refers to. */
export function objectsOf(stores: PayloadStores, version: Referring): ReferredObject[] {
  return referencesIn(version).map(({ bucket, key, expected }) => ({ store: stores[bucket], key, expected }));
}

/**
 * What is wrong with an object, as its store knows it; or as its bytes are, which takes reading it.
 *
 * @throws StorageError where the store does not answer
 */
export async function faultOf(
  { store, key, expected }: ReferredObject,
  reads: boolean,
): Promise<ObjectFault | undefined> {
  const facts = await store.head(key);
  if (facts === undefined) return 'missing-object';
  if (expected === undefined) return undefined;
  if (facts.length !== expected.length) return 'damaged-object';
  return reads ? faultOfBytes(store, key, expected) : undefined;
}

async function faultOfBytes(store: PayloadStore, key: string, expected: Digest): Promise<ObjectFault | undefined> {
  try {
    await readObject(store, key, expected);
    return undefined;
  } catch (error) {
    if (error instanceof PayloadIntegrityError) return 'damaged-object';
    if (error instanceof PayloadMissingError) return 'missing-object';
    throw error;
  }
}
