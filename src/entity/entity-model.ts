import type { Connection, Model, Mongoose } from 'mongoose';
import { definitionOf, type EntityDefinition } from './definition.ts';
import type { EntityClass, EntityModel } from './entity-type.ts';

/**
 * The model of an entity on a connection of yours: compiled at the first call, the same one ever after. The models of
 * the entities that extend it, and of those it refers to, come with it.
 *
 * @example
 * const Users = entityModel(mongoose, User);
 * await Users.create({ email: 'x@y.z' });
 *
 * @throws EntityDefinitionError if the class cannot be made a schema
 */
export function entityModel<E extends EntityClass>(on: Connection | Mongoose, entity: E): EntityModel<E> {
  const connection = 'connection' in on ? on.connection : on;
  return compileModel(connection, definitionOf(entity)) as unknown as EntityModel<E>;
}

const compiled = new WeakMap<Connection, Map<EntityDefinition, Model<unknown>>>();

function compileModel(connection: Connection, definition: EntityDefinition): Model<unknown> {
  const models = compiled.get(connection) ?? new Map<EntityDefinition, Model<unknown>>();
  compiled.set(connection, models);
  const known = models.get(definition);
  if (known !== undefined && connection.models[definition.name] === known) return known;
  if (definition.base !== undefined) compileModel(connection, definition.base);
  // The base brings those that extend it with it, so that by now this one may be there.
  const present = models.get(definition);
  const model = present !== undefined && present !== known ? present : newModel(connection, definition, models);
  models.set(definition, model);
  for (const related of definition.related()) compileModel(connection, related);
  return model;
}

function newModel(
  connection: Connection,
  { name, base, discriminatorValue, schema }: EntityDefinition,
  models: ReadonlyMap<EntityDefinition, Model<unknown>>,
): Model<unknown> {
  const own = schema(connection.base) as never;
  const parent = base === undefined ? undefined : models.get(base);
  const model = parent?.discriminator(name, own, { value: discriminatorValue }) ?? connection.model(name, own);
  return model as unknown as Model<unknown>;
}
