import type { PresignedBlob } from '../payload/presign-blobs.ts';
import type { Actor, Op, PayloadState, RawDocument, SystemFields } from '../types.ts';

/** What of a version's bookkeeping is told with its content. */
export interface ItemSystem {
  /** Object version: 0 for the first, one more with every change. */
  readonly ov: number;
  /** Collection version; null where versions are not numbered across the collection. */
  readonly cv: number | null;
  readonly insertedAt: Date;
  /** From when this version was current. */
  readonly updatedAt: Date;
  readonly deleted: boolean;
  readonly deletedAt?: Date;
  /** The functions that have enriched the document, the first one first. */
  readonly functionIds: readonly string[];
  /** Absent where payloads are not kept in object storage. */
  readonly state?: PayloadState;
}

/** What made a version. */
export interface ItemMeta {
  readonly ov: number;
  readonly cv: number | null;
  readonly op: Op;
  /** From when it was current. */
  readonly at: Date;
  readonly actor?: Actor;
  readonly reason?: string;
  readonly functionId?: string;
  /** The version whose content a restore brought back. */
  readonly restoredFrom?: number;
}

/** A document, of now or of then. */
export interface Item<T> {
  /** An ObjectId by its 24 hexadecimal digits; an id of another type as it is. */
  readonly id: string;
  /** Its content, or what a projection asks for of it. */
  readonly item: T & { readonly _system: ItemSystem };
  /** With `includeMeta`. */
  readonly _meta?: ItemMeta;
  /** With `presign`: addresses of its blobs, by their paths. */
  readonly presigned?: Readonly<Record<string, PresignedBlob>>;
}

/** An id as it is told. */
export function shownItemId(id: unknown): string {
  const { _bsontype, toHexString } = (id ?? {}) as { _bsontype?: unknown; toHexString?: () => string };
  return (_bsontype === 'ObjectId' && toHexString !== undefined ? toHexString.call(id) : id) as string;
}

/** The content of a document, without its id, and with what is told of its bookkeeping. */
export function itemOf<T>(document: RawDocument, system: SystemFields): Item<T>['item'] {
  const { _id, _system, ...content } = document;
  return { ...content, _system: itemSystem(system) } as Item<T>['item'];
}

function itemSystem({ ov, cv, insertedAt, updatedAt, deleted = false, ...more }: SystemFields): ItemSystem {
  const { deletedAt, functionIds = [], state } = more;
  return {
    ov,
    cv: cv ?? null,
    insertedAt: insertedAt as Date,
    updatedAt: updatedAt as Date,
    deleted,
    ...(deletedAt === undefined ? {} : { deletedAt }),
    functionIds,
    ...(state === undefined ? {} : { state }),
  };
}

export function metaOf({ ov, cv, op, updatedAt, actor, reason, functionId, restoredFrom }: SystemFields): ItemMeta {
  return {
    ov,
    cv: cv ?? null,
    op: op ?? (ov === 0 ? 'CREATE' : 'UPDATE'),
    at: updatedAt as Date,
    ...(actor === undefined ? {} : { actor }),
    ...(reason === undefined ? {} : { reason }),
    ...(functionId === undefined ? {} : { functionId }),
    ...(restoredFrom === undefined ? {} : { restoredFrom }),
  };
}
