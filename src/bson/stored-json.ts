import type { Bson } from '../types.ts';
import { BsonType, elementsOf, encodedSize, int32At, MalformedBson, pastCString, pastValue } from './elements.ts';

/**
 * Raw BSON as JSON that says all of it: `fromStoredJson` gives back the very same bytes.
 *
 * It is MongoDB Extended JSON v2 in its canonical form, but for what JSON itself can tell: an int32 is a number, a
 * double with a fraction too, and a date from 1970 to 9999 an ISO string.
 *
 *     { "name": "Ana", "logins": 5, "ratio": 0.5, "score": { "$numberDouble": "5.0" }, "views": { "$numberLong": "9" } }
 *
 * Two forms are its own, for what Extended JSON would change or take for something else:
 *
 *     { "$document": [["1", "a"], ["$oid", "b"]] }    a document with keys that JSON readers reorder, merge or that begin
 *                                                     with $, as pairs in their order
 *     { "$encoded": { "type": 6, "base64": "" } }     a value by its type byte and its bytes: what no other form holds
 *
 * https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
 *
 * @throws MalformedBson
 */
export function toStoredJson(bson: Bson, bytes: Uint8Array): string {
  encodedSize(bytes);
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return JSON.stringify(new JsonWriter(bson, source).value(BsonType.object, 0, source.length, 0));
}

/** The deepest nesting that is written or read: a server takes 180 levels at most. */
export const DEEPEST = 250;

const CANONICAL_NAN = 0x7ff8000000000000n;
const YEAR_10000 = BigInt(Date.UTC(10_000, 0));

class JsonWriter {
  readonly #bson: Bson;
  readonly #bytes: Buffer;

  constructor(bson: Bson, bytes: Buffer) {
    this.#bson = bson;
    this.#bytes = bytes;
  }

  value(type: number, offset: number, end: number, depth: number): unknown {
    if (depth > DEEPEST) throw new MalformedBson(`Nested deeper than ${DEEPEST} levels`);
    const plain = this.#plain(type, offset, end, depth);
    return plain === undefined ? { $encoded: { type, base64: this.#bytes.toString('base64', offset, end) } } : plain;
  }

  /** The value in a form that is read back to the same bytes; undefined where there is none. */
  #plain(type: number, offset: number, end: number, depth: number): unknown {
    const bytes = this.#bytes;
    switch (type) {
      case BsonType.string:
        return this.#string(offset, end);
      case BsonType.int:
        return int32At(bytes, offset);
      case BsonType.double:
        return this.#double(offset);
      case BsonType.boolean:
        return bytes[offset] === 1 ? true : bytes[offset] === 0 ? false : undefined;
      case BsonType.null:
        return null;
      case BsonType.object:
        return this.#document(offset, end, depth);
      case BsonType.array:
        return this.#array(offset, end, depth);
      case BsonType.objectId:
        return { $oid: bytes.toString('hex', offset, end) };
      case BsonType.date:
        return dateJson(bytes.readBigInt64LE(offset));
      case BsonType.long:
        return { $numberLong: String(bytes.readBigInt64LE(offset)) };
      case BsonType.decimal:
        return this.#decimal(offset, end);
      case BsonType.binary:
        return this.#binary(offset, end);
      default:
        return this.#rare(type, offset, end, depth);
    }
  }

  #rare(type: number, offset: number, end: number, depth: number): unknown {
    const bytes = this.#bytes;
    switch (type) {
      case BsonType.timestamp:
        return { $timestamp: { t: bytes.readUInt32LE(offset + 4), i: bytes.readUInt32LE(offset) } };
      case BsonType.regex:
        return this.#regex(offset, end);
      case BsonType.symbol:
        return wrapped('$symbol', this.#string(offset, end));
      case BsonType.code:
        return wrapped('$code', this.#string(offset, end));
      case BsonType.codeWithScope:
        return this.#codeWithScope(offset, end, depth);
      case BsonType.minKey:
        return { $minKey: 1 };
      case BsonType.maxKey:
        return { $maxKey: 1 };
      case BsonType.undefined:
        return { $undefined: true };
      default:
        return undefined;
    }
  }

  /** Undefined where a key is not valid UTF-8. */
  #document(offset: number, end: number, depth: number): unknown {
    const pairs: [key: string, value: unknown][] = [];
    for (const { type, key, value, end: valueEnd } of elementsOf(this.#bytes, offset, end)) {
      const name = this.#text(key, value - 1);
      if (name === undefined) return undefined;
      pairs.push([name, this.value(type, value, valueEnd, depth + 1)]);
    }
    return keepsKeys(pairs) ? Object.fromEntries(pairs) : { $document: pairs };
  }

  /** Undefined where the keys are not 0, 1, 2 and so on. */
  #array(offset: number, end: number, depth: number): unknown {
    const items: unknown[] = [];
    for (const { type, key, value, end: valueEnd } of elementsOf(this.#bytes, offset, end)) {
      if (this.#bytes.toString('latin1', key, value - 1) !== String(items.length)) return undefined;
      items.push(this.value(type, value, valueEnd, depth + 1));
    }
    return items;
  }

  #double(offset: number): unknown {
    const value = this.#bytes.readDoubleLE(offset);
    if (Number.isNaN(value) && this.#bytes.readBigUInt64LE(offset) !== CANONICAL_NAN) return undefined;
    if (Number.isFinite(value) && !Number.isInteger(value)) return value;
    const text = Object.is(value, -0) ? '-0' : String(value);
    return { $numberDouble: /^-?\d+$/.test(text) ? `${text}.0` : text };
  }

  #decimal(offset: number, end: number): unknown {
    const { Decimal128 } = this.#bson;
    const stored = this.#bytes.subarray(offset, end);
    const text = new Decimal128(Buffer.from(stored)).toString();
    return stored.equals(Decimal128.fromStringWithRounding(text).bytes) ? { $numberDecimal: text } : undefined;
  }

  #binary(offset: number, end: number): unknown {
    const subtype = this.#bytes[offset + 4] as number;
    const start = subtype === OLD_BINARY ? offset + 9 : offset + 5;
    // The old subtype repeats its length inside, which JSON leaves out.
    if (start !== offset + 5 && (end < start || int32At(this.#bytes, offset + 5) !== end - start)) return undefined;
    const subType = subtype.toString(16).padStart(2, '0');
    return { $binary: { base64: this.#bytes.toString('base64', start, end), subType } };
  }

  #regex(offset: number, end: number): unknown {
    const middle = pastCString(this.#bytes, offset);
    const pattern = this.#text(offset, middle - 1);
    const options = this.#text(middle, end - 1);
    if (pattern === undefined || options === undefined) return undefined;
    return { $regularExpression: { pattern, options } };
  }

  #codeWithScope(offset: number, end: number, depth: number): unknown {
    const middle = pastValue(this.#bytes, BsonType.string, offset + 4);
    const text = this.#string(offset + 4, middle);
    if (text === undefined || middle + int32At(this.#bytes, middle) !== end) return undefined;
    const scope = this.#document(middle, end, depth);
    return scope === undefined ? undefined : { $code: text, $scope: scope };
  }

  #string(offset: number, end: number): string | undefined {
    return this.#bytes[end - 1] === 0 ? this.#text(offset + 4, end - 1) : undefined;
  }

  /** Undefined where the bytes are not valid UTF-8. */
  #text(start: number, end: number): string | undefined {
    const text = this.#bytes.toString('utf8', start, end);
    if (!text.includes('\uFFFD')) return text;
    return Buffer.from(text, 'utf8').equals(this.#bytes.subarray(start, end)) ? text : undefined;
  }
}

const OLD_BINARY = 2;
const DIGIT = /^\d/;

/** Whether a JSON object keeps keys as they are, and no reader takes them for a wrapper. */
function keepsKeys(pairs: readonly (readonly [key: string, value: unknown])[]): boolean {
  if (new Set(pairs.map(([key]) => key)).size < pairs.length) return false;
  return pairs.every(([key]) => !key.startsWith('$') && key !== '__proto__' && !DIGIT.test(key));
}

function dateJson(milliseconds: bigint): unknown {
  if (milliseconds < 0n || milliseconds >= YEAR_10000) return { $date: { $numberLong: String(milliseconds) } };
  return { $date: new Date(Number(milliseconds)).toISOString() };
}

function wrapped(key: string, text: string | undefined): unknown {
  return text === undefined ? undefined : { [key]: text };
}
