import type { mongo } from 'mongoose';
import { elementsOf, encodedSize, findElement } from '../bson/elements.ts';
import { topLevel } from '../bson/exact.ts';
import { keyOf, type RawValue, rebuild, withElement } from '../bson/rebuild.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { Bson, PayloadState, RawDocument, SystemFields, VersionFields } from '../types.ts';

/** What holds a version in MongoDB: the head of a document, or one of its version records. */
export interface Row {
  readonly bytes: Uint8Array;
  readonly system: VersionFields;
  /** The id of the document. */
  readonly id: unknown;
  readonly isHead: boolean;
}

export function rowOf(bson: Bson, bytes: Uint8Array, isHead: boolean): Row {
  const key = topLevel(bson, bytes, '_id');
  const id = isHead ? key : key instanceof Map ? key.get('id') : (key as { id?: unknown }).id;
  return { bytes, system: systemOfBytes(bson, bytes), id, isHead };
}

/** Matches the row for as long as it holds this version, whose payload has come that far and is where it was. */
export function stillThere(row: Row): mongo.Filter<RawDocument> {
  const { state, payload } = row.system;
  return {
    ...versionOf(row),
    ...(state === undefined ? {} : { '_system.state': state }),
    ...(payload === undefined ? {} : { '_system.payload.key': payload.key }),
  };
}

/** Matches the row for as long as it holds this version. */
export function versionOf({ id, system, isHead }: Row): mongo.Filter<RawDocument> {
  const version = isHead ? { _id: { $eq: id }, '_system.ov': system.ov } : { '_id.id': id, '_id.ov': system.ov };
  return version as mongo.Filter<RawDocument>;
}

/** The document of a row: under its own `_id`, and without bookkeeping. */
export function documentOf({ bytes, isHead }: Row): Uint8Array {
  return rebuild(bytes, 0, encodedSize(bytes), (key, element) => {
    if (key === '_system') return 'drop';
    return key === '_id' && !isHead ? ownId(bytes, element) : 'keep';
  });
}

function ownId(bytes: Uint8Array, record: { readonly value: number; readonly end: number }): RawValue | 'drop' {
  for (const element of elementsOf(bytes, record.value, record.end)) {
    if (keyOf(bytes, element) !== 'id') continue;
    return { type: element.type, bytes: bytes.subarray(element.value, element.end) };
  }
  return 'drop';
}

/** A document under the `_id` of a row. */
export function underIdOf(row: Uint8Array, document: Uint8Array): Uint8Array {
  const own = findElement(row, '_id');
  if (own === undefined) return document;
  const id = { type: own.type, bytes: row.subarray(own.value, own.end) };
  const known = findElement(document, '_id');
  if (known?.type === own.type && Buffer.compare(document.subarray(known.value, known.end), id.bytes) === 0) {
    return document;
  }
  return rebuild(document, 0, encodedSize(document), (key) => (key === '_id' ? id : 'keep'));
}

/** A row that refers to what was stored of it. */
export function referring(bson: Bson, bytes: Uint8Array, refers: Pick<SystemFields, 'payload' | 'blobs'>): Uint8Array {
  const given = bson.serialize(refers, { ignoreUndefined: true });
  const added = [...elementsOf(given, 0, encodedSize(given))].map(({ start, end }) => given.subarray(start, end));
  return rebuild(bytes, 0, encodedSize(bytes), (key, { type, value, end }) =>
    key === '_system'
      ? {
          type,
          bytes: added.reduce<Uint8Array>((system, field) => withElement(system, field), bytes.subarray(value, end)),
        }
      : 'keep',
  );
}

/** A row whose payload has come to another state. */
export function inState(bson: Bson, bytes: Uint8Array, state: PayloadState): Uint8Array {
  const value = bson.serialize({ state });
  const encoded = findElement(value, 'state');
  if (encoded === undefined) return bytes;
  const stated = { type: encoded.type, bytes: value.subarray(encoded.value, encoded.end) };
  return rebuild(bytes, 0, encodedSize(bytes), (key, element) => {
    if (key !== '_system') return 'keep';
    const fields = rebuild(bytes, element.value, element.end, (field) => (field === 'state' ? stated : 'keep'));
    return { type: element.type, bytes: fields };
  });
}
