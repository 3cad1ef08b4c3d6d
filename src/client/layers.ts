import type { mongo } from 'mongoose';
import type { EntityClass, EntityContent, EntityDocument, EntityModel } from '../entity/entity-type.ts';
import { RouteMismatchError } from '../errors.ts';
import type { Registry } from '../tenancy/registry.ts';
import type { DatabaseType, Instant, Tier } from '../types.ts';
import { overlay } from './overlay.ts';

/** Whose data is looked into, the most specific first: the tenant's, then the domain's, then everyone's. */
export interface LayersRoute {
  readonly tenantId?: string | undefined;
  /** The domain's id. */
  readonly domain?: string | undefined;
  /** Whether to look into what belongs to everyone. */
  readonly generic?: boolean | undefined;
  /** The type of databases, where the entity does not name its own. */
  readonly databaseType?: DatabaseType | undefined;
}

export interface LayersOptions {
  /** The instant to read at; now if left out. */
  readonly at?: Instant | undefined;
}

type Filter<E extends EntityClass> = mongo.Filter<EntityContent<InstanceType<E>>>;

/** What was found, and whose it is. */
export interface Layered<T> {
  readonly tier: Tier;
  readonly document: T;
}

/** What several tiers say together. */
export interface Merged<C> {
  /** Those that have a part in it, the most specific first. */
  readonly tiers: readonly Tier[];
  readonly content: Omit<C, '_id' | '_system'>;
}

/** What one document of each tier is made of. */
interface Reader {
  findOne(filter: unknown): PromiseLike<unknown> & { lean(): PromiseLike<Record<string, unknown> | null> };
}

/**
 * Reads an entity through the tiers that it is told to, and no other. Each of them has to be there and to answer: one
 * that fails is an error, and never taken for one that has nothing.
 */
export class Layers<E extends EntityClass> {
  readonly #models: readonly (readonly [Tier, EntityModel<E>])[];

  constructor(registry: Registry, entity: E, route: LayersRoute) {
    const { tenantId, domain, generic, databaseType } = route;
    const models: [Tier, EntityModel<E>][] = [];
    // An id that is named and undefined is one that got lost on the way, and no reason to look elsewhere.
    if ('tenantId' in route) models.push(['tenant', registry.model(entity, { databaseType, tenantId })]);
    if ('domain' in route) {
      models.push(['domain', registry.model(entity, { databaseType, tier: 'domain', extIdentifier: domain })]);
    }
    if (generic === true) models.push(['generic', registry.model(entity, { databaseType, tier: 'generic' })]);
    if (models.length === 0) {
      throw new RouteMismatchError({
        message: `Cannot read ${entity.name}: no tier is named. Give tenantId, domain or generic: true`,
      });
    }
    this.#models = models;
  }

  /** The document that the most specific tier has; null where none of them has one. */
  async findFirst(filter: Filter<E>, options: LayersOptions = {}): Promise<Layered<EntityDocument<E>> | null> {
    for (const [tier, model] of this.#models) {
      const document = await readerOf(model, options).findOne(filter);
      if (document !== null) return { tier, document: document as EntityDocument<E> };
    }
    return null;
  }

  /**
   * What the documents of all tiers say together: nested objects property by property, and of anything else, arrays
   * too, what the most specific tier has. A property that is null there is null.
   */
  async findMerged(
    filter: Filter<E>,
    options: LayersOptions = {},
  ): Promise<Merged<EntityContent<InstanceType<E>>> | null> {
    const found = await Promise.all(this.#models.map(([, model]) => readerOf(model, options).findOne(filter).lean()));
    const tiers = this.#models.flatMap(([tier], index) => (found[index] === null ? [] : [tier]));
    if (tiers.length === 0) return null;
    const merged = found.reduceRight<Record<string, unknown>>(
      (below, document) => (document === null ? below : overlay(below, document)),
      {},
    );
    const { _id, _system, __v, ...content } = merged;
    return { tiers, content: content as Merged<EntityContent<InstanceType<E>>>['content'] };
  }
}

function readerOf<E extends EntityClass>(model: EntityModel<E>, { at }: LayersOptions): Reader {
  return (at === undefined ? model : model.asOf(at)) as unknown as Reader;
}
