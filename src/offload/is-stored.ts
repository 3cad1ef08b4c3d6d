import { PayloadIntegrityError, PayloadMissingError } from '../errors.ts';
import type { Digest } from '../payload/digest.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import type { SystemFields } from '../types.ts';
import type { PayloadStores } from './payload-stores.ts';

/**
 * Whether all objects of a version are there, and are what was stored: they are read, for what leaves MongoDB then is
 * nowhere else.
 *
 * @throws StorageError where a store does not answer
 */
export async function isStored({ json, content }: PayloadStores, system: SystemFields): Promise<boolean> {
  const { payload, blobs = [] } = system;
  if (payload === undefined) return false;
  try {
    await readObject(json, payload.key, payload);
    for (const blob of blobs) await readObject(content, blob.blobKey, blob);
    return true;
  } catch (error) {
    if (error instanceof PayloadMissingError || error instanceof PayloadIntegrityError) return false;
    throw error;
  }
}

/** Larger ones are not held as a whole. */
const LARGE = 2 ** 20;

/**
 * Reads an object, to see that it is what was stored.
 *
 * @throws PayloadMissingError; PayloadIntegrityError; StorageError
 */
export async function readObject(store: PayloadStore, key: string, expected: Digest): Promise<void> {
  if (expected.length > LARGE && (await isStreamed(store, key, expected))) return;
  await store.get(key, { expected });
}

/** A stream is not asked for again where it is cut or damaged on its way: the whole object is, after that. */
async function isStreamed(store: PayloadStore, key: string, expected: Digest): Promise<boolean> {
  try {
    for await (const _ of await store.stream(key, { expected }));
    return true;
  } catch (error) {
    if (error instanceof PayloadMissingError) throw error;
    return false;
  }
}
