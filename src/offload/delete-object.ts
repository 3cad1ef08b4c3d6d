import { StorageError } from '../errors.ts';
import type { PayloadStore } from '../payload/payload-store.ts';

/**
 * Deletes an object, with all versions of it that the store keeps.
 *
 * @returns `retained` where the store is not allowed to delete it yet: it is under a retention or a legal hold
 * @throws StorageError
 */
export async function deleteObject(store: PayloadStore, key: string): Promise<'removed' | 'retained'> {
  try {
    await store.delete(key, { allVersions: true });
    return 'removed';
  } catch (error) {
    if (error instanceof StorageError && error.retained) return 'retained';
    throw error;
  }
}
