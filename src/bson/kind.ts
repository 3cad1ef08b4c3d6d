import { BsonType } from './elements.ts';
import { type EncodedValue, encodedValue } from './raw-element.ts';

/**
 * What a JavaScript value is to the server, by the types that it keeps apart when it compares: all numbers are one
 * kind, and so are strings and symbols. The order is the server's.
 * https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
 */
export const kinds = [
  'minKey',
  'undefined',
  'null',
  'number',
  'string',
  'object',
  'array',
  'binary',
  'objectId',
  'boolean',
  'date',
  'timestamp',
  'regex',
  'dbPointer',
  'code',
  'codeWithScope',
  'maxKey',
] as const;

export type Kind = (typeof kinds)[number];

/** A value of the BSON library, of whatever copy: recognised by its tag, never by `instanceof`. */
export interface TaggedValue {
  readonly _bsontype: string;
}

const KIND_OF_TAG: Readonly<Record<string, Kind>> = {
  MinKey: 'minKey',
  Int32: 'number',
  Double: 'number',
  Long: 'number',
  Decimal128: 'number',
  BSONSymbol: 'string',
  DBRef: 'object',
  Binary: 'binary',
  UUID: 'binary',
  ObjectId: 'objectId',
  ObjectID: 'objectId',
  Timestamp: 'timestamp',
  BSONRegExp: 'regex',
  MaxKey: 'maxKey',
};

const KIND_OF_TYPE: Readonly<Record<number, Kind>> = {
  [BsonType.double]: 'number',
  [BsonType.string]: 'string',
  [BsonType.object]: 'object',
  [BsonType.array]: 'array',
  [BsonType.binary]: 'binary',
  [BsonType.undefined]: 'undefined',
  [BsonType.boolean]: 'boolean',
  [BsonType.date]: 'date',
  [BsonType.regex]: 'regex',
  [BsonType.dbPointer]: 'dbPointer',
  [BsonType.code]: 'code',
  [BsonType.symbol]: 'string',
  [BsonType.codeWithScope]: 'codeWithScope',
};

/** The kind of a value. Anything that is no BSON value in JavaScript (functions, symbols) counts as undefined. */
export function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'number':
    case 'bigint':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'object':
      return value === null ? 'null' : kindOfObject(value);
    default:
      return 'undefined';
  }
}

function kindOfObject(value: object): Kind {
  if (isTagged(value)) return kindOfTagged(value);
  if (Array.isArray(value)) return 'array';
  if (value instanceof Date) return 'date';
  if (value instanceof Uint8Array) return 'binary';
  if (value instanceof RegExp) return 'regex';
  return 'object';
}

function kindOfTagged(value: TaggedValue): Kind {
  const encoded = encodedValue(value);
  if (encoded !== undefined) return KIND_OF_TYPE[encoded.type] ?? 'undefined';
  if (value._bsontype === 'Code') return hasScope(value) ? 'codeWithScope' : 'code';
  return KIND_OF_TAG[value._bsontype] ?? 'object';
}

function hasScope(value: TaggedValue & { readonly scope?: unknown }): boolean {
  return typeof value.scope === 'object' && value.scope !== null;
}

/** Whether a value is one of the BSON library's. Its classes inherit their tag; a field of that name is a document's. */
export function isTagged(value: object): value is TaggedValue {
  return '_bsontype' in value && !Object.hasOwn(value, '_bsontype');
}

/** The value as the serializer sees it: Mongoose documents, arrays and maps say themselves what is stored. */
export function asStored(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { toBSON } = value as { readonly toBSON?: unknown };
  return typeof toBSON === 'function' ? toBSON.call(value) : value;
}

/** The encoded form of a value that `decodeExact` could not express, else `undefined`. */
export function opaque(value: unknown): EncodedValue | undefined {
  return typeof value === 'object' && value !== null ? encodedValue(value) : undefined;
}

/** Kinds whose values, if `decodeExact` could not express them, only their bytes tell apart. */
const UNREADABLE: ReadonlySet<Kind> = new Set([
  'object',
  'array',
  'boolean',
  'regex',
  'dbPointer',
  'code',
  'codeWithScope',
]);

/** The encoded form of a value of which nothing else can be read. */
export function unreadable(value: unknown, kind: Kind): EncodedValue | undefined {
  return UNREADABLE.has(kind) ? opaque(value) : undefined;
}

/** The fields of a document in the order of storage. */
export function fieldsOf(value: object): readonly (readonly [key: string, value: unknown])[] {
  if (value instanceof Map) return [...value];
  if (isTagged(value)) return dbRefFields(value as TaggedValue & DbRefParts);
  return Object.entries(value);
}

interface DbRefParts {
  readonly collection: string;
  readonly oid: unknown;
  readonly db?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

function dbRefFields({ collection, oid, db, fields }: DbRefParts): readonly (readonly [string, unknown])[] {
  const database = db === undefined || db === null ? [] : [['$db', db] as const];
  return [['$ref', collection], ['$id', oid], ...database, ...Object.entries(fields ?? {})];
}
