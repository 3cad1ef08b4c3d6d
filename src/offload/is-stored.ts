import { PayloadIntegrityError, PayloadMissingError } from '../errors.ts';
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
    await json.get(payload.key, { expected: payload });
    for (const blob of blobs) await content.get(blob.blobKey, { expected: blob });
    return true;
  } catch (error) {
    if (error instanceof PayloadMissingError || error instanceof PayloadIntegrityError) return false;
    throw error;
  }
}
