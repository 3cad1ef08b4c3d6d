import type { Connection, Model, Mongoose } from 'mongoose';
import { definitionOf, type EntityDefinition } from './definition.ts';
import type { EntityClass, EntityModel } from './entity-type.ts';

/**
 * The model of an entity on a connection of yours: compiled at the first call, the same one ever after.
 *
 * @example
 * const Users = entityModel(mongoose.connection, User);
 * await Users.create({ email: 'x@y.z' });
 *
 * @throws EntityDefinitionError if the class cannot be made a schema
 */
export function entityModel<E extends EntityClass>(on: Connection | Mongoose, entity: E): EntityModel<E> {
  const connection = 'connection' in on ? on.connection : on;
  return compiledModel(connection, definitionOf(entity)) as unknown as EntityModel<E>;
}

function compiledModel(connection: Connection, definition: EntityDefinition): Model<unknown> {
  const { name, base, discriminatorValue } = definition;
  const known = connection.models[name] as Model<unknown> | undefined;
  if (known !== undefined) return known;
  const schema = definition.schema(connection.base);
  if (base === undefined) return connection.model(name, schema) as unknown as Model<unknown>;
  const parent = compiledModel(connection, base);
  return parent.discriminator(name, schema as never, { value: discriminatorValue }) as unknown as Model<unknown>;
}
