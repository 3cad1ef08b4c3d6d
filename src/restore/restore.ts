import { decodeExact, equalsIgnoring } from '../bson/exact.ts';
import type { CapturedInsert, CapturedUpdate, DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { isDuplicateKey } from '../commit/mongo-errors.ts';
import { entriesOf } from '../commit/version-record.ts';
import { VersionNotFoundError } from '../errors.ts';
import type { StoredVersion } from '../history/document-history.ts';
import type { ChronosWriteOptions } from '../types.ts';

/**
 * Makes a past version the current one, by a new version of the same content. Nothing of the history is rewritten, and
 * the content comes back as it was stored: it is neither cast nor validated, so that an old shape survives a schema
 * that has moved on.
 *
 * @returns whether a version was made: a document that is in that state already stays as it is
 * @throws VersionNotFoundError when the version is a deletion
 */
export async function restoreVersion(
  committer: Committer,
  id: unknown,
  source: StoredVersion,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<boolean> {
  const { store } = committer;
  if (source.system.deleted === true) {
    throw new VersionNotFoundError(store.head.collectionName, id, `content in version ${source.system.ov}, a deletion`);
  }
  const content = exactContent(committer, id, source);
  const replaced = await committer.write(replacing(committer, id, content, source.system.ov, chronos, options));
  if (replaced.matched > 0) return replaced.modified > 0;
  try {
    await committer.insert(inserting(id, content, source.system.ov, chronos, options));
    return true;
  } catch (error) {
    // Somebody else brought the document back in between; a unique value taken meanwhile stays the caller's error.
    if (!isDuplicateKey(error) || options.session?.inTransaction()) throw error;
    const again = await committer.write(replacing(committer, id, content, source.system.ov, chronos, options));
    if (again.matched === 0) throw error;
    return again.modified > 0;
  }
}

/** The stored content, in values that serialize to the very same bytes. */
export function exactContent({ store }: Committer, id: unknown, source: StoredVersion): Map<string, unknown> {
  const content = new Map<string, unknown>();
  for (const [key, value] of entriesOf(decodeExact(store.bson, source.bytes))) {
    if (key === '_id') content.set(key, id);
    else if (key !== '_system') content.set(key, value);
  }
  return content;
}

function replacing(
  { store }: Committer,
  id: unknown,
  content: Map<string, unknown>,
  restoredFrom: number,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): CapturedUpdate {
  return {
    kind: 'update',
    method: 'replaceOne',
    op: 'RESTORE',
    filter: { _id: { $eq: id as never } },
    change: {
      form: 'computed',
      compute: (current) => (equalsIgnoring(current, store.bson.serialize(content), '_system') ? undefined : content),
    },
    restoredFrom,
    chronos,
    options,
  };
}

function inserting(
  id: unknown,
  content: Map<string, unknown>,
  restoredFrom: number,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): CapturedInsert {
  return { kind: 'insert', op: 'RESTORE', id, document: content, restoredFrom, chronos, options };
}
