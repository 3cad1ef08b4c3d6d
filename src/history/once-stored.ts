import type { Store } from '../commit/store.ts';
import { PayloadMissingError, StorageError } from '../errors.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';

/** More than that meet a document that somebody writes again and again. */
const ATTEMPTS = 10;

/**
 * Uses a version once its objects are in object storage. Where versions are kept it is the very one that was found first.
 * Where none are kept, its objects go when another takes its place: then it is that one.
 *
 * @param find looks it up, by its number once that is certain; undefined where there is none
 * @throws StorageError where object storage does not answer in time
 */
export async function onceStored<V, T>(
  store: Store,
  { find, bytesOf }: { find: (ov?: number) => Promise<V | undefined>; bytesOf: (version: V) => Uint8Array },
  use: (version: V) => Promise<T>,
  deadlineMs?: number,
): Promise<T | undefined> {
  let pinned: number | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const version = await find(pinned);
    if (version === undefined) return undefined;
    const { ov, state } = systemOfBytes(store.bson, bytesOf(version));
    if (store.versioning) pinned = ov;
    if (state === 'new-not-synched') await store.payload?.flush(deadlineMs);
    else {
      const used = await use(version).catch((error: unknown) => {
        if (store.versioning || !(error instanceof PayloadMissingError)) throw error;
        return REPLACED;
      });
      if (used !== REPLACED) return used as T;
    }
  }
  throw new StorageError({
    message: `Cannot read what is stored of a document of ${store.head.collectionName}: it is written again before it is. Try again later`,
    store: store.head.collectionName,
    retryable: true,
  });
}

const REPLACED = Symbol('replaced');
