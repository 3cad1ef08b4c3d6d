import type { Mongoose, Schema } from 'mongoose';
import { EntityDefinitionError } from '../errors.ts';
import type { AnyClass, FieldDeclaration } from './metadata.ts';

/** Makes, or finds, the schema of a class that has decorated properties. */
export type SchemaOf = (target: AnyClass) => Schema;

/** Where a type was named, for errors and for the schemas it may lead to. */
export interface TypeContext {
  readonly mongoose: Mongoose;
  readonly entity: string;
  readonly property: string;
  readonly isEntityPart: (target: AnyClass) => boolean;
  readonly schemaOf: SchemaOf;
}

type Options = Readonly<Record<string, unknown>>;

/** A property as Mongoose takes it in the definition of a schema: the decorator's options, with every class a schema. */
export function fieldDefinition({ options, designType }: FieldDeclaration, context: TypeContext): Options {
  const type = 'type' in options ? options.type : guessedType(options, designType, context);
  return withTypes({ ...options, type }, context);
}

/** What the compiler saw is a hint: it is taken only where it tells all that Mongoose needs. */
function guessedType(options: Options, designType: unknown, context: TypeContext): unknown {
  if (designType === undefined) {
    throw problem(
      context,
      `no type is known of it. Name it: @Prop({ type: String }), or compile with emitDecoratorMetadata`,
    );
  }
  if (isEnumObject(designType)) return typeOfEnum(designType, context);
  if (designType === Array)
    throw problem(context, `the type of its items is not known. Name it: @Prop({ type: [String] })`);
  if (designType === Map && options.of === undefined) {
    throw problem(context, `the type of its values is not known. Name it: @Prop({ type: Map, of: String })`);
  }
  if (designType === Object || designType === Function || designType === Promise) {
    throw problem(
      context,
      `its declared type is a union, an interface or a type alias, of which nothing is left at run time. Name it: @Prop({ type: String }), or @Prop({ type: Schema.Types.Mixed }) where anything goes`,
    );
  }
  return designType;
}

/** Options whose types, here and inside, are such that Mongoose knows them. */
function withTypes(options: Options, context: TypeContext): Options {
  const resolved: Record<string, unknown> = { ...options, type: knownType(options.type, context) };
  if ('of' in options) resolved.of = knownType(options.of, context);
  if ('enum' in options) resolved.enum = enumValues(options.enum);
  if (isPlain(options.discriminators) || isThunk(options.discriminators)) {
    resolved.discriminators = discriminatorSchemas(options.discriminators, context);
  }
  return resolved;
}

function discriminatorSchemas(given: unknown, context: TypeContext): Options {
  const classes = (isThunk(given) ? given() : given) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(classes).map(([value, type]) => [value, knownType(type, context)]));
}

function knownType(type: unknown, context: TypeContext): unknown {
  if (isThunk(type)) return knownType(type(), context);
  if (Array.isArray(type)) return type.map((item) => knownType(item, context));
  if (isPlain(type)) return 'type' in type ? withTypes(type, context) : nestedPath(type, context);
  if (typeof type !== 'function') {
    if (type !== undefined && type !== null) return type;
    throw problem(context, `its type is ${type}. Where classes refer to each other, name it by a function: () => Type`);
  }
  if (context.isEntityPart(type as AnyClass)) return context.schemaOf(type as AnyClass);
  if (isKnown(type, context.mongoose)) return type;
  throw problem(
    context,
    `${type.name} is no type that Mongoose knows and has no decorated properties. Put @Prop() on its properties, or name another type`,
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
  return Object.hasOwn(mongoose.Schema.Types, known) || known === 'Object';
}

function typeOfEnum(values: object, context: TypeContext): unknown {
  const kinds = new Set(membersOf(values).map((value) => typeof value));
  if (kinds.size === 1) return kinds.has('string') ? String : Number;
  throw problem(context, 'its enum has strings and numbers. Name its type: @Prop({ type: Schema.Types.Mixed })');
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
  if (!isPlain(value)) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((member) => typeof member === 'string' || typeof member === 'number');
}

/** An arrow function: what classes and constructors have and it has not is a prototype. */
function isThunk(value: unknown): value is () => unknown {
  return typeof value === 'function' && !Object.hasOwn(value, 'prototype');
}

function isPlain(value: unknown): value is Options {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function problem({ entity, property }: TypeContext, text: string): EntityDefinitionError {
  return new EntityDefinitionError(entity, property, text);
}
