import type { Mongoose, Schema, SchemaOptions } from 'mongoose';
import { EntityDefinitionError } from '../errors.ts';
import { declarationsIn, hasFields, ownChain } from './class-chain.ts';
import { addMembers } from './class-members.ts';
import { fieldDefinition } from './field-type.ts';
import type { AnyClass, FieldDeclaration } from './metadata.ts';

const compiled = new WeakMap<Mongoose, WeakMap<AnyClass, Schema>>();

/** The schema of a nested class, made once for each Mongoose. */
function nestedSchema(mongoose: Mongoose, target: AnyClass, open: readonly AnyClass[]): Schema {
  const schemas = compiled.get(mongoose) ?? new WeakMap<AnyClass, Schema>();
  compiled.set(mongoose, schemas);
  const known = schemas.get(target);
  if (known !== undefined) return known;
  const options = Object.assign({}, ...declarationsIn(ownChain(target)).map(({ embedded }) => embedded));
  const schema = buildSchema(mongoose, target, options, open);
  schemas.set(target, schema);
  return schema;
}

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
  const fields = new Map(declared.flatMap((own) => [...own.fields]));
  const late = new Set([...fields].filter(([, field]) => refersTo(field, target)).map(([name]) => name));
  const definition = (name: string, field: FieldDeclaration, schemaOf: (type: AnyClass) => Schema) =>
    fieldDefinition(field, {
      mongoose,
      entity: target.name,
      property: name,
      isEntityPart: hasFields,
      schemaOf,
    });
  const nested = (type: AnyClass): Schema => {
    if (!open.includes(type)) return nestedSchema(mongoose, type, [...open, target]);
    throw new EntityDefinitionError(
      target.name,
      undefined,
      `it contains ${type.name}, which contains it. Only a class that contains itself can be nested in a circle; let one refer to the other by @Ref`,
    );
  };
  const early = [...fields].filter(([name]) => !late.has(name));
  const schema = new mongoose.Schema(
    Object.fromEntries(early.map(([name, field]) => [name, definition(name, field, nested)])) as never,
    { ...options } as never,
  ) as unknown as Schema;
  for (const name of late) {
    const itself = (type: AnyClass) => (type === target ? schema : nested(type));
    schema.add({ [name]: definition(name, fields.get(name)!, itself) } as never);
  }
  addMembers(schema, chain);
  for (const own of declared) {
    for (const index of own.indexes) schema.index(index.keys, index.options);
    for (const step of own.steps) step(schema);
  }
  return schema;
}

/** Whether a property holds, in whatever form, documents of the very class it is a property of. */
function refersTo({ options, designType }: FieldDeclaration, target: AnyClass): boolean {
  return designType === target || [options.type, options.of].some((type) => leadsTo(type, target));
}

function leadsTo(type: unknown, target: AnyClass): boolean {
  if (type === target) return true;
  if (Array.isArray(type)) return type.some((item) => leadsTo(item, target));
  if (typeof type === 'function' && !Object.hasOwn(type, 'prototype')) return leadsTo(type(), target);
  if (typeof type !== 'object' || type === null || 'instanceOfSchema' in type) return false;
  return [Reflect.get(type, 'type'), Reflect.get(type, 'of')].some((inner) => leadsTo(inner, target));
}
