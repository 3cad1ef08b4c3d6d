import type { CapturedInsert, CapturedUpdate, DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { isDuplicateKey } from '../commit/mongo-errors.ts';
import { once } from '../commit/once.ts';
import { requireUnerased } from '../commit/past-life.ts';
import type { Store } from '../commit/store.ts';
import type { StoredVersion } from '../history/document-history.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { ChronosWriteOptions, SystemFields } from '../types.ts';
import { isCurrent, type Restorable, restorable } from './restorable.ts';

/**
 * Makes a past version the current one, by a new version of the same content. Nothing of the history is rewritten, and
 * the content comes back as it was stored: it is neither cast nor validated, so that an old shape survives a schema
 * that has moved on.
 *
 * @returns the bookkeeping of the version that was made by this very call: a document that is in that state already stays
 *   as it is
 * @throws VersionNotFoundError when the version is a deletion
 */
export async function restoreVersion(
  committer: Committer,
  source: StoredVersion,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<SystemFields | undefined> {
  const { store } = committer;
  const version = restorable(store, source);
  let made: SystemFields | undefined;
  await once(store, chronos, options.session, async (session) => {
    made = await bringBack(committer, version, chronos, { ...options, session });
    return made !== undefined;
  });
  return made;
}

/** Replaces the document by the version or, where it is deleted, inserts it again. */
export async function bringBack(
  committer: Committer,
  version: Restorable,
  chronos: ChronosWriteOptions,
  options: DriverOptions = {},
): Promise<SystemFields | undefined> {
  const replacing = replacementBy(committer.store, version, chronos, options);
  const replaced = await committer.write(replacing);
  if (replaced.matched > 0) return replaced.system;
  try {
    return (await committer.insert(insertOf(version, chronos, options))).system;
  } catch (error) {
    // Somebody else brought the document back in between; a unique value taken meanwhile stays the caller's error.
    if (!isDuplicateKey(error) || options.session?.inTransaction()) throw error;
    const again = await committer.write(replacing);
    if (again.matched === 0) throw error;
    return again.system;
  }
}

function replacementBy(
  store: Store,
  version: Restorable,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): CapturedUpdate {
  return {
    kind: 'update',
    method: 'replaceOne',
    op: 'RESTORE',
    filter: { _id: { $eq: version.id as never } },
    change: {
      form: 'computed',
      compute: (current) => {
        requireUnerased(store, version.id, version.ov, systemOfBytes(store.bson, current).erased);
        return isCurrent(version, current) ? undefined : new Map(version.content);
      },
    },
    restoredFrom: version.ov,
    chronos,
    options,
  };
}

function insertOf(
  { id, ov, content }: Restorable,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): CapturedInsert {
  return {
    kind: 'insert',
    op: 'RESTORE',
    id,
    document: new Map(content),
    restoredFrom: ov,
    repeats: ov,
    chronos,
    options,
  };
}
