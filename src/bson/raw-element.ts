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

/** A value of any type, given by its type byte and encoded bytes. It may be put under another key than `key`. */
export function rawValue(bson: Bson, type: number, value: Uint8Array, key: string): unknown {
  return serializedBy(bson, (buffer, index) => {
    buffer[elementStart(buffer, index, key)] = type;
    buffer.set(value, index);
    return value.length;
  });
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

function serializedBy(bson: Bson, serializeInto: (buffer: Uint8Array, index: number) => number): unknown {
  return Object.defineProperty(Object.create(bson.ObjectId.prototype), 'serializeInto', { value: serializeInto });
}
