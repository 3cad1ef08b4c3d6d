import type { Bson } from '../types.ts';
import { BsonType, encodedSize, findElement, int32At, MalformedBson, pastCString, pastValue } from './elements.ts';
import { describeKey, type InternedKey, internKey } from './interned-keys.ts';
import { rawFields, rawValue } from './raw-element.ts';

export { encodedSize, equalsIgnoring } from './elements.ts';

/**
 * A decoded document: a plain object where one keeps everything, else a `Map`. A plain object reorders integer-like
 * keys and loses `__proto__`; `_bsontype` would forge a type.
 */
export type ExactDocument = Record<string, unknown> | Map<string, unknown>;

/**
 * Decodes raw BSON into values that the driver's serializer turns back into the very same bytes.
 *
 * Types stay what they are: an int32 is a number, a double that happens to be whole a `Double`, an int64 a `Long`, a
 * regular expression a `BSONRegExp`, and `{ $ref, $id }` stays a document. What no JavaScript value can express (the
 * deprecated `undefined` and DBPointer, dates beyond year 275760, invalid UTF-8, repeated keys) is carried as an opaque
 * value that only the serializer understands. Binary values share memory with `bytes`.
 */
export function decodeExact(bson: Bson, bytes: Uint8Array): ExactDocument {
  encodedSize(bytes);
  const reader = new ExactReader(bson, bytes);
  return reader.readDocument(0) ?? reader.readFieldByField();
}

/**
 * The value of one top-level field, decoded as {@link decodeExact} does and without decoding the others;
 * `undefined` where the field is missing.
 */
export function topLevel(bson: Bson, bytes: Uint8Array, key: string): unknown {
  const element = findElement(bytes, key);
  if (element === undefined) return undefined;
  return new ExactReader(bson, bytes).readElement(element.type, element.value, key);
}

const CANONICAL_NAN_HIGH = 0x7ff80000;
const MAX_DATE = 8.64e15;
const REGEX_OPTIONS = /^i?l?m?s?u?x?$/;
const double = new DataView(new ArrayBuffer(8));

/** What `#readValue` answers where no JavaScript value serializes to those bytes. */
const INEXPRESSIBLE = Symbol('inexpressible');

class ExactReader {
  readonly #bson: Bson;
  readonly #bytes: Buffer;
  /** The offset just past what was read last. */
  #at = 0;

  constructor(bson: Bson, bytes: Uint8Array) {
    this.#bson = bson;
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The document at an offset, or `undefined` if its keys cannot be those of a JavaScript value. */
  readDocument(offset: number): ExactDocument | undefined {
    const bytes = this.#bytes;
    const last = this.#lastOf(offset);
    const fields: Record<string, unknown> = {};
    let start = offset + 4;
    while (start < last) {
      const type = bytes[start] as number;
      let nul = start + 1;
      while (bytes[nul] !== 0) nul++;
      const key = internKey(bytes, start + 1, nul) ?? this.#decodeKey(start + 1, nul);
      if (key === undefined) return undefined;
      if (!key.plain) return this.#continueAsMap(fields, start, last);
      const name = key.text;
      if (fields[name] !== undefined) return undefined;
      fields[name] = this.readElement(type, nul + 1, name);
      start = this.#at;
    }
    this.#finish(start, last);
    return fields;
  }

  /** The value of one element, as one that the serializer writes back as it was. */
  readElement(type: number, offset: number, key: string): unknown {
    const value = this.#readValue(type, offset);
    if (value !== INEXPRESSIBLE) return value;
    this.#at = pastValue(this.#bytes, type, offset);
    return rawValue(this.#bson, type, this.#bytes.subarray(offset, this.#at), key);
  }

  /** A root document with keys that no JavaScript value has: those fields become opaque ones under other names. */
  readFieldByField(): ExactDocument {
    const bytes = this.#bytes;
    const map = new Map<string, unknown>();
    for (let start = 4; start < bytes.length - 1; start = this.#at) {
      const type = bytes[start] as number;
      const offset = pastCString(bytes, start + 1);
      const key = this.#decodeKey(start + 1, offset - 1)?.text;
      if (key !== undefined && !map.has(key)) {
        map.set(key, this.readElement(type, offset, key));
      } else {
        this.#at = pastValue(bytes, type, offset);
        const name = unusedName(map, key ?? '\uFFFD');
        map.set(name, rawFields(this.#bson, bytes.subarray(start, this.#at), name));
      }
    }
    this.#finish(this.#at, bytes.length - 1);
    return map;
  }

  #continueAsMap(fields: Record<string, unknown>, from: number, last: number): ExactDocument | undefined {
    const bytes = this.#bytes;
    const map = new Map<string, unknown>(Object.entries(fields));
    let start = from;
    while (start < last) {
      const value = pastCString(bytes, start + 1);
      const key = internKey(bytes, start + 1, value - 1) ?? this.#decodeKey(start + 1, value - 1);
      if (key === undefined || map.has(key.text)) return undefined;
      map.set(key.text, this.readElement(bytes[start] as number, value, key.text));
      start = this.#at;
    }
    this.#finish(start, last);
    return map;
  }

  /** The array at an offset, or `undefined` if its keys are not 0, 1, 2 and so on. */
  #readArray(offset: number): unknown[] | undefined {
    const bytes = this.#bytes;
    const last = this.#lastOf(offset);
    const items: unknown[] = [];
    let start = offset + 4;
    while (start < last) {
      const key = String(items.length);
      for (let i = 0; i < key.length; i++) if (bytes[start + 1 + i] !== key.charCodeAt(i)) return undefined;
      const value = start + 2 + key.length;
      if (bytes[value - 1] !== 0) return undefined;
      items.push(this.readElement(bytes[start] as number, value, key));
      start = this.#at;
    }
    this.#finish(start, last);
    return items;
  }

  #readValue(type: number, offset: number): unknown {
    const bytes = this.#bytes;
    switch (type) {
      case BsonType.string:
        return this.#readString(offset);
      case BsonType.objectId:
        this.#at = offset + 12;
        return new this.#bson.ObjectId(bytes.subarray(offset, offset + 12));
      case BsonType.int:
        this.#at = offset + 4;
        return int32At(bytes, offset);
      case BsonType.double:
        this.#at = offset + 8;
        return this.#readDouble(offset);
      case BsonType.boolean:
        this.#at = offset + 1;
        return bytes[offset] === 1 ? true : bytes[offset] === 0 ? false : INEXPRESSIBLE;
      case BsonType.date:
        this.#at = offset + 8;
        return this.#readDate(offset);
      case BsonType.null:
        this.#at = offset;
        return null;
      case BsonType.object:
        return this.readDocument(offset) ?? INEXPRESSIBLE;
      case BsonType.array:
        return this.#readArray(offset) ?? INEXPRESSIBLE;
      default:
        return this.#readRareValue(type, offset);
    }
  }

  #readRareValue(type: number, offset: number): unknown {
    const bytes = this.#bytes;
    const bson = this.#bson;
    this.#at = pastValue(bytes, type, offset);
    switch (type) {
      case BsonType.long:
        return new bson.Long(int32At(bytes, offset), int32At(bytes, offset + 4));
      case BsonType.decimal:
        return new bson.Decimal128(bytes.subarray(offset, offset + 16));
      case BsonType.timestamp:
        return new bson.Timestamp({ i: int32At(bytes, offset) >>> 0, t: int32At(bytes, offset + 4) >>> 0 });
      case BsonType.binary:
        return this.#readBinary(offset);
      case BsonType.regex:
        return this.#readRegex(offset);
      case BsonType.minKey:
        return new bson.MinKey();
      case BsonType.maxKey:
        return new bson.MaxKey();
      case BsonType.symbol:
        return mapExpressible(this.#readString(offset), (text) => new bson.BSONSymbol(text));
      case BsonType.code:
        return mapExpressible(this.#readString(offset), (text) => new bson.Code(text));
      case BsonType.codeWithScope:
        return this.#readCodeWithScope(offset);
      default:
        return INEXPRESSIBLE;
    }
  }

  #readDouble(offset: number): unknown {
    const low = int32At(this.#bytes, offset);
    const high = int32At(this.#bytes, offset + 4);
    double.setInt32(0, low, true);
    double.setInt32(4, high, true);
    const value = double.getFloat64(0, true);
    // The serializer writes a number as int32 where it can.
    if (value === (value | 0) && !Object.is(value, -0)) return new this.#bson.Double(value);
    if (!Number.isNaN(value) || (low === 0 && high === CANONICAL_NAN_HIGH)) return value;
    return INEXPRESSIBLE;
  }

  #readDate(offset: number): unknown {
    const milliseconds = int32At(this.#bytes, offset + 4) * 2 ** 32 + (int32At(this.#bytes, offset) >>> 0);
    return Math.abs(milliseconds) <= MAX_DATE ? new Date(milliseconds) : INEXPRESSIBLE;
  }

  #readString(offset: number): string | typeof INEXPRESSIBLE {
    const start = offset + 4;
    const end = start + int32At(this.#bytes, offset) - 1;
    this.#at = end + 1;
    if (end < start || this.#bytes[end] !== 0) throw new MalformedBson('String is not terminated');
    return this.#decodeText(start, end) ?? INEXPRESSIBLE;
  }

  #readBinary(offset: number): unknown {
    const bytes = this.#bytes;
    const { Binary } = this.#bson;
    const subtype = bytes[offset + 4] as number;
    const length = this.#at - offset - 5;
    if (subtype !== Binary.SUBTYPE_BYTE_ARRAY) {
      const binary = new Binary(bytes.subarray(offset + 5, this.#at), subtype);
      return subtype === Binary.SUBTYPE_VECTOR && !this.#serializes(binary) ? INEXPRESSIBLE : binary;
    }
    // The old subtype 2 repeats its length inside.
    if (length < 4 || int32At(bytes, offset + 5) !== length - 4) return INEXPRESSIBLE;
    return new Binary(bytes.subarray(offset + 9, this.#at), subtype);
  }

  /** The serializer refuses vectors that are not well formed; the server holds them all the same. */
  #serializes(value: unknown): boolean {
    try {
      this.#bson.serialize({ value });
      return true;
    } catch {
      return false;
    }
  }

  #readRegex(offset: number): unknown {
    const middle = pastCString(this.#bytes, offset);
    const pattern = this.#decodeText(offset, middle - 1);
    const options = this.#decodeText(middle, this.#at - 1);
    // The serializer sorts the options and knows six of them.
    if (pattern === undefined || options === undefined || !REGEX_OPTIONS.test(options)) return INEXPRESSIBLE;
    return new this.#bson.BSONRegExp(pattern, options);
  }

  #readCodeWithScope(offset: number): unknown {
    const end = this.#at;
    const text = this.#readString(offset + 4);
    const scope = text === INEXPRESSIBLE ? undefined : this.readDocument(this.#at);
    this.#at = end;
    if (text === INEXPRESSIBLE || scope === undefined) return INEXPRESSIBLE;
    return new this.#bson.Code(text, scope);
  }

  #decodeKey(start: number, end: number): InternedKey | undefined {
    const text = this.#decodeText(start, end);
    return text === undefined ? undefined : describeKey(text);
  }

  /** The text from `start` up to `end`, or `undefined` if it is not valid UTF-8. */
  #decodeText(start: number, end: number): string | undefined {
    const text = this.#bytes.toString('utf8', start, end);
    if (!text.includes('\uFFFD')) return text;
    return Buffer.from(text, 'utf8').equals(this.#bytes.subarray(start, end)) ? text : undefined;
  }

  #lastOf(offset: number): number {
    const last = offset + int32At(this.#bytes, offset) - 1;
    if (last < offset + 4 || this.#bytes[last] !== 0) throw new MalformedBson('Document is not terminated');
    return last;
  }

  #finish(start: number, last: number): void {
    if (start !== last) throw new MalformedBson('Element runs past the end of its document');
    this.#at = last + 1;
  }
}

function mapExpressible(text: string | typeof INEXPRESSIBLE, make: (text: string) => unknown): unknown {
  return text === INEXPRESSIBLE ? INEXPRESSIBLE : make(text);
}

function unusedName(map: ReadonlyMap<string, unknown>, name: string): string {
  let unused = name;
  for (let n = 2; map.has(unused); n++) unused = `${name} (${n})`;
  return unused;
}
