import { readdirSync, readFileSync } from 'node:fs';
import mongoose9, { type Mongoose, type Schema, type SchemaOptions } from 'mongoose';
import mongoose8 from 'mongoose8';
import { describe, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Embedded, Prop, type PropOptions, schemaFor } from '../../../decorators/index.ts';
import { chronos } from '../../../src/index.ts';
import { portrayed } from '../../support/schema-portrait.ts';

type Fields = Record<string, PropOptions>;

class Part {}
Prop({ type: String, required: true })(Part.prototype, 'name' as never);

class Round {}
Prop({ type: Number })(Round.prototype, 'radius' as never);

class Square {}
Prop({ type: Number })(Square.prototype, 'side' as never);

class Shape {}
Embedded({ discriminatorKey: 'kind' })(Shape);
Prop({ type: String })(Shape.prototype, 'color' as never);

function schemaOf(mongoose: Mongoose, fields: Fields, schemaOptions: SchemaOptions): Schema {
  class Row extends ChronosModel {}
  for (const [name, options] of Object.entries(fields)) Prop(options)(Row.prototype, name as never);
  ChronosEntity({ collection: 'rows', schemaOptions })(Row);
  return schemaFor(Row, mongoose);
}

const check = () => true;
const twice = (value: unknown) => value;
const STRING = { type: String };

/** For each option of Mongoose's types: a property that uses it. */
const TYPE_OPTIONS: Record<string, PropOptions> = {
  type: { type: 'Decimal128' },
  alias: { ...STRING, alias: 'other' },
  validate: { ...STRING, validate: { validator: check, message: 'no' } },
  cast: { type: Number, cast: 'not a number' },
  required: { ...STRING, required: [true, 'missing'] },
  allowNull: { ...STRING, allowNull: false },
  default: { ...STRING, default: () => 'x' },
  ref: { type: 'ObjectId', ref: 'Other' },
  refPath: { type: 'ObjectId', refPath: 'kind' },
  select: { ...STRING, select: false },
  index: { ...STRING, index: { partialFilterExpression: { field: 1 } } },
  unique: { ...STRING, unique: true },
  immutable: { ...STRING, immutable: true },
  sparse: { ...STRING, sparse: true },
  text: { ...STRING, text: true },
  transform: { ...STRING, transform: twice },
  get: { ...STRING, get: twice },
  set: { ...STRING, set: twice },
  enum: { ...STRING, enum: ['a', 'b'] },
  subtype: { type: Buffer, subtype: 4 },
  min: { type: Number, min: [1, 'small'] },
  max: { type: Date, max: new Date(0) },
  minimize: { type: Part, minimize: false },
  expires: { type: Date, expires: '1d' },
  excludeIndexes: { type: [Part], excludeIndexes: true },
  _id: { type: [{ type: Part, _id: false }] },
  discriminators: { type: [Shape], discriminators: { round: Round, square: Square } },
  of: { type: Map, of: Part },
  castNonArrays: { type: [String], castNonArrays: false },
  auto: { type: 'ObjectId', auto: true },
  populate: { type: 'ObjectId', ref: 'Other', populate: { select: 'name' } } as PropOptions,
  match: { ...STRING, match: /^a/ },
  lowercase: { ...STRING, lowercase: true },
  uppercase: { ...STRING, uppercase: true },
  trim: { ...STRING, trim: true },
  minlength: { ...STRING, minlength: 2 },
  minLength: { ...STRING, minLength: 2 },
  maxlength: { ...STRING, maxlength: 9 },
  maxLength: { ...STRING, maxLength: [9, 'long'] },
  encrypt: { ...STRING, encrypt: { algorithm: 'Indexed', queries: { queryType: 'equality' } } } as never,
};

/** Types that Mongoose has under two names. */
const OTHER_NAMES = ['Bool', 'Decimal', 'Object', 'ObjectID', 'Oid', 'DocumentArrayElement'];

const thunk = () => Part;

/** Every type there is, alone and in the forms that types are named in. */
const TYPES: Record<string, PropOptions> = {
  String: STRING,
  Number: { type: Number },
  Boolean: { type: Boolean },
  Date: { type: Date },
  Buffer: { type: Buffer },
  BigInt: { type: BigInt },
  ObjectId: { type: mongoose9.Types.ObjectId },
  Decimal128: { type: mongoose9.Types.Decimal128 },
  UUID: { type: mongoose9.Schema.Types.UUID },
  Double: { type: mongoose9.Schema.Types.Double },
  Int32: { type: mongoose9.Schema.Types.Int32 },
  Mixed: { type: mongoose9.Schema.Types.Mixed },
  Map: { type: Map, of: { type: Number, min: 1 } },
  Array: { type: [] },
  Union: { type: 'Union', of: [Number, Boolean] },
  Subdocument: { type: Part, required: true },
  DocumentArray: { type: [Part], default: undefined },
  'a thunk': { type: thunk },
  'a list of thunks': { type: [thunk] },
  'a list of lists': { type: [[Number]] },
  'a list of options': { type: [{ type: String, lowercase: true, enum: ['a'] }] },
  'a nested path': { type: { street: String, part: Part, zip: { type: Number, min: 1 } } },
  'a list of nested paths': { type: [{ street: String, parts: [Part] }] },
  'a map of lists': { type: Map, of: [Part] },
};

/** For each option of Mongoose's schemas: a value. */
const SCHEMA_OPTIONS: Record<string, SchemaOptions> = {
  autoIndex: { autoIndex: false },
  autoSearchIndex: { autoSearchIndex: true },
  autoCreate: { autoCreate: false },
  bufferCommands: { bufferCommands: false },
  bufferTimeoutMS: { bufferTimeoutMS: 5 },
  capped: { capped: { size: 1_024, max: 10 } },
  collation: { collation: { locale: 'de', strength: 1 } },
  collectionOptions: { collectionOptions: { changeStreamPreAndPostImages: { enabled: true } } } as SchemaOptions,
  lean: { lean: true } as SchemaOptions,
  timeseries: { timeseries: { timeField: 'at' } },
  expireAfterSeconds: { expireAfterSeconds: 60 },
  expires: { expires: '1d' },
  collection: { collection: 'rows' },
  discriminatorKey: { discriminatorKey: 'kind' },
  excludeIndexes: { excludeIndexes: true },
  id: { id: false },
  _id: { _id: false },
  minimize: { minimize: false },
  optimisticConcurrency: { optimisticConcurrency: true },
  pluginTags: { pluginTags: ['a'] },
  read: { read: 'secondaryPreferred' },
  readConcern: { readConcern: { level: 'majority' } },
  writeConcern: { writeConcern: { w: 'majority' } },
  safe: { safe: { w: 'majority' } },
  shardKey: { shardKey: { field: 1 } },
  strict: { strict: 'throw' },
  strictQuery: { strictQuery: true },
  strictRead: { strictRead: true } as SchemaOptions,
  toJSON: { toJSON: { virtuals: true } },
  toObject: { toObject: { getters: true } },
  typeKey: { typeKey: '$type' },
  validateBeforeSave: { validateBeforeSave: false },
  validateModifiedOnly: { validateModifiedOnly: true },
  versionKey: { versionKey: 'revision' },
  selectPopulatedPaths: { selectPopulatedPaths: false },
  skipVersioning: { skipVersioning: { field: true } },
  storeSubdocValidationError: { storeSubdocValidationError: false },
  timestamps: { timestamps: { createdAt: 'made', updatedAt: false } },
  suppressReservedKeysWarning: { suppressReservedKeysWarning: true },
  statics: { statics: { findAll: check } },
  methods: { methods: { shout: check } } as SchemaOptions,
  query: { query: { adults: check } } as SchemaOptions,
  castNonArrays: { castNonArrays: false },
  virtuals: { virtuals: { loud: { get: check } } } as SchemaOptions,
  overwriteModels: { overwriteModels: true },
  encryptionType: { encryptionType: 'queryableEncryption' },
};

describe.each([
  ['mongoose', mongoose9],
  ['mongoose8', mongoose8],
])('with %s', (name, mongoose) => {
  const { Schema: AnySchema } = mongoose;
  const part = () => new AnySchema({ name: { type: String, required: true } }) as never;
  const byHand = new Map<unknown, () => unknown>([
    [Part, part],
    [Shape, () => new AnySchema({ color: String }, { discriminatorKey: 'kind' })],
    [Round, () => new AnySchema({ radius: Number })],
    [Square, () => new AnySchema({ side: Number })],
  ]);

  /** The same definition as a hand-written schema has it. */
  function handWritten(value: unknown, typeKey: string): unknown {
    if (byHand.has(value)) return byHand.get(value)?.();
    if (typeof value === 'function' && value.name === 'thunk') return handWritten(value(), typeKey);
    if (Array.isArray(value)) return value.map((item) => handWritten(item, typeKey));
    if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value;
    return Object.fromEntries(
      Object.entries(value as object).map(([key, inner]) => [
        key === 'type' ? typeKey : key,
        ['type', 'of', 'discriminators', 'round', 'square', 'part', 'parts', 'street', 'zip'].includes(key)
          ? handWritten(inner, typeKey)
          : inner,
      ]),
    );
  }

  function expectEqual(fields: Fields, options: SchemaOptions = {}): void {
    const typeKey = options.typeKey ?? 'type';
    const definition = Object.entries(fields).map(([field, said]) => [field, handWritten(said, typeKey)]);
    const expected = new AnySchema(Object.fromEntries(definition), { ...options, collection: 'rows' } as never);
    expected.add({ _system: AnySchema.Types.Mixed } as never);
    expected.plugin(chronos, { collectionVersion: true, visible: true });
    const portrait = portrayed(schemaOf(mongoose, fields, options));
    expect(portrait).toEqual(portrayed(expected as never));
    expect(portrait.order).toEqual(expect.arrayContaining(['_system']));
  }

  test.each(Object.keys(TYPE_OPTIONS))('the option %s of a type', (option) => {
    const encrypted = option === 'encrypt' ? { encryptionType: 'queryableEncryption' as const } : {};
    expectEqual({ field: TYPE_OPTIONS[option]! }, encrypted);
  });

  test.each(Object.keys(TYPES))('the type %s', (type) => expectEqual({ field: TYPES[type]! }));

  test.each(Object.keys(SCHEMA_OPTIONS))('the option %s of a schema', (option) => {
    expectEqual({ field: { type: Number }, others: { type: [{ type: Part, _id: false }] } }, SCHEMA_OPTIONS[option]);
  });

  test('no option and no type of the installed Mongoose is left out', () => {
    const folder = new URL(`../../../node_modules/${name}/`, import.meta.url);
    const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
    const defined = readdirSync(new URL('lib/options/', folder)).flatMap((file) =>
      [...read(`lib/options/${file}`).matchAll(/defineProperty\(Schema\w+\.prototype, '(\w+)'/g)].map(([, key]) => key),
    );
    expect(defined.length).toBeGreaterThan(30);
    expect(Object.keys(TYPE_OPTIONS)).toEqual(expect.arrayContaining(defined));
    const [, body = ''] = /interface SchemaOptions<(.*?)^ {2}\}/ms.exec(read('types/schemaoptions.d.ts')) ?? [];
    const options = [...body.matchAll(/^ {4}(\w+)\?:/gm)].map(([, key]) => key);
    expect(options.length).toBeGreaterThan(30);
    expect(Object.keys(SCHEMA_OPTIONS)).toEqual(expect.arrayContaining(options));
    const types = Object.keys(AnySchema.Types).filter((type) => !OTHER_NAMES.includes(type));
    expect(Object.keys(TYPES)).toEqual(expect.arrayContaining(types));
  });
});
