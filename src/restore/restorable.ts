import { encodeWhole } from '../bson/encode-whole.ts';
import { decodeExact, equalsIgnoring } from '../bson/exact.ts';
import type { Store } from '../commit/store.ts';
import { entriesOf, fieldOf } from '../commit/version-record.ts';
import { VersionNotFoundError } from '../errors.ts';
import type { StoredVersion } from '../history/document-history.ts';

/** A past version, ready to become the current one. */
export interface Restorable {
  /** The document's id, of the very type it is stored with. */
  readonly id: unknown;
  /** The version whose content this is. */
  readonly ov: number;
  /** The content with its `_id`, in values that serialize to the very bytes that were stored. */
  readonly content: ReadonlyMap<string, unknown>;
  readonly bytes: Uint8Array;
}

/** @throws VersionNotFoundError when the version is a deletion, which has no content */
export function restorable(store: Store, { bytes, system, isHead }: StoredVersion): Restorable {
  const document = decodeExact(store.bson, bytes);
  const key = fieldOf(document, '_id');
  const id = isHead ? key : fieldOf(key as Record<string, unknown>, 'id');
  if (system.deleted === true) {
    throw new VersionNotFoundError(store.head.collectionName, id, `content in version ${system.ov}, a deletion`);
  }
  const content = new Map<string, unknown>();
  for (const [field, value] of entriesOf(document)) {
    if (field === '_id') content.set(field, id);
    else if (field !== '_system') content.set(field, value);
  }
  return { id, ov: system.ov, content, bytes: encodeWhole(store.bson, content) };
}

/** Whether a head is in that state already, whatever its bookkeeping says. */
export function isCurrent({ bytes }: Restorable, head: Uint8Array): boolean {
  return equalsIgnoring(head, bytes, '_system');
}
