import defaultMongoose, { type Mongoose, type Schema, type SchemaOptions } from 'mongoose';
import type { ChronosPluginOptions } from '../config/options.ts';
import { EntityDefinitionError } from '../errors.ts';
import { chronos } from '../plugin.ts';
import type { DatabaseType, Tier } from '../types.ts';
import { baseEntity } from './class-chain.ts';
import { buildSchema } from './compile-schema.ts';
import type { Base64Options, EntityOptions } from './entity-options.ts';
import type { EntityClass } from './entity-type.ts';
import { declarationsOf } from './metadata.ts';

/** All that is known of an entity: what its class and its decorators say, with the defaults filled in. */
export interface EntityDefinition {
  readonly target: EntityClass;
  /** The name of its models. */
  readonly name: string;
  /** The collection of its current documents. */
  readonly collection: string;
  readonly databaseType?: DatabaseType | undefined;
  readonly tier?: Tier | undefined;
  readonly tenantField?: string | undefined;
  /** Properties to search by. */
  readonly indexed: readonly string[];
  /** Properties that hold bytes as base64 strings. */
  readonly base64: Readonly<Record<string, Base64Options>>;
  readonly versioning: ChronosPluginOptions;
  /** The entity this one extends, of whose collection its documents are a part. */
  readonly base?: EntityDefinition | undefined;
  /** What marks its documents there. */
  readonly discriminatorValue: string;

  /** The schema, made once for each Mongoose. That of the base has the plugin, which covers all that extend it. */
  schema(mongoose: Mongoose): Schema;
}

const definitions = new WeakMap<EntityClass, EntityDefinition>();

/**
 * What the decorators of a class say.
 *
 * @throws EntityDefinitionError if it has no `@ChronosEntity`
 */
export function definitionOf(entity: EntityClass): EntityDefinition {
  const known = definitions.get(entity);
  if (known !== undefined) return known;
  const options = declarationsOf(entity)?.entity;
  if (options === undefined) {
    throw new EntityDefinitionError(
      entity.name,
      undefined,
      'it is no entity. Put @ChronosEntity() from mongoose-chronos/decorators on the class',
    );
  }
  const definition = define(entity, options);
  definitions.set(entity, definition);
  return definition;
}

/** The Mongoose schema of an entity: what a hand-written one would be, with the plugin. */
export function schemaFor(entity: EntityClass, mongoose: Mongoose = defaultMongoose): Schema {
  return definitionOf(entity).schema(mongoose);
}

function define(entity: EntityClass, options: EntityOptions): EntityDefinition {
  const parent = baseEntity(entity) as EntityClass | undefined;
  const base = parent === undefined ? undefined : definitionOf(parent);
  const name = options.name ?? entity.name;
  const schemas = new WeakMap<Mongoose, Schema>();
  const definition: EntityDefinition = {
    target: entity,
    name,
    collection: base?.collection ?? options.collection ?? pluralOf(name),
    databaseType: options.databaseType ?? base?.databaseType,
    tier: options.tier ?? base?.tier,
    tenantField: options.tenantField ?? base?.tenantField,
    indexed: options.indexed ?? [],
    base64: options.base64 ?? {},
    versioning: base?.versioning ?? { collectionVersion: true, ...options.versioning, visible: true },
    base,
    discriminatorValue: options.discriminatorValue ?? name,
    schema(mongoose) {
      const made = schemas.get(mongoose) ?? entitySchema(definition, options, mongoose);
      schemas.set(mongoose, made);
      return made;
    },
  };
  return Object.freeze(definition);
}

function pluralOf(name: string): string {
  return defaultMongoose.pluralize()?.(name) ?? name;
}

function entitySchema(definition: EntityDefinition, options: EntityOptions, mongoose: Mongoose): Schema {
  const { target, base, collection, versioning } = definition;
  const schemaOptions: SchemaOptions = { ...options.schemaOptions, ...(base === undefined ? { collection } : {}) };
  const schema = buildSchema(mongoose, target, schemaOptions);
  if (base !== undefined) return schema;
  schema.add({ _system: SYSTEM } as never);
  schema.plugin(chronos, versioning);
  return schema;
}

/** `_system` as a path of the schema: without it documents would not show what is stored there. */
const SYSTEM = { type: 'Mixed' } as const;
