import type { VersionFields } from '../types.ts';

/**
 * Whether versions are missing before the first one that is after some point. Where that is the very first version, or
 * follows a proof of erasure or the version before it, nothing is.
 *
 * @param versions all that are left of a document, in ascending order; some may be there twice
 */
export function isTrimmed(versions: readonly VersionFields[], isAfter: (version: VersionFields) => boolean): boolean {
  const at = versions.findIndex(isAfter);
  const next = versions[at];
  if (next === undefined || next.ov === 0 || next.op === 'ERASE') return false;
  return versions[at - 1]?.ov !== next.ov - 1;
}
