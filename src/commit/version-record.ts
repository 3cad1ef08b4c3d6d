import { findElement } from '../bson/elements.ts';
import { decodeExact, type ExactDocument, topLevel } from '../bson/exact.ts';
import { rawFields } from '../bson/raw-element.ts';
import { DocumentTooLargeError } from '../errors.ts';
import { tenantOf } from '../row-id.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import { MAX_DOCUMENT_BYTES } from '../system/document-limit.ts';
import { nodeOf } from '../system/interval-tree.ts';
import type { Bson, SystemFields, VersionFields } from '../types.ts';
import type { Store } from './store.ts';

/** What a version record adds to the document it keeps, at the most. */
const BOOKKEEPING_BYTES = 1_024;

/** A document as the server holds it, with its id and bookkeeping at hand. */
export interface PreImage {
  readonly id: unknown;
  readonly system: SystemFields;
  /** The bytes as stored: what is kept of it must equal them. */
  readonly bytes: Uint8Array;
  /** The same decoded, each time it is asked for: most writes need no more than the two above. */
  readonly document: ExactDocument;
}

export function preImage(bson: Bson, bytes: Uint8Array): PreImage {
  return {
    id: topLevel(bson, bytes, '_id'),
    system: systemOfBytes(bson, bytes),
    bytes,
    get document() {
      return decodeExact(bson, bytes);
    },
  };
}

export function fieldOf(document: ExactDocument, key: string): unknown {
  if (document instanceof Map) return document.get(key);
  return Object.hasOwn(document, key) ? document[key] : undefined;
}

/**
 * The record of a version that is superseded at `until`: the document's own fields in their order, so that the
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
  const bookkeeping: VersionFields = { ...pre.system, until };
  if (untilCv !== undefined) bookkeeping.untilCv = untilCv;
  if (node !== undefined) bookkeeping.node = node;

  const record = new Map<string, unknown>([['_id', { id: pre.id, ov: pre.system.ov }]]);
  const fields = ownFields(pre.bytes);
  // The key that stands for them is as long as they are: the driver fills its batches by the lengths it sees.
  const key = ' '.repeat(fields.length);
  if (fields.length > 0) record.set(key, rawFields(store.bson, fields, key));
  return record.set('_system', bookkeeping);
}

/** The fields of a document as they are stored, without its `_id`, which the server puts first, and `_system`. */
export function ownFields(stored: Uint8Array): Buffer {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const start = findElement(bytes, '_id')?.end ?? FIRST_ELEMENT;
  const end = bytes.length - 1;
  const system = findElement(bytes, '_system');
  if (system === undefined) return bytes.subarray(start, end);
  const before = bytes.subarray(start, system.start);
  return system.end === end ? before : Buffer.concat([before, bytes.subarray(system.end, end)]);
}

const FIRST_ELEMENT = 4;

/** The record of a deletion: bookkeeping alone, and whose it is where tenants share the collection. */
export function tombstoneRecord({ tenantField }: Store, id: unknown, fields: VersionFields): Map<string, unknown> {
  const tenant = tenantOf(id);
  const owner: [string, unknown][] = tenantField !== undefined && tenant !== undefined ? [[tenantField, tenant]] : [];
  return new Map<string, unknown>([['_id', { id, ov: fields.ov }], ...owner, ['_system', fields]]);
}

export function entriesOf(document: ExactDocument): Iterable<[string, unknown]> {
  return document instanceof Map ? document : Object.entries(document);
}
