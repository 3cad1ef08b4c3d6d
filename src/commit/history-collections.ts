import type { mongo } from 'mongoose';
import { forgetOperations } from './operations.ts';
import type { Store } from './store.ts';
import { forgetVersions } from './versions-collection.ts';

/** What stands beside a collection: its versions, the number of the last one, and the calls that were made once. */
const SUFFIXES = ['_ver', '_counter', '_locks'] as const;

/**
 * Drops what is kept of a collection's documents. What comes into being later begins anew.
 *
 * @throws StorageError where versions are in object storage, and that does not delete them. Done again it goes on
 */
export async function dropHistory(store: Store): Promise<void> {
  forgetHistory(store);
  await store.dropLeft(store);
  await Promise.all(collectionsOf(store).map((collection) => collection.drop().catch(() => false)));
}

/** Lets the history of a collection follow it under its new name. */
export async function renameHistory(store: Store, name: string): Promise<void> {
  forgetHistory(store);
  await Promise.all(
    collectionsOf(store).map((collection, at) => collection.rename(`${name}${SUFFIXES[at]}`).catch(() => undefined)),
  );
}

/** Forgets that the collections exist, after something dropped them. */
export function forgetHistory(store: Store): void {
  forgetVersions(store);
  forgetOperations(store);
}

function collectionsOf({ head, versions }: Store): mongo.Collection[] {
  const { db } = versions as unknown as { db: mongo.Db };
  return SUFFIXES.map((suffix) => db.collection(`${head.collectionName}${suffix}`));
}
