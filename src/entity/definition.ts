import defaultMongoose, { type Mongoose, type Schema, type SchemaOptions } from 'mongoose';
import type { ChronosPluginOptions } from '../config/options.ts';
import { EntityDefinitionError } from '../errors.ts';
import { chronos, settle } from '../plugin.ts';
import type { DatabaseType, Tier } from '../types.ts';
import { baseEntity, ownChain } from './class-chain.ts';
import { buildSchema } from './compile-schema.ts';
import type { Base64Options, EntityOptions } from './entity-options.ts';
import { refuseLateRules, ruleCheck } from './entity-rules.ts';
import type { EntityClass } from './entity-type.ts';
import { addIndexes, checkMarkedPaths, type MarkedPaths, markedPaths, payloadOptions } from './marked-paths.ts';
import { declarationsOf, extensionsOf } from './metadata.ts';
import { discriminatorValueOf, modelNameOf, referencesOf } from './references.ts';
import { addTenantField } from './tenant-field.ts';

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
  /** Properties that must be there. */
  readonly required: readonly string[];
  readonly versioning: ChronosPluginOptions;
  /** The entity this one extends, of whose collection its documents are a part. */
  readonly base?: EntityDefinition | undefined;
  /** What marks its documents there. */
  readonly discriminatorValue: string;

  /** The entities whose models its own need beside them: those that extend it, and those it refers to. */
  related(): readonly EntityDefinition[];

  /** The schema, made once for each Mongoose. That of the base has the plugin, which covers all that extend it. */
  schema(mongoose: Mongoose): Schema;
}

const definitions = new WeakMap<EntityClass, EntityDefinition>();

/**
 * What the decorators of a class say.
 *
 * @throws EntityDefinitionError if it has no `@ChronosEntity`, or if its schema cannot be made
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
  definition.schema(defaultMongoose);
  refuseLateRules(entity, definition.base?.target);
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
  const name = modelNameOf(entity) ?? entity.name;
  const marked = markedPaths(ownChain(entity), options);
  if (base !== undefined) refuseElsewhere(entity.name, options, base);
  const schemas = new WeakMap<Mongoose, Schema>();
  const definition: EntityDefinition = {
    target: entity,
    name,
    collection: base?.collection ?? options.collection ?? options.schemaOptions?.collection ?? pluralOf(name),
    databaseType: base === undefined ? options.databaseType : base.databaseType,
    tier: base === undefined ? options.tier : base.tier,
    tenantField: base === undefined ? options.tenantField : base.tenantField,
    indexed: marked.indexed,
    base64: marked.base64,
    required: marked.required,
    versioning: base?.versioning ?? versioningOf(options),
    base,
    discriminatorValue: discriminatorValueOf(entity),
    related() {
      const entities = [...extensionsOf(entity), ...referencesOf(entity)] as EntityClass[];
      return [...new Set(entities)].map(definitionOf);
    },
    schema(mongoose) {
      const made = schemas.get(mongoose) ?? entitySchema(definition, options, marked, mongoose);
      schemas.set(mongoose, made);
      return made;
    },
  };
  return Object.freeze(definition);
}

function versioningOf({ versioning: { enabled, ...rest } = {} }: EntityOptions): ChronosPluginOptions {
  const versioning = enabled === undefined ? undefined : { enabled };
  return { collectionVersion: true, ...rest, versioning, visible: true };
}

/** @throws EntityDefinitionError for an option that says where documents live, and is not what the base says */
function refuseElsewhere(entity: string, options: EntityOptions, base: EntityDefinition): void {
  for (const option of ['collection', 'databaseType', 'tier', 'tenantField', 'versioning'] as const) {
    const own = options[option];
    if (own === undefined || (option !== 'versioning' && own === base[option])) continue;
    throw new EntityDefinitionError(
      entity,
      undefined,
      `its documents are among those of ${base.name}, which it extends, and ${option} is what that says. Leave the option out, or let both extend a class without @ChronosEntity`,
    );
  }
}

function pluralOf(name: string): string {
  return defaultMongoose.pluralize()?.(name) ?? name;
}

function entitySchema(
  { target, base, collection, versioning, tenantField }: EntityDefinition,
  options: EntityOptions,
  marked: MarkedPaths,
  mongoose: Mongoose,
): Schema {
  const schemaOptions: SchemaOptions = { ...options.schemaOptions, ...(base === undefined ? { collection } : {}) };
  const schema = buildSchema(mongoose, target, schemaOptions);
  checkMarkedPaths(target.name, marked, base === undefined ? [schema] : [schema, base.schema(mongoose)]);
  addIndexes(schema, marked.indexed);
  if (base !== undefined) return schema;
  if (tenantField !== undefined) addTenantField(schema, target.name, tenantField);
  // As a path of the schema: without it documents would not show what is stored there.
  schema.add({ _system: mongoose.Schema.Types.Mixed } as never);
  const validate = ruleCheck(mongoose, target, versioning.validate);
  schema.plugin(chronos, { ...payloadOptions(target, marked), ...versioning, validate });
  settle(schema);
  return schema;
}
