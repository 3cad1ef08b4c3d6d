import { LRUCache } from 'lru-cache';
import type { Mongoose } from 'mongoose';
import type { Keeping } from '../capture/connection-keeping.ts';
import type { AnyModel } from '../capture/install.ts';
import type { ResolvedConfig } from '../config/resolved-config.ts';
import { tenantInContext } from '../context.ts';
import type { CountingRule } from '../counters/counting-rule.ts';
import { bindEntities, type ModelSource, unbind } from '../entity/binding.ts';
import { isSchemaless } from '../entity/collection-entity.ts';
import { definitionOf, type EntityDefinition } from '../entity/definition.ts';
import type { EntityClass, EntityModel } from '../entity/entity-type.ts';
import { ConfigError, RouteMismatchError, TenantNotFoundError } from '../errors.ts';
import type { PayloadBuckets } from '../payload/payload-store.ts';
import type { StorageAdmin } from '../payload/stores/storage-admin.ts';
import { rowsOf } from '../system/rows.ts';
import type { RouteContext } from '../types.ts';
import { type Backend, backendsOf } from './backends.ts';
import { requireCollectionName } from './collection-name.ts';
import { Connections } from './connections.ts';
import { Counters } from './counters.ts';
import { Directory, requireTenantId } from './directory.ts';
import { type Health, type HealthOptions, healthOf } from './health.ts';
import type { TenantPlace } from './index-rollout.ts';
import { ObjectStores } from './object-stores.ts';
import type { Place } from './place.ts';
import { PlaceModels } from './place-models.ts';
import type { TenantRows } from './rows/tenant-rows.ts';
import { Templates } from './templates.ts';

/** What is kept at hand for one tenant. */
interface TenantModels {
  /** By the entity alone, where that and the tenant are all that is asked for. */
  readonly models: Map<EntityClass, AnyModel>;
  readonly places: Map<string, PlaceModels>;
}

/** The object storage of a place; nothing where all stays in MongoDB. */
export interface PlaceStorage {
  readonly place: Place;
  readonly buckets: PayloadBuckets | undefined;
  readonly admin: StorageAdmin | undefined;
}

/** Knows all databases, tenants and entities, and gives the model of any entity at any place. */
export class Registry implements ModelSource {
  readonly directory: Directory;
  readonly #config: ResolvedConfig;
  readonly #entities: readonly EntityClass[];
  readonly #templates: Templates;
  readonly #connections: Connections;
  readonly #erasable: boolean;
  readonly #keeping: Omit<Keeping, 'retention'>;
  readonly #stores: ObjectStores;
  /** What counts versions, if they are counted. */
  readonly counters: Counters | undefined;
  /** Nothing is closed when a tenant goes: whoever holds a model of it goes on, and it is made anew when asked for. */
  readonly #tenants: LRUCache<string, TenantModels>;
  /** The places that belong to no tenant are as many as the configuration has. */
  readonly #places = new Map<string, PlaceModels>();
  #closed: Promise<void> | undefined;

  constructor(config: ResolvedConfig, mongoose: Mongoose, rules: readonly CountingRule[]) {
    this.directory = new Directory(config);
    this.#config = config;
    this.#templates = new Templates(mongoose, config.entities as readonly EntityClass[], config.collectionMaps);
    this.#entities = [...this.#templates.definitions()].map(({ target }) => target);
    this.#erasable = config.hardDelete;
    this.#keeping = { versioning: config.versioning, logicalDelete: config.logicalDelete };
    this.#stores = new ObjectStores(config);
    this.#connections = new Connections(mongoose, config.connections);
    this.counters = config.counters === undefined ? undefined : new Counters(config, this.#connections, rules);
    this.#tenants = new LRUCache({ max: config.tenants.cacheSize });
    bindEntities(this.#entities, this);
  }

  /**
   * The model of an entity at the place that a route names; where it names none, in the data of the context's tenant.
   *
   * @throws TenantNotFoundError for a tenant that there is not, and where no tenant is named and there is no context
   * @throws RouteMismatchError if the route leads nowhere, to several places, or where the entity does not belong
   * @throws ConfigError if the registry does not have the entity, or is closed
   */
  model<E extends EntityClass>(entity: E, route: RouteContext = {}): EntityModel<E> {
    const warm = typeof route.tenantId === 'string' ? this.#tenants.get(route.tenantId)?.models.get(entity) : undefined;
    const model = warm !== undefined && Object.keys(route).length === 1 ? warm : this.#find(entity, route);
    return model as unknown as EntityModel<E>;
  }

  /**
   * The model of a collection at a place: of the entity whose documents are there or, where no entity has it, one of
   * documents that may hold anything.
   *
   * @throws ConfigError for a name that no such collection may have
   */
  modelOf(collection: string, route: RouteContext): AnyModel {
    const entities = [...this.#templates.definitions()].filter(
      ({ base, collection: own }) => base === undefined && own === collection,
    );
    const { database } = this.#place(undefined, { ...route, collection });
    const { databaseType } = database;
    if (entities.length === 0) {
      const definition = this.#templates.collection(collection, database.kind === 'shared');
      return this.#at(this.#place(definition, { ...route, collection }), definition);
    }
    const [entity, another] = entities.filter((one) => (one.databaseType ?? databaseType) === databaseType);
    if (entity === undefined || another !== undefined) {
      throw new RouteMismatchError({
        message: `Cannot use the collection ${JSON.stringify(collection)} in a ${databaseType} database: ${entity === undefined ? 'its entity does not belong there' : 'more than one entity has it'}`,
      });
    }
    return this.#at(this.#place(entity, { ...route, collection }), entity);
  }

  /** The place of a collection, and the object storage it uses. Throws as {@link model} does. */
  storageOf(collection: string, route: RouteContext): PlaceStorage {
    const place = this.#place(undefined, { ...route, collection });
    requireCollectionName(collection);
    this.#requireOpen();
    return { place, buckets: this.#stores.bucketsAt(place), admin: this.#stores.adminAt(place) };
  }

  /** Asks all that the registry is on whether it answers. */
  async health(options: HealthOptions): Promise<Health> {
    this.#requireOpen();
    return healthOf(this.#connections, this.#stores, options);
  }

  /** The databases of the configuration. */
  backends(): Backend[] {
    return backendsOf(this.#config, this.directory);
  }

  /** Whether no class says what the documents of a model hold. */
  isSchemaless({ modelName }: Pick<AnyModel, 'modelName'>): boolean {
    return this.#templates.named(modelName) === undefined;
  }

  /**
   * All that a tenant has.
   *
   * @throws TenantNotFoundError
   */
  placesOf(tenantId: string): TenantPlace[] {
    return this.directory.placesOf(tenantId).map((place) => {
      const models = this.#modelsAt(place);
      const all = [...this.#templates.definitions(), ...this.#templates.schemaless()];
      const definitions = all.filter((definition) => belongsTo(definition, place));
      return { models, all: () => definitions.map((definition) => models.of(definition)) };
    });
  }

  /** Forgets what was made for a tenant, and cuts off whoever still holds it. */
  forget(tenantId: string, places: readonly Place[], why: string): void {
    this.#tenants.delete(tenantId);
    for (const place of places) place.close(why);
  }

  /** The models that were asked for so far, and are still at hand. */
  *knownModels(): Generator<AnyModel> {
    const places = [
      ...this.#places.values(),
      ...[...this.#tenants.values()].flatMap((one) => [...one.places.values()]),
    ];
    for (const models of places) yield* models.known();
  }

  /** Lets what is under way end, for so long, and closes all connections. */
  async close(drainMs: number): Promise<void> {
    this.#closed ??= this.#close(drainMs);
    return this.#closed;
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) throw new ConfigError({ message: 'Cannot use a registry that is closed' });
  }

  async #close(drainMs: number): Promise<void> {
    unbind(this.#entities, this);
    this.counters?.close();
    await this.#connections.close(drainMs);
    await this.#stores.close();
    await this.#templates.close();
    this.#tenants.clear();
    this.#places.clear();
  }

  #find(entity: EntityClass, route: RouteContext): AnyModel {
    const definition = definitionOf(entity);
    if (!this.#templates.has(definition)) {
      throw new ConfigError({
        message: `Cannot use ${definition.name}: this registry does not have it. Name it in initChronos({ entities: [...] })`,
      });
    }
    const place = this.#place(definition, { ...route, collection: definition.collection });
    const model = this.#at(place, definition);
    if (place.tenantId !== undefined && route.tenantId === place.tenantId && Object.keys(route).length === 1) {
      this.#tenantModels(place.tenantId).models.set(entity, model);
    }
    return model;
  }

  #at(place: Place, definition: EntityDefinition): AnyModel {
    return this.#modelsAt(place).of(definition);
  }

  #modelsAt(place: Place): PlaceModels {
    this.#requireOpen();
    const places = place.tenantId === undefined ? this.#places : this.#tenantModels(place.tenantId).places;
    let models = places.get(place.id);
    if (models === undefined) {
      const client = this.#connections.get(place.connection);
      models = new PlaceModels(place, client, this.#templates, {
        modelNamed: (name) => this.#sibling(place, name),
        neighbours: (collection) => this.#neighbour(place, collection),
        payload: this.#stores.payloadAt(place),
        counting: this.counters?.countingAt(place),
        keeping: { ...this.#keeping, retention: this.#stores.retentionAt(place) },
      });
      if (!this.#erasable) models.protectFromErasure();
      places.set(place.id, models);
    }
    return models;
  }

  #tenantModels(tenantId: string): TenantModels {
    let known = this.#tenants.get(tenantId);
    if (known === undefined) {
      known = { models: new Map(), places: new Map() };
      this.#tenants.set(tenantId, known);
    }
    return known;
  }

  /** The one place that an entity and a route agree on. */
  #place(entity: EntityDefinition | undefined, route: Route): Place {
    const completed = completedRoute(entity, route);
    const { tenantId, databaseType, collection, ...more } = completed;
    const isTenantAlone = tenantId !== undefined && Object.values(more).every((part) => part === undefined);
    return isTenantAlone
      ? this.directory.tenantPlace(tenantId, databaseType, collection)
      : this.directory.place(completed);
  }

  /** What a tenant has, at a place that it shares, of another collection there. Its model is made, if it is not yet. */
  #neighbour(place: Place, collection: string): TenantRows | undefined {
    const { databaseType } = place.database;
    const definition = [...this.#templates.definitions()].find(
      ({ base, collection: own, databaseType: type = databaseType, tenantField }) =>
        base === undefined && own === collection && type === databaseType && tenantField !== undefined,
    );
    return definition === undefined ? undefined : (rowsOf(this.#at(place, definition)) as TenantRows | undefined);
  }

  /** What documents at a place refer to by name: at the same place, unless the entity belongs somewhere else. */
  #sibling(place: Place, name: string): AnyModel | undefined {
    const definition = this.#templates.named(name);
    if (definition === undefined) return undefined;
    const { databaseType = place.database.databaseType, tier, collection } = definition;
    if (tier === 'generic' && place.database.tier !== 'generic') {
      return this.#at(this.directory.place({ databaseType, tier, collection }), definition);
    }
    if (databaseType === place.database.databaseType) return this.#at(place, definition);
    const { tier: placeTier, extIdentifier } = place.database;
    const owner = place.tenantId === undefined ? { tier: placeTier, extIdentifier } : { tenantId: place.tenantId };
    return this.#at(this.directory.place({ databaseType, collection, ...owner }), definition);
  }
}

/** Whether documents of an entity, and not of one it extends, may be at a tenant's place. */
function belongsTo(definition: EntityDefinition, { database }: Place): boolean {
  const { base, databaseType, tier, tenantField } = definition;
  if (isSchemaless(definition) && database.kind !== 'shared' && tenantField !== undefined) return false;
  if (base !== undefined || (database.kind === 'shared' && tenantField === undefined)) return false;
  return (databaseType ?? database.databaseType) === database.databaseType && (tier ?? 'tenant') === 'tenant';
}

type Route = RouteContext & { readonly collection: string };

/** A route with what the entity says of itself, and with the tenant of the context where it names nobody's data. */
function completedRoute(entity: EntityDefinition | undefined, route: Route): Route {
  if (Object.hasOwn(route, 'tenantId')) requireTenantId(route.tenantId);
  for (const part of ['databaseType', 'tier'] as const) {
    const [own, given] = [entity?.[part], route[part]];
    if (own !== undefined && given !== undefined && given !== own) {
      throw new RouteMismatchError({
        message: `Cannot use ${entity?.name} with ${part} ${JSON.stringify(given)}: its entity is for ${JSON.stringify(own)}`,
      });
    }
  }
  const { databaseType = entity?.databaseType, tier = entity?.tier } = route;
  const completed = { ...route, databaseType, tier };
  const namesSomebody =
    route.tenantId !== undefined ||
    route.key !== undefined ||
    route.dbName !== undefined ||
    route.extIdentifier !== undefined ||
    completed.databaseType === 'logs' ||
    completed.tier === 'generic' ||
    completed.tier === 'domain';
  if (namesSomebody) return completed;
  const tenantId = tenantInContext();
  if (tenantId !== undefined) return { ...completed, tenantId };
  throw new TenantNotFoundError({
    tenantId: undefined,
    message: `Cannot tell whose data ${entity?.name ?? route.collection} is to be: no tenant is named, and there is no context with one. Use forTenant(id), or runInChronosContext({ tenant: id }, ...)`,
  });
}
