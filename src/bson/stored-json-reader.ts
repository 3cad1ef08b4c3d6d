import type { Bson } from '../types.ts';
import { BsonType } from './elements.ts';
import { RawWriter } from './raw-writer.ts';
import { DEEPEST } from './stored-json.ts';

/** A text is not what `toStoredJson` writes. */
export class MalformedStoredJson extends Error {
  override readonly name = 'MalformedStoredJson';
}

/**
 * The raw BSON that `toStoredJson` wrote as JSON.
 *
 * @throws MalformedStoredJson for any other text; SyntaxError where it is not even JSON
 */
export function fromStoredJson(bson: Bson, json: string): Uint8Array {
  const root: unknown = JSON.parse(json);
  const writer = new RawWriter();
  const type = new JsonReader(bson, writer).write(root, 0);
  if (type !== BsonType.object) throw new MalformedStoredJson('Expected a document');
  return writer.bytes();
}

type Fields = Readonly<Record<string, unknown>>;

/** Writes values, and tells the type of each. */
class JsonReader {
  readonly #bson: Bson;
  readonly #out: RawWriter;

  constructor(bson: Bson, out: RawWriter) {
    this.#bson = bson;
    this.#out = out;
  }

  write(value: unknown, depth: number): number {
    if (depth > DEEPEST) throw new MalformedStoredJson(`Nested deeper than ${DEEPEST} levels`);
    switch (typeof value) {
      case 'string':
        return this.#string(BsonType.string, value);
      case 'number':
        return this.#number(value);
      case 'boolean':
        this.#out.byte(value ? 1 : 0);
        return BsonType.boolean;
      default:
        return this.#structure(value, depth);
    }
  }

  #structure(value: unknown, depth: number): number {
    if (value === null) return BsonType.null;
    if (Array.isArray(value)) {
      this.#document(
        value.map((item, index) => [String(index), item] as const),
        depth,
      );
      return BsonType.array;
    }
    const fields = value as Fields;
    const [first] = Object.keys(fields);
    if (first?.startsWith('$') === true) return this.#wrapped(first, fields, depth);
    this.#document(Object.entries(fields), depth);
    return BsonType.object;
  }

  #document(pairs: readonly (readonly [key: string, value: unknown])[], depth: number): void {
    const start = this.#out.begin();
    for (const [key, value] of pairs) {
      const type = this.#out.byte(0);
      this.#out.cString(key);
      this.#out.setByte(type, this.write(value, depth + 1));
    }
    this.#out.byte(0);
    this.#out.end(start);
  }

  #number(value: number): number {
    if (value !== (value | 0) || Object.is(value, -0)) {
      this.#out.double(value);
      return BsonType.double;
    }
    this.#out.int32(value);
    return BsonType.int;
  }

  #string(type: number, text: string): number {
    this.#out.string(text);
    return type;
  }

  #wrapped(name: string, fields: Fields, depth: number): number {
    const value = fields[name];
    switch (name) {
      case '$document':
        this.#document(pairsOf(value), depth);
        return BsonType.object;
      case '$oid':
        this.#out.append(Buffer.from(textOf(value), 'hex'));
        return BsonType.objectId;
      case '$date':
        this.#out.int64(
          typeof value === 'string' ? BigInt(Date.parse(value)) : integerOf(fieldOf(value, '$numberLong')),
        );
        return BsonType.date;
      case '$numberLong':
        this.#out.int64(integerOf(value));
        return BsonType.long;
      case '$numberDouble':
        this.#out.double(Number(textOf(value)));
        return BsonType.double;
      case '$numberDecimal':
        this.#out.append(this.#bson.Decimal128.fromString(textOf(value)).bytes);
        return BsonType.decimal;
      case '$binary':
        return this.#binary(value);
      default:
        return this.#rare(name, fields, depth);
    }
  }

  #rare(name: string, fields: Fields, depth: number): number {
    const value = fields[name];
    switch (name) {
      case '$timestamp':
        this.#out.int32(Number(fieldOf(value, 'i')) | 0);
        this.#out.int32(Number(fieldOf(value, 't')) | 0);
        return BsonType.timestamp;
      case '$regularExpression':
        this.#out.cString(textOf(fieldOf(value, 'pattern')));
        this.#out.cString(textOf(fieldOf(value, 'options')));
        return BsonType.regex;
      case '$symbol':
        return this.#string(BsonType.symbol, textOf(value));
      case '$code':
        return '$scope' in fields
          ? this.#codeWithScope(textOf(value), fields.$scope, depth)
          : this.#string(BsonType.code, textOf(value));
      case '$minKey':
        return BsonType.minKey;
      case '$maxKey':
        return BsonType.maxKey;
      case '$undefined':
        return BsonType.undefined;
      case '$encoded':
        this.#out.append(Buffer.from(textOf(fieldOf(value, 'base64')), 'base64'));
        return Number(fieldOf(value, 'type'));
      default:
        throw new MalformedStoredJson(`Unknown wrapper ${JSON.stringify(name.slice(0, 40))}`);
    }
  }

  #binary(value: unknown): number {
    const bytes = Buffer.from(textOf(fieldOf(value, 'base64')), 'base64');
    const subtype = Number.parseInt(textOf(fieldOf(value, 'subType')), 16);
    const isOld = subtype === this.#bson.Binary.SUBTYPE_BYTE_ARRAY;
    this.#out.int32(isOld ? bytes.length + 4 : bytes.length);
    this.#out.byte(subtype);
    if (isOld) this.#out.int32(bytes.length);
    this.#out.append(bytes);
    return BsonType.binary;
  }

  #codeWithScope(text: string, scope: unknown, depth: number): number {
    const start = this.#out.begin();
    this.#out.string(text);
    if (this.write(scope, depth + 1) !== BsonType.object) throw new MalformedStoredJson('A scope is a document');
    this.#out.end(start);
    return BsonType.codeWithScope;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) throw new MalformedStoredJson(`Expected an object with ${name}`);
  return (value as Fields)[name];
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new MalformedStoredJson('Expected a string in a wrapper');
  return value;
}

function integerOf(value: unknown): bigint {
  const text = textOf(value);
  if (!/^-?\d{1,20}$/.test(text)) throw new MalformedStoredJson('Expected an integer in a wrapper');
  return BigInt(text);
}

function pairsOf(value: unknown): readonly (readonly [key: string, value: unknown])[] {
  if (!Array.isArray(value)) throw new MalformedStoredJson('Expected pairs in $document');
  return value.map((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new MalformedStoredJson('Expected pairs in $document');
    return [textOf(pair[0]), pair[1]] as const;
  });
}
