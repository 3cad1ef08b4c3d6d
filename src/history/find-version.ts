import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import { deletedVersion, type StoredVersion, storedHead, storedVersion, storedVersionAt } from './document-history.ts';
import type { Point } from './instant.ts';

/** A version of a document: the current one, the one of a number, or the one that was current at an instant. */
export type Which = 'latest' | { readonly ov: number } | { readonly at: Point };

export interface FoundVersion {
  readonly version: StoredVersion;
  /** Whether it is the last content of a document that is deleted, under the bookkeeping of the deletion. */
  readonly isDeleted: boolean;
}

/**
 * Looks a version up.
 *
 * @param includeDeleted finds a deleted document as it last was; without it, there is none
 */
export async function findVersion(
  store: Store,
  id: unknown,
  which: Which,
  includeDeleted: boolean,
  session?: mongo.ClientSession,
): Promise<FoundVersion | undefined> {
  const version = await storedAs(store, id, which, session);
  if (version !== undefined && version.system.deleted !== true) return { version, isDeleted: false };
  // Of a number there may be no version at all, and not a deleted one either.
  if (!includeDeleted || (version === undefined && typeof which === 'object' && 'ov' in which)) return undefined;
  const last = await deletedVersion(store, id, which === 'latest' ? {} : which, session);
  return last === undefined ? undefined : { version: last, isDeleted: true };
}

function storedAs(
  store: Store,
  id: unknown,
  which: Which,
  session: mongo.ClientSession | undefined,
): Promise<StoredVersion | undefined> {
  if (which === 'latest') return storedHead(store, id, session);
  return 'ov' in which ? storedVersion(store, id, which.ov, session) : storedVersionAt(store, id, which.at, session);
}
