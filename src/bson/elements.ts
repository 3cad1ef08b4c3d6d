/**
 * Reading raw BSON without decoding it. The layout of a document is
 *
 *     int32 size | element* | 0x00          element = type byte | key | 0x00 | value
 *
 * https://bsonspec.org/spec.html
 */

/** The type bytes of BSON elements. */
export const BsonType = {
  double: 0x01,
  string: 0x02,
  object: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  dbPointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int: 0x10,
  timestamp: 0x11,
  long: 0x12,
  decimal: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
} as const;

/** Where one element lies in its document: type byte at `start`, value from `value` up to `end`. */
export interface ElementSpan {
  readonly type: number;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** The bytes given as a document do not have the layout of one. */
export class MalformedBson extends Error {
  override readonly name = 'MalformedBson';
}

const FIXED_SIZE: Readonly<Record<number, number>> = {
  [BsonType.double]: 8,
  [BsonType.undefined]: 0,
  [BsonType.objectId]: 12,
  [BsonType.boolean]: 1,
  [BsonType.date]: 8,
  [BsonType.null]: 0,
  [BsonType.int]: 4,
  [BsonType.timestamp]: 8,
  [BsonType.long]: 8,
  [BsonType.decimal]: 16,
  [BsonType.maxKey]: 0,
  [BsonType.minKey]: 0,
};

/** The little-endian int32 at an offset. */
export function int32At(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  );
}

/** The offset just past the NUL that ends the C string at an offset. */
export function pastCString(bytes: Uint8Array, offset: number): number {
  const nul = bytes.indexOf(0, offset);
  if (nul < 0) throw new MalformedBson('C string is not terminated');
  return nul + 1;
}

/** The offset just past a value of the given type. */
export function pastValue(bytes: Uint8Array, type: number, offset: number): number {
  const fixed = FIXED_SIZE[type];
  if (fixed !== undefined) return offset + fixed;
  switch (type) {
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return offset + 4 + sizeAt(bytes, offset, 1);
    case BsonType.object:
    case BsonType.array:
    case BsonType.codeWithScope:
      return offset + sizeAt(bytes, offset, 5);
    case BsonType.binary:
      return offset + 5 + sizeAt(bytes, offset, 0);
    case BsonType.dbPointer:
      return offset + 4 + sizeAt(bytes, offset, 1) + 12;
    case BsonType.regex:
      return pastCString(bytes, pastCString(bytes, offset));
    default:
      throw new MalformedBson(`Unknown BSON type 0x${type.toString(16)}`);
  }
}

function sizeAt(bytes: Uint8Array, offset: number, least: number): number {
  const size = int32At(bytes, offset);
  if (size < least || size > bytes.length - offset) throw new MalformedBson(`Length ${size} does not fit`);
  return size;
}

/** The size in bytes that a raw document declares. Throws if that is not what it has. */
export function encodedSize(bytes: Uint8Array): number {
  const size = bytes.length < 5 ? -1 : int32At(bytes, 0);
  if (size !== bytes.length || bytes[size - 1] !== 0) {
    throw new MalformedBson(`Expected one whole BSON document, found ${bytes.length} bytes that declare ${size}`);
  }
  return size;
}

/** One element of a document or an array: its key from `key` up to `value - 1`, its value from `value` up to `end`. */
export interface Element extends ElementSpan {
  readonly key: number;
}

/** The elements of the document or array that lies from `offset` up to `end`. */
export function* elementsOf(bytes: Uint8Array, offset: number, end: number): Generator<Element> {
  const last = end - 1;
  if (int32At(bytes, offset) !== end - offset || bytes[last] !== 0)
    throw new MalformedBson('Document is not terminated');
  for (let start = offset + 4; start < last; ) {
    const type = bytes[start] as number;
    const value = pastCString(bytes, start + 1);
    const past = pastValue(bytes, type, value);
    if (past > last) throw new MalformedBson('Element runs past the end of its document');
    yield { type, start, key: start + 1, value, end: past };
    start = past;
  }
}

/** The first element with a key, found without decoding the ones before it. */
export function findElement(bytes: Uint8Array, key: string): ElementSpan | undefined {
  const wanted = Buffer.from(`${key}\0`, 'utf8');
  const last = encodedSize(bytes) - 1;
  for (let start = 4; start < last; ) {
    const type = bytes[start] as number;
    const value = pastCString(bytes, start + 1);
    const end = pastValue(bytes, type, value);
    if (end > last) throw new MalformedBson('Element runs past the end of its document');
    if (sameBytes(bytes, start + 1, wanted)) return { type, start, value, end };
    start = end;
  }
  return undefined;
}

function sameBytes(bytes: Uint8Array, offset: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[offset + i] !== wanted[i]) return false;
  return true;
}

/**
 * Whether two raw documents are equal byte for byte, leaving out one top-level field, wherever it stands in either.
 * Order of fields counts, and so do types: `5` and `5.0` differ here.
 */
export function equalsIgnoring(a: Uint8Array, b: Uint8Array, key: string): boolean {
  const fieldA = findElement(a, key);
  const fieldB = findElement(b, key);
  const holeA = fieldA === undefined ? 0 : fieldA.end - fieldA.start;
  const holeB = fieldB === undefined ? 0 : fieldB.end - fieldB.start;
  if (a.length - holeA !== b.length - holeB) return false;
  return Buffer.compare(withoutSpan(a, fieldA), withoutSpan(b, fieldB)) === 0;
}

function withoutSpan(bytes: Uint8Array, span: ElementSpan | undefined): Uint8Array {
  if (span === undefined) return bytes.subarray(4);
  return Buffer.concat([bytes.subarray(4, span.start), bytes.subarray(span.end)]);
}
