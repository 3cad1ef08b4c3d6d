import type { Bson } from '../types.ts';
import { BsonType, encodedSize, int32At, MalformedBson, pastCString, pastValue } from './elements.ts';
import { describeKey, type InternedKey, internKey } from './interned-keys.ts';

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
  return new JsonWriter(bson, source).value(BsonType.object, 0, source.length, 0);
}

/** The deepest nesting that is written or read: a server takes 180 levels at most. */
export const DEEPEST = 250;

const CANONICAL_NAN = 0x7ff8000000000000n;
const YEAR_10000 = BigInt(Date.UTC(10_000, 0));

/** Writes the text at once: objects in between would take most of the time. */
class JsonWriter {
  readonly #bson: Bson;
  readonly #bytes: Buffer;

  constructor(bson: Bson, bytes: Buffer) {
    this.#bson = bson;
    this.#bytes = bytes;
  }

  value(type: number, offset: number, end: number, depth: number): string {
    if (depth > DEEPEST) throw new MalformedBson(`Nested deeper than ${DEEPEST} levels`);
    return this.#plain(type, offset, end, depth) ?? this.#encoded(type, offset, end);
  }

  #encoded(type: number, offset: number, end: number): string {
    return `{"$encoded":{"type":${type},"base64":"${this.#bytes.toString('base64', offset, end)}"}}`;
  }

  /** The value in a form that is read back to the same bytes; undefined where there is none. */
  #plain(type: number, offset: number, end: number, depth: number): string | undefined {
    const bytes = this.#bytes;
    switch (type) {
      case BsonType.string:
        return this.#string(offset, end);
      case BsonType.int:
        return String(int32At(bytes, offset));
      case BsonType.double:
        return this.#double(offset);
      case BsonType.boolean:
        return bytes[offset] === 1 ? 'true' : bytes[offset] === 0 ? 'false' : undefined;
      case BsonType.null:
        return 'null';
      case BsonType.object:
        return this.#document(offset, end, depth);
      case BsonType.array:
        return this.#array(offset, end, depth);
      case BsonType.objectId:
        return `{"$oid":"${bytes.toString('hex', offset, end)}"}`;
      case BsonType.date:
        return dateJson(bytes.readBigInt64LE(offset));
      case BsonType.long:
        return `{"$numberLong":"${bytes.readBigInt64LE(offset)}"}`;
      case BsonType.decimal:
        return this.#decimal(offset, end);
      case BsonType.binary:
        return this.#binary(offset, end);
      default:
        return this.#rare(type, offset, end, depth);
    }
  }

  #rare(type: number, offset: number, end: number, depth: number): string | undefined {
    const bytes = this.#bytes;
    switch (type) {
      case BsonType.timestamp:
        return `{"$timestamp":{"t":${bytes.readUInt32LE(offset + 4)},"i":${bytes.readUInt32LE(offset)}}}`;
      case BsonType.regex:
        return this.#regex(offset, end);
      case BsonType.symbol:
        return wrapped('$symbol', this.#string(offset, end));
      case BsonType.code:
        return wrapped('$code', this.#string(offset, end));
      case BsonType.codeWithScope:
        return this.#codeWithScope(offset, end, depth);
      case BsonType.minKey:
        return '{"$minKey":1}';
      case BsonType.maxKey:
        return '{"$maxKey":1}';
      case BsonType.undefined:
        return '{"$undefined":true}';
      default:
        return undefined;
    }
  }

  /** Undefined where a key is not valid UTF-8. */
  #document(offset: number, end: number, depth: number): string | undefined {
    const keys: InternedKey[] = [];
    const values: string[] = [];
    for (let start = this.#first(offset, end); start < end - 1; ) {
      const value = pastCString(this.#bytes, start + 1);
      const key = this.#key(start + 1, value - 1);
      if (key === undefined) return undefined;
      const past = this.#past(start, value, end);
      keys.push(key);
      values.push(this.value(this.#bytes[start] as number, value, past, depth + 1));
      start = past;
    }
    return keepsKeys(keys) ? object(keys, values) : `{"$document":[${pairs(keys, values)}]}`;
  }

  /** Undefined where the keys are not 0, 1, 2 and so on. */
  #array(offset: number, end: number, depth: number): string | undefined {
    const items: string[] = [];
    for (let start = this.#first(offset, end); start < end - 1; ) {
      const value = pastCString(this.#bytes, start + 1);
      if (!spells(this.#bytes, start + 1, value - 1, items.length)) return undefined;
      const past = this.#past(start, value, end);
      items.push(this.value(this.#bytes[start] as number, value, past, depth + 1));
      start = past;
    }
    return `[${items.join(',')}]`;
  }

  /** Where the first element of a document begins. */
  #first(offset: number, end: number): number {
    if (int32At(this.#bytes, offset) === end - offset && this.#bytes[end - 1] === 0) return offset + 4;
    throw new MalformedBson('Document is not terminated');
  }

  /** Where an element ends. */
  #past(start: number, value: number, end: number): number {
    const past = pastValue(this.#bytes, this.#bytes[start] as number, value);
    if (past > end - 1) throw new MalformedBson('Element runs past the end of its document');
    return past;
  }

  #key(start: number, end: number): InternedKey | undefined {
    const known = internKey(this.#bytes, start, end);
    if (known !== undefined) return known;
    const text = this.#text(start, end);
    return text === undefined ? undefined : describeKey(text);
  }

  #double(offset: number): string | undefined {
    const value = this.#bytes.readDoubleLE(offset);
    if (Number.isNaN(value) && this.#bytes.readBigUInt64LE(offset) !== CANONICAL_NAN) return undefined;
    if (Number.isFinite(value) && !Number.isInteger(value)) return String(value);
    const text = Object.is(value, -0) ? '-0' : String(value);
    return `{"$numberDouble":"${/^-?\d+$/.test(text) ? `${text}.0` : text}"}`;
  }

  #decimal(offset: number, end: number): string | undefined {
    const { Decimal128 } = this.#bson;
    const stored = this.#bytes.subarray(offset, end);
    const text = new Decimal128(Buffer.from(stored)).toString();
    return stored.equals(Decimal128.fromStringWithRounding(text).bytes) ? `{"$numberDecimal":"${text}"}` : undefined;
  }

  #binary(offset: number, end: number): string | undefined {
    const subtype = this.#bytes[offset + 4] as number;
    const start = subtype === OLD_BINARY ? offset + 9 : offset + 5;
    // The old subtype repeats its length inside, which JSON leaves out.
    if (start !== offset + 5 && (end < start || int32At(this.#bytes, offset + 5) !== end - start)) return undefined;
    const subType = subtype.toString(16).padStart(2, '0');
    return `{"$binary":{"base64":"${this.#bytes.toString('base64', start, end)}","subType":"${subType}"}}`;
  }

  #regex(offset: number, end: number): string | undefined {
    const middle = pastCString(this.#bytes, offset);
    const pattern = this.#text(offset, middle - 1);
    const options = this.#text(middle, end - 1);
    if (pattern === undefined || options === undefined) return undefined;
    return `{"$regularExpression":${JSON.stringify({ pattern, options })}}`;
  }

  #codeWithScope(offset: number, end: number, depth: number): string | undefined {
    const middle = pastValue(this.#bytes, BsonType.string, offset + 4);
    const text = this.#string(offset + 4, middle);
    if (text === undefined || middle + int32At(this.#bytes, middle) !== end) return undefined;
    const scope = this.#document(middle, end, depth);
    return scope === undefined ? undefined : `{"$code":${text},"$scope":${scope}}`;
  }

  #string(offset: number, end: number): string | undefined {
    const text = this.#bytes[end - 1] === 0 ? this.#text(offset + 4, end - 1) : undefined;
    return text === undefined ? undefined : JSON.stringify(text);
  }

  /** Undefined where the bytes are not valid UTF-8. */
  #text(start: number, end: number): string | undefined {
    const text = this.#bytes.toString('utf8', start, end);
    if (!text.includes('\uFFFD')) return text;
    return Buffer.from(text, 'utf8').equals(this.#bytes.subarray(start, end)) ? text : undefined;
  }
}

const OLD_BINARY = 2;

/** Of so many keys each is compared with each: a set costs more. */
const FEW_KEYS = 16;

/** Whether a JSON object keeps keys as they are, and no reader takes them for a wrapper. */
function keepsKeys(keys: readonly InternedKey[]): boolean {
  for (const { member } of keys) if (member === undefined) return false;
  if (keys.length > FEW_KEYS) return new Set(keys.map(({ text }) => text)).size === keys.length;
  for (let i = 1; i < keys.length; i++) {
    for (let j = 0; j < i; j++) if ((keys[i] as InternedKey).text === (keys[j] as InternedKey).text) return false;
  }
  return true;
}

function object(keys: readonly InternedKey[], values: readonly string[]): string {
  let members = '';
  for (let i = 0; i < keys.length; i++) members += `${i === 0 ? '' : ','}${keys[i]?.member}${values[i]}`;
  return `{${members}}`;
}

function pairs(keys: readonly InternedKey[], values: readonly string[]): string {
  return keys.map(({ text }, index) => `[${JSON.stringify(text)},${values[index]}]`).join(',');
}

/** Whether a key is the decimal form of a position. */
function spells(bytes: Uint8Array, start: number, end: number, position: number): boolean {
  let at = end;
  for (let rest = position; at > start; rest = Math.floor(rest / 10)) {
    at -= 1;
    if (bytes[at] !== 0x30 + (rest % 10)) return false;
    if (rest < 10) return at === start;
  }
  return false;
}

function dateJson(milliseconds: bigint): string {
  if (milliseconds < 0n || milliseconds >= YEAR_10000) return `{"$date":{"$numberLong":"${milliseconds}"}}`;
  return `{"$date":"${new Date(Number(milliseconds)).toISOString()}"}`;
}

function wrapped(key: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : `{"${key}":${text}}`;
}
