import type { Bson } from '../types.ts';

/**
 * Values that the serializer writes byte for byte as given, for what no JavaScript value expresses.
 *
 * The serializer writes an ObjectId as `0x07 key 0x00` and then asks the value itself for the rest, by
 * `serializeInto(buffer, index)` (bson 6 and 7, `serializeObjectId`). That is the one place where a value decides what
 * bytes appear, so the values here go back to the `0x07` and put their own type byte, or whole fields, in its place.
 * `calculateObjectSize` takes them for the 12 bytes of an ObjectId.
 */

const OBJECT_ID = 0x07;

const ENCODED = Symbol('encoded');

/** A value by its type byte and encoded bytes. */
export interface EncodedValue {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A value of any type, given by its type byte and encoded bytes. It may be put under another key than `key`. */
export function rawValue(bson: Bson, type: number, bytes: Uint8Array, key: string): unknown {
  const value = serializedBy(bson, (buffer, index) => {
    buffer[elementStart(buffer, index, key)] = type;
    buffer.set(bytes, index);
    return bytes.length;
  });
  return Object.defineProperty(value, ENCODED, { value: { type, bytes } satisfies EncodedValue });
}

/** What {@link rawValue} made a value of, or `undefined` for any other value. */
export function encodedValue(value: object): EncodedValue | undefined {
  return (value as { readonly [ENCODED]?: EncodedValue })[ENCODED];
}

/** One or more whole fields, keys included, that appear in place of the field they are put under. */
export function rawFields(bson: Bson, fields: Uint8Array, key: string): unknown {
  return serializedBy(bson, (buffer, index) => {
    const start = elementStart(buffer, index, key);
    buffer.set(fields, start);
    return start + fields.length - index;
  });
}

/** Searching back for the type byte finds it under any key, but for one with that very character in it. */
function elementStart(buffer: Uint8Array, index: number, key: string): number {
  if (key.includes('\x07')) return index - Buffer.byteLength(key, 'utf8') - 2;
  return buffer.lastIndexOf(OBJECT_ID, index - 2);
}

function serializedBy(bson: Bson, serializeInto: (buffer: Uint8Array, index: number) => number): object {
  return Object.defineProperty(Object.create(bson.ObjectId.prototype) as object, 'serializeInto', {
    value: serializeInto,
  });
}
