import type { RawDocument, SystemFields } from '../types.ts';
import { type CapturedDelete, type CapturedUpdate, type Outcome, returnsDocument } from './captured-write.ts';
import { type Stamp, tombstone } from './stamp.ts';
import type { Store } from './store.ts';
import type { PreImage } from './version-record.ts';

type SingleWrite = CapturedUpdate | CapturedDelete;

const NOTHING = { matched: 0, modified: 0, deleted: 0, inserted: 0 } as const;

/** Results in the driver's own shapes, for writes that were carried out by another command than the caller's. */
export const results = {
  /** Of a call that returns a document, which it has met or made; undefined where it returns none. */
  returned(store: Store, write: SingleWrite, bytes: Uint8Array | undefined, upsertedId?: unknown): unknown {
    const value = bytes === undefined ? null : decoded(store, write, bytes);
    if (write.options.includeResultMetadata !== true) return value;
    const updatedExisting = write.kind === 'update' ? { updatedExisting: upsertedId === undefined } : {};
    const upserted = upsertedId === undefined ? {} : { upserted: upsertedId };
    return { lastErrorObject: { n: 1, ...updatedExisting, ...upserted }, value, ok: 1 };
  },
  missed(write: SingleWrite): Outcome {
    return { ...NOTHING, result: resultOf(write, null, 0, 0) };
  },
  unchanged(store: Store, write: CapturedUpdate, pre: PreImage): Outcome {
    const modified = unchangedCount(write);
    return {
      ...NOTHING,
      matched: 1,
      modified,
      result: resultOf(write, () => decoded(store, write, pre.bytes), 1, modified),
    };
  },
  /**
   * @param system the bookkeeping that the write gave the document
   * @param post the document after the write, where the caller wants that one back
   */
  updated(store: Store, write: CapturedUpdate, pre: PreImage, system: SystemFields, post?: Uint8Array): Outcome {
    const bytes = write.options.returnDocument === 'after' && post !== undefined ? post : pre.bytes;
    const result = resultOf(write, () => decoded(store, write, bytes), 1, 1);
    return { ...NOTHING, matched: 1, modified: 1, result, system };
  },
  deleted(store: Store, write: CapturedDelete, pre: PreImage, stamp: Stamp): Outcome {
    const result = resultOf(write, () => decoded(store, write, pre.bytes), 1, 1);
    return { ...NOTHING, deleted: 1, result, system: tombstone(pre.system, stamp) };
  },
};

/**
 * What the server counts as modified where a write left its document as it was. It compares a replacement with the
 * stored document before it lends it the `_id`, so one that does not start with `_id` always counts.
 */
export function unchangedCount({ change }: CapturedUpdate): 0 | 1 {
  if (change.form !== 'replacement') return 0;
  const { document } = change;
  const [first] = document instanceof Map ? document.keys() : Object.keys(document);
  return first === '_id' ? 0 : 1;
}

function resultOf(write: SingleWrite, document: (() => RawDocument) | null, matched: number, changed: number): unknown {
  if (returnsDocument(write)) {
    const value = document === null ? null : document();
    if (write.options.includeResultMetadata !== true) return value;
    return {
      lastErrorObject: { n: matched, ...(write.kind === 'update' ? { updatedExisting: matched === 1 } : {}) },
      value,
      ok: 1,
    };
  }
  if (write.kind === 'delete') return { acknowledged: true, deletedCount: changed };
  return { acknowledged: true, modifiedCount: changed, upsertedId: null, upsertedCount: 0, matchedCount: matched };
}

const BSON_OPTIONS = ['promoteLongs', 'promoteValues', 'promoteBuffers', 'bsonRegExp', 'useBigInt64'] as const;

function decoded(store: Store, write: SingleWrite, bytes: Uint8Array): RawDocument {
  const inherited = store.head.db.client.options as unknown as Record<string, unknown>;
  const asked = BSON_OPTIONS.map((key) => [key, write.options[key] ?? inherited[key]]);
  const options = Object.fromEntries(asked.filter(([, value]) => value !== undefined));
  const document = store.bson.deserialize(bytes, options) as RawDocument;
  delete document._system;
  return document;
}
