import { decodeExact, type ExactDocument, topLevel } from '../bson/exact.ts';
import { DocumentTooLargeError } from '../errors.ts';
import { nodeOf } from '../system/interval-tree.ts';
import type { Bson, SystemFields, VersionFields } from '../types.ts';
import type { Store } from './store.ts';

/** The server's limit for one document, and what a version record adds to the document it keeps at the most. */
const MAX_DOCUMENT_BYTES = 16_777_216;
const BOOKKEEPING_BYTES = 1_024;

/** A document as the server holds it, with its id and bookkeeping at hand. */
export interface PreImage {
  readonly id: unknown;
  readonly system: SystemFields;
  /** The bytes as stored: what is kept of it must equal them. */
  readonly bytes: Uint8Array;
  readonly document: ExactDocument;
}

export function preImage(bson: Bson, bytes: Uint8Array): PreImage {
  const document = decodeExact(bson, bytes);
  return { id: fieldOf(document, '_id'), system: systemOf(fieldOf(document, '_system')), bytes, document };
}

/** The bookkeeping of a head document. One from before the plugin has none: it is version 0, current since ever. */
export function systemOf(stored: unknown): SystemFields {
  if (stored instanceof Map) return systemOf(Object.fromEntries(stored));
  if (typeof stored !== 'object' || stored === null) return { ov: 0 };
  const fields = stored as SystemFields;
  return { ...fields, ov: Number(fields.ov ?? 0) };
}

/** The bookkeeping of raw bytes, without decoding the rest of them. */
export function systemOfBytes(bson: Bson, bytes: Uint8Array): SystemFields {
  return systemOf(topLevel(bson, bytes, '_system'));
}

export function fieldOf(document: ExactDocument, key: string): unknown {
  if (document instanceof Map) return document.get(key);
  return Object.hasOwn(document, key) ? document[key] : undefined;
}

/**
 * The record of a version that is superseded at `until`: the document's own fields where they stand, so that the
 * past answers the same queries as the present, but for
 *
 *     { _id: { id: <its _id>, ov: 3 }, …, _system: { ov: 3, updatedAt: <from>, until: <until>, node: 63…, … } }
 *
 * `node` is where an index finds the interval; a version that was superseded in its own millisecond has none.
 */
export function versionRecord(store: Store, pre: PreImage, until: Date, untilCv?: number): Map<string, unknown> {
  if (pre.bytes.length + BOOKKEEPING_BYTES > MAX_DOCUMENT_BYTES) {
    throw new DocumentTooLargeError(store.head.collectionName, pre.id);
  }
  const node = nodeOf(pre.system.updatedAt, until);
  const bookkeeping: VersionFields = {
    ...pre.system,
    until,
    ...(untilCv === undefined ? {} : { untilCv }),
    ...(node === undefined ? {} : { node }),
  };
  const record = new Map<string, unknown>([['_id', { id: pre.id, ov: pre.system.ov }]]);
  for (const [key, value] of entriesOf(pre.document)) {
    if (key === '_system') record.set(key, bookkeeping);
    else if (key !== '_id') record.set(key, value);
  }
  if (!record.has('_system')) record.set('_system', bookkeeping);
  return record;
}

/** The record of a deletion: bookkeeping alone. */
export function tombstoneRecord(id: unknown, fields: VersionFields): Map<string, unknown> {
  return new Map<string, unknown>([
    ['_id', { id, ov: fields.ov }],
    ['_system', fields],
  ]);
}

export function entriesOf(document: ExactDocument): Iterable<[string, unknown]> {
  return document instanceof Map ? document : Object.entries(document);
}
