import type { Connection, Model, Mongoose } from 'mongoose';
import type { AnyModel } from '../capture/install.ts';
import type { CollectionMapConfig } from '../config/chronos-config.ts';
import { collectionEntity } from '../entity/collection-entity.ts';
import { definitionOf, type EntityDefinition } from '../entity/definition.ts';
import { entityModel } from '../entity/entity-model.ts';
import type { EntityClass } from '../entity/entity-type.ts';
import { ConfigError } from '../errors.ts';
import { requireAgreement } from './agreed-map.ts';
import { requireCollectionName } from './collection-name.ts';
import { keepInside } from './keep-inside.ts';

type Maps = ReadonlyMap<string, CollectionMapConfig>;

/** The models of a registry's entities, each compiled once, at no place: what those at a place derive from. */
export class Templates {
  readonly #connection: Connection;
  readonly #definitions = new Map<string, EntityDefinition>();
  /** Those of collections without a class, by the names of their models. */
  readonly #collections = new Map<string, EntityDefinition>();
  readonly #mongoose: Mongoose;
  readonly #maps: Maps;

  /** @throws ConfigError for a map that says something else of a collection than its entity does */
  constructor(mongoose: Mongoose, entities: readonly EntityClass[], maps: Maps = new Map()) {
    this.#mongoose = mongoose;
    this.#maps = maps;
    this.#connection = mongoose.createConnection();
    // It never opens: nothing may wait for it.
    Object.assign(this.#connection.config, { autoCreate: false, autoIndex: false, bufferCommands: false });
    const definitions = entities.map(definitionOf);
    for (const definition of definitions) this.#add(definition);
    for (const { target } of definitions) entityModel(this.#connection, target);
    for (const definition of this.#definitions.values()) keepInside(this.compiled(definition));
    for (const [collection, map] of maps) this.#applyMap(collection, map);
  }

  /** All entities of the registry: those it is given, and those that these refer to or extend. */
  definitions(): IterableIterator<EntityDefinition> {
    return this.#definitions.values();
  }

  /** All that stand for collections without a class, of those that are mapped or were asked for. */
  schemaless(): IterableIterator<EntityDefinition> {
    return this.#collections.values();
  }

  /**
   * What stands for a collection without a class.
   *
   * @param isShared whether tenants share it
   * @throws ConfigError for a name that no such collection may have
   */
  collection(collection: string, isShared: boolean): EntityDefinition {
    // No class has a name with a space.
    const name = isShared ? `shared collection ${collection}` : `collection ${collection}`;
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    requireCollectionName(collection);
    const tenantField = isShared ? TENANT_FIELD : undefined;
    const map = this.#maps.get(collection);
    const definition = collectionEntity({ name, collection, map, tenantField }, this.#mongoose);
    keepInside(this.compiled(definition));
    this.#collections.set(name, definition);
    return definition;
  }

  /** The entity of a model's name. */
  named(name: string): EntityDefinition | undefined {
    return this.#definitions.get(name);
  }

  has(definition: EntityDefinition): boolean {
    return this.#definitions.get(definition.name) === definition;
  }

  compiled(definition: EntityDefinition): AnyModel {
    return entityModel(this.#connection, definition.target) as unknown as Model<unknown> as AnyModel;
  }

  async close(): Promise<void> {
    await this.#connection.destroy();
  }

  #applyMap(collection: string, map: CollectionMapConfig): void {
    const entities = [...this.#definitions.values()].filter(
      ({ base, collection: own }) => base === undefined && own === collection,
    );
    for (const entity of entities) requireAgreement(collection, map, entity);
    if (entities.length > 0) return;
    this.collection(collection, false);
    this.collection(collection, true);
  }

  #add(definition: EntityDefinition): void {
    const known = this.#definitions.get(definition.name);
    if (known === definition) return;
    if (known !== undefined) {
      throw new ConfigError({
        message: `Cannot use two entities of the name ${definition.name} in one registry. Give one another name: @ChronosEntity({ name })`,
      });
    }
    this.#definitions.set(definition.name, definition);
    if (definition.base !== undefined) this.#add(definition.base);
    for (const related of definition.related()) this.#add(related);
  }
}

/** Names the tenant in documents of shared collections that have no entity to say by what. */
const TENANT_FIELD = 'tenantId';
