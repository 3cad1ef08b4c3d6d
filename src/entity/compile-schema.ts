import type { Mongoose, Schema, SchemaOptions } from 'mongoose';
import { EntityDefinitionError } from '../errors.ts';
import { classChain, declarationsIn, isPart, ownChain } from './class-chain.ts';
import { addMembers, addStaticAccessors } from './class-members.ts';
import { fieldDefinition, type TypeContext } from './field-type.ts';
import type { AnyClass, ClassDeclarations, FieldDeclaration } from './metadata.ts';
import { classesOf, unwrapped } from './named-types.ts';
import { modelNameOf } from './references.ts';

/**
 * Builds the schema that the decorators of a class describe, with its methods, statics, virtuals, hooks and plugins.
 *
 * @param open the classes that are being built already, of which this one is a part
 */
export function buildSchema(
  mongoose: Mongoose,
  target: AnyClass,
  options: SchemaOptions,
  open: readonly AnyClass[] = [],
): Schema {
  const chain = ownChain(target);
  const declared = declarationsIn(chain);
  const fields = [...new Map(declared.flatMap((own) => [...own.fields]))];
  const within = [...open, target];
  const definitions = (some: typeof fields, itself?: Schema) =>
    definitionsOf(some, {
      mongoose,
      entity: target.name,
      typeKey: options.typeKey ?? 'type',
      schemaOf: (type) =>
        type === target && itself !== undefined ? itself : nestedSchema(mongoose, type, target, within),
    });
  // Mongoose takes a schema as a part of itself only when it is there already.
  const late = fields.filter(([, field]) => classesOf(field).includes(target));
  const schema = new mongoose.Schema(definitions(fields.filter((field) => !late.includes(field))), {
    ...options,
  } as never) as unknown as Schema;
  if (late.length > 0) schema.add(definitions(late, schema));
  addMembers(schema, chain);
  addStaticAccessors(schema, classChain(target));
  for (const own of declared) addDeclarations(schema, target, own);
  return schema;
}

function definitionsOf(
  fields: readonly (readonly [string, FieldDeclaration])[],
  context: Omit<TypeContext, 'property'>,
): never {
  const definitions = fields.map(([property, field]) => [property, fieldDefinition(field, { ...context, property })]);
  return Object.fromEntries(definitions) as never;
}

/**
 * The schema of a class that is a part of another; undefined if it has no properties. It is made anew for each place:
 * Mongoose changes the schemas that it is given, and what one place asks for must not show in the others.
 */
function nestedSchema(
  mongoose: Mongoose,
  type: AnyClass,
  owner: AnyClass,
  open: readonly AnyClass[],
): Schema | undefined {
  if (!isPart(type)) return undefined;
  if (open.includes(type)) {
    throw new EntityDefinitionError(
      owner.name,
      undefined,
      `it contains ${type.name}, which contains it. Of nested classes only one that contains itself can go round; let one refer to the other by @Ref`,
    );
  }
  const options: SchemaOptions = Object.assign({}, ...declarationsIn(ownChain(type)).map(({ embedded }) => embedded));
  return buildSchema(mongoose, type, options, open);
}

function addDeclarations(schema: Schema, target: AnyClass, { virtuals, indexes, steps }: ClassDeclarations): void {
  for (const [name, options] of virtuals) {
    schema.virtual(name, {
      ...options,
      ...('ref' in options ? { ref: refOf(target, name, options.ref) } : {}),
    } as never);
  }
  for (const { keys, options } of indexes) schema.index(keys, options);
  for (const step of steps) step(schema);
}

function refOf(target: AnyClass, property: string, ref: unknown): unknown {
  const entity = unwrapped(ref);
  if (typeof entity !== 'function') return entity;
  const name = modelNameOf(entity as AnyClass);
  if (name !== undefined) return name;
  throw new EntityDefinitionError(
    target.name,
    property,
    'it refers to what is no entity. Put @ChronosEntity() on the class that @Virtual names',
  );
}
