import { readdirSync, readFileSync } from 'node:fs';
import mongoose9, { type IndexOptions, type Mongoose, type Schema, type SchemaOptions } from 'mongoose';
import mongoose8 from 'mongoose8';
import { describe, expect, test } from 'vitest';
import {
  ChronosEntity,
  ChronosModel,
  Embedded,
  type EntityClass,
  Index,
  Prop,
  type PropOptions,
  schemaFor,
  Virtual,
  type VirtualOptions,
} from '../../../decorators/index.ts';
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

function schemaOf(
  mongoose: Mongoose,
  fields: Fields,
  schemaOptions: SchemaOptions,
  decorate: (Row: EntityClass) => void = () => {},
): Schema {
  class Row extends ChronosModel {}
  decorate(Row);
  for (const [name, options] of Object.entries(fields)) Prop(options)(Row.prototype, name as never);
  ChronosEntity({ collection: 'rows', schemaOptions })(Row);
  return schemaFor(Row, mongoose);
}

const check = () => true;
const twice = (value: unknown) => value;
function adults<Q>(this: Q): Q {
  return this;
}
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
  populate: { type: 'ObjectId', ref: 'Other', populate: { select: 'name' } },
  match: { ...STRING, match: /^a/ },
  lowercase: { ...STRING, lowercase: true },
  uppercase: { ...STRING, uppercase: true },
  trim: { ...STRING, trim: true },
  minlength: { ...STRING, minlength: 2 },
  minLength: { ...STRING, minLength: 2 },
  maxlength: { ...STRING, maxlength: 9 },
  maxLength: { ...STRING, maxLength: [9, 'long'] },
  encrypt: { ...STRING, encrypt: { keyId: new mongoose9.mongo.Binary(Buffer.alloc(16), 4), queries: 'equality' } },
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
  collectionOptions: { collectionOptions: { changeStreamPreAndPostImages: { enabled: true } } },
  lean: { lean: true },
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
  strictRead: { strictRead: true },
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
  methods: { methods: { shout: check } },
  query: { query: { adults } },
  castNonArrays: { castNonArrays: false },
  virtuals: { virtuals: { loud: { get: check } } },
  overwriteModels: { overwriteModels: true },
  encryptionType: { encryptionType: 'queryableEncryption' },
};

/** For each option of Mongoose's virtuals: a value. */
const VIRTUAL_OPTIONS: Record<string, VirtualOptions> = {
  ref: { ref: 'Other' },
  refPath: { refPath: 'field' },
  localField: { localField: () => '_id' },
  foreignField: { foreignField: () => 'other' },
  justOne: { justOne: true },
  getters: { getters: true },
  count: { count: true },
  match: { match: { field: 1 } },
  limit: { limit: 5 },
  skip: { skip: 5 },
  perDocumentLimit: { perDocumentLimit: 5 },
  options: { options: { sort: { field: 1 } } },
  applyToArray: { applyToArray: true },
};

/** For each option of Mongoose's indexes: a value. */
const INDEX_OPTIONS: Record<string, IndexOptions> = {
  expires: { expires: '1d' },
  weights: { weights: { field: 2 } },
  unique: { unique: true, name: 'own', partialFilterExpression: { field: 1 } },
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

  test.each(Object.keys(VIRTUAL_OPTIONS))('the option %s of a virtual', (option) => {
    const options = { ref: 'Other', localField: '_id', foreignField: 'field', ...VIRTUAL_OPTIONS[option] };
    const byEntity = schemaOf(mongoose, { field: STRING }, {}, (Row) => Virtual(options)(Row.prototype, 'virtual'));
    const expected = new AnySchema({ field: String });
    expected.virtual('virtual', options as never);
    expect(portrayed(byEntity)).toMatchObject({ virtuals: portrayed(expected as never).virtuals as object });
  });

  test.each(Object.keys(INDEX_OPTIONS))('the option %s of an index', (option) => {
    const [keys, options] = [{ field: 1, _id: -1 } as const, INDEX_OPTIONS[option]];
    const byEntity = schemaOf(mongoose, { field: STRING }, {}, (Row) => Index(keys, options)(Row));
    const expected = new AnySchema({ field: String });
    expected.index(keys, { ...options } as never);
    expect(byEntity.indexes()).toEqual(expected.indexes());
  });

  test('no option and no type of the installed Mongoose is left out', () => {
    const folder = new URL(`../../../node_modules/${name}/`, import.meta.url);
    const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
    const keysIn = (file: string, declaration: RegExp) => {
      const [, body = ''] = declaration.exec(read(file)) ?? [];
      return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, key]) => key);
    };
    const inSources = readdirSync(new URL('lib/options/', folder)).flatMap((file) =>
      [...read(`lib/options/${file}`).matchAll(/defineProperty\((\w+)\.prototype, '(\w+)'/g)].map(
        ([, of = '', key]) => ({ of, key }),
      ),
    );
    const lists: Record<string, [known: object, named: unknown[], atLeast: number]> = {
      'of types, in the sources': [
        TYPE_OPTIONS,
        inSources.filter(({ of }) => of.startsWith('Schema')).map(({ key }) => key),
        30,
      ],
      'of types': [TYPE_OPTIONS, keysIn('types/schematypes.d.ts', /class SchemaTypeOptions<(.*?)^ {2}\}/ms), 30],
      'of virtuals, in the sources': [
        VIRTUAL_OPTIONS,
        inSources.filter(({ of }) => of === 'VirtualOptions').map(({ key }) => key),
        10,
      ],
      'of virtuals': [VIRTUAL_OPTIONS, keysIn('types/index.d.ts', /interface VirtualTypeOptions<(.*?)^ {2}\}/ms), 10],
      'of indexes': [INDEX_OPTIONS, keysIn('types/indexes.d.ts', /type IndexOptions = (.*?)^ {2}\}/ms), 2],
      'of schemas': [SCHEMA_OPTIONS, keysIn('types/schemaoptions.d.ts', /interface SchemaOptions<(.*?)^ {2}\}/ms), 30],
      'of schemas, by default': [SCHEMA_OPTIONS, Object.keys(new AnySchema().options), 15],
      types: [TYPES, Object.keys(AnySchema.Types).filter((type) => !OTHER_NAMES.includes(type)), 10],
    };
    for (const [list, [known, named, atLeast]] of Object.entries(lists)) {
      expect(named.length, list).toBeGreaterThanOrEqual(atLeast);
      expect(Object.keys(known), list).toEqual(expect.arrayContaining(named));
    }
  });
});
