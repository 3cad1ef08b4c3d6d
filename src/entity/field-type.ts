import type { Mongoose, Schema } from 'mongoose';
import { EntityDefinitionError } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import type { AnyClass, FieldDeclaration } from './metadata.ts';
import { isThunk, unwrapped } from './named-types.ts';
import { declaredId, modelNameOf } from './references.ts';

/** Where a type was named, for errors and for the schemas it may lead to. */
export interface TypeContext {
  readonly mongoose: Mongoose;
  readonly entity: string;
  readonly property: string;
  /** What the schema calls the type in the definition of a path: `type`, unless its options say otherwise. */
  readonly typeKey: string;
  /** Makes, or finds, the schema of a class; undefined if it has no decorated properties. */
  readonly schemaOf: (target: AnyClass) => Schema | undefined;
}

type Options = Readonly<Record<string, unknown>>;

/** A property as Mongoose takes it in the definition of a schema: the decorator's options, with every class a schema. */
export function fieldDefinition({ options, designType }: FieldDeclaration, context: TypeContext): Options {
  const { reference, indexed: _indexed, base64, ...rest } = options;
  if (reference !== undefined) return referenceDefinition(reference, rest, context);
  const hint = base64 === undefined ? designType : String;
  return withTypes({ ...rest, type: 'type' in rest ? rest.type : guessedType(rest, hint, context) }, context);
}

function referenceDefinition(reference: unknown, options: Options, context: TypeContext): Options {
  const target = unwrapped(reference);
  const single = (Array.isArray(target) ? target[0] : target) as AnyClass | undefined;
  const ref = typeof single === 'function' ? modelNameOf(single) : undefined;
  if (single === undefined || ref === undefined) {
    throw problem(context, 'it refers to what is no entity. Put @ChronosEntity() on the class that @Ref names');
  }
  const id = declaredId(single);
  const type =
    id === undefined ? context.mongoose.Schema.Types.ObjectId : fieldDefinition(id, context)[context.typeKey];
  return withTypes(Array.isArray(target) ? { ...options, type: [{ type, ref }] } : { ...options, type, ref }, context);
}

/** What the compiler saw is a hint: it is taken only where it tells all that Mongoose needs. */
function guessedType(options: Options, designType: unknown, context: TypeContext): unknown {
  // Of a union of literals nothing is left at run time, but what is said of its values tells their type.
  if (isUnknown(designType) && isObject(options.enum)) return typeOfEnum(options.enum, context);
  if (designType === undefined) {
    throw problem(
      context,
      'no type is known of it. Name it: @Prop({ type: String }), or compile with emitDecoratorMetadata',
    );
  }
  if (isEnumObject(designType)) return typeOfEnum(designType, context);
  if (designType === Array) {
    throw problem(context, 'the type of its items is not known. Name it: @Prop({ type: [String] })');
  }
  if (designType === Map && options.of === undefined) {
    throw problem(context, 'the type of its values is not known. Name it: @Prop({ type: Map, of: String })');
  }
  if (designType === Object || designType === Function || designType === Promise) {
    throw problem(
      context,
      'its declared type is a union, an interface or a type alias, of which nothing is left at run time. Name it: @Prop({ type: String }), or @Prop({ type: Schema.Types.Mixed }) where anything goes',
    );
  }
  return designType;
}

/** Options whose types, here and inside, are such that Mongoose knows them. */
function withTypes({ type, ...options }: Options, context: TypeContext): Options {
  const resolved: Record<string, unknown> = { ...options, [context.typeKey]: knownType(type, context) };
  if ('of' in options) resolved.of = knownType(options.of, context);
  if ('enum' in options) resolved.enum = enumValues(options.enum);
  if ('discriminators' in options) {
    const classes = Object.entries(unwrapped(options.discriminators) as Options);
    resolved.discriminators = Object.fromEntries(classes.map(([value, type]) => [value, knownType(type, context)]));
  }
  return resolved;
}

function knownType(given: unknown, context: TypeContext): unknown {
  const type = isThunk(given) ? unwrapped(given) : given;
  if (Array.isArray(type)) return type.map((item) => itemType(item, context));
  if (isPlainObject(type)) return 'type' in type ? withTypes(type, context) : nestedPath(type, context);
  if (type === undefined || type === null) {
    throw problem(context, `its type is ${type}. Where classes refer to each other, name it by a function: () => Type`);
  }
  if (typeof type !== 'function') return type;
  const schema = context.schemaOf(type as AnyClass);
  if (schema !== undefined || isKnown(type, context.mongoose)) return schema ?? type;
  throw problem(
    context,
    `${type.name} is no type that Mongoose knows and has no decorated properties. Put @Prop() on its properties, or name another type`,
  );
}

/** Mongoose looks for discriminators beside the type of a list, and would pass over those inside. */
function itemType(item: unknown, context: TypeContext): unknown {
  if (!isPlainObject(item) || !('discriminators' in item)) return knownType(item, context);
  throw problem(
    context,
    'its discriminators stand inside the list. Put them beside it: { type: [Type], discriminators }',
  );
}

/** An object of properties: Mongoose's nested path. */
function nestedPath(properties: Options, context: TypeContext): Options {
  return Object.fromEntries(Object.entries(properties).map(([key, type]) => [key, knownType(type, context)]));
}

/** Mongoose goes by the names of types, so that those of another copy of it are as good. */
function isKnown(type: object, mongoose: Mongoose): boolean {
  const { schemaName, name } = type as { readonly schemaName?: string; readonly name: string };
  const known = schemaName ?? (name === 'ObjectID' ? 'ObjectId' : name);
  return Object.hasOwn(mongoose.Schema.Types, known);
}

function typeOfEnum(values: object, context: TypeContext): unknown {
  const kinds = new Set(valuesOf(values).map((value) => typeof value));
  if (kinds.size === 1) return kinds.has('string') ? String : Number;
  throw problem(context, 'its enum has strings and numbers. Name its type: @Prop({ type: Schema.Types.Mixed })');
}

function valuesOf(given: object): readonly unknown[] {
  if (Array.isArray(given)) return given;
  return 'values' in given && Array.isArray(given.values) ? given.values : membersOf(given);
}

function isUnknown(designType: unknown): boolean {
  return designType === undefined || designType === Object;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** TypeScript's numeric enums also map their values back to their names, which are no values. */
function enumValues(given: unknown): unknown {
  return isEnumObject(given) && membersOf(given).some((value) => typeof value === 'number') ? membersOf(given) : given;
}

function membersOf(values: object): unknown[] {
  return Object.entries(values)
    .filter(([name]) => !/^-?\d/.test(name))
    .map(([, value]) => value);
}

function isEnumObject(value: unknown): value is object {
  if (!isPlainObject(value)) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((member) => typeof member === 'string' || typeof member === 'number');
}

function problem({ entity, property }: TypeContext, text: string): EntityDefinitionError {
  return new EntityDefinitionError(entity, property, text);
}
