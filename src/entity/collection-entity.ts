import type { IndexDefinition, Mongoose } from 'mongoose';
import type { CollectionMapConfig } from '../config/chronos-config.ts';
import { definitionOf, type EntityDefinition } from './definition.ts';
import type { EntityOptions } from './entity-options.ts';
import type { EntityClass } from './entity-type.ts';
import { declarationsUnder, recordEntity } from './metadata.ts';

/** A collection that has no class: its documents may hold anything. */
export interface SchemalessCollection {
  /** What its models are called. */
  readonly name: string;
  readonly collection: string;
  /** What is said of it in the configuration. */
  readonly map: CollectionMapConfig | undefined;
  /** The field that tells tenants apart, where they share it. */
  readonly tenantField: string | undefined;
}

/** All that goes into a document stays in it, and nothing else does. */
const SCHEMA_OPTIONS = { strict: false, minimize: false, id: false, versionKey: false } as const;

const schemaless = new WeakSet<EntityDefinition>();

/** Whether an entity stands for a collection without a class. */
export function isSchemaless(definition: EntityDefinition): boolean {
  return schemaless.has(definition);
}

/**
 * An entity for a collection that has none: with the indexes, blobs and required properties of its map. Where that names
 * no properties to search by, all are, by a wildcard index.
 */
export function collectionEntity(
  { name, collection, map, tenantField }: SchemalessCollection,
  { Schema, Types }: Mongoose,
): EntityDefinition {
  const target = class {} as unknown as EntityClass;
  Object.defineProperty(target, 'name', { value: name });
  const indexed = (map?.indexedProps ?? []).map(pathOf);
  const base64 = Object.fromEntries(Object.entries(map?.base64Props ?? {}).map(([path, how]) => [pathOf(path), how]));
  const required = (map?.validation?.requiredIndexed ?? []).map(pathOf);
  const own = declarationsUnder(target);
  own.fields.set('_id', { options: { type: Schema.Types.ObjectId, auto: true, cast: idCast(Types.ObjectId) } });
  if (indexed.length === 0) own.indexes.push(wildcard(Object.keys(base64)));
  const schemaOptions = SCHEMA_OPTIONS;
  const options: EntityOptions = { name, collection, indexed, base64, required, tenantField, schemaOptions };
  recordEntity(target, own, options);
  const definition = definitionOf(target);
  schemaless.add(definition);
  return definition;
}

/** `tags[]` is the property `tags`, which leads through lists anyway. */
export function pathOf(property: string): string {
  return property.replaceAll('[]', '');
}

/** An index of all properties: not of the bookkeeping, and not of blobs, which nobody searches by. */
function wildcard(blobs: readonly string[]) {
  const wildcardProjection = Object.fromEntries(['_system', ...blobs].map((path) => [path, 0]));
  return { keys: { '$**': 1 } as IndexDefinition, options: { wildcardProjection } };
}

type ObjectIdType = Mongoose['Types']['ObjectId'];

/** An ObjectId may be given by its 24 hexadecimal digits. Other scalars are ids of older documents. */
function idCast(ObjectId: ObjectIdType): (value: unknown) => unknown {
  return (value) => {
    if (typeof value === 'string') return /^[0-9a-f]{24}$/i.test(value) ? new ObjectId(value) : value;
    if (typeof value === 'object' && value !== null && !('_bsontype' in value)) throw new TypeError('is no id');
    return value;
  };
}
