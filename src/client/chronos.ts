import type { FlushOptions } from '../admin/payloads.ts';
import type { ChronosModelType } from '../api/model-type.ts';
import type { ResolvedConfig } from '../config/resolved-config.ts';
import type { EntityClass, EntityModel } from '../entity/entity-type.ts';
import type { Registry } from '../tenancy/registry.ts';
import type { RawDocument, RouteContext } from '../types.ts';
import { Admin } from './admin.ts';
import { CounterTotals } from './counters.ts';
import { Items } from './items.ts';
import { Layers, type LayersRoute } from './layers.ts';
import { Operations } from './operations.ts';
import { Tenants } from './tenants.ts';

/** A collection at a place. */
export interface CollectionRoute extends RouteContext {
  readonly collection: string;
}

export interface CloseOptions {
  /**
   * How long to wait, in milliseconds, before what is still under way is cut off.
   * @default 30000
   */
  readonly drainMs?: number | undefined;
}

/** An open registry of databases, tenants and entities. */
export class Chronos {
  readonly #registry: Registry;

  /** The tenants: those of the configuration, and those that come and go. */
  readonly tenants: Tenants;

  /** Totals of what was written. */
  readonly counters: CounterTotals;

  /** What those do who look after collections. */
  readonly admin: Admin;

  constructor(registry: Registry, config: Pick<ResolvedConfig, 'resolveTenant'>) {
    this.#registry = registry;
    this.admin = new Admin(registry);
    this.counters = new CounterTotals(registry);
    this.tenants = new Tenants(registry, config.resolveTenant);
  }

  /**
   * The model of an entity at the place that a route names, or in the data of the tenant of the context around the call.
   *
   * @example
   * chronos.model(User, { tenantId: 'acme' });
   * runInChronosContext({ tenant: 'acme' }, () => chronos.model(User));
   *
   * @throws TenantNotFoundError for a tenant that there is not, and where no tenant is named and there is no context
   * @throws RouteMismatchError if the route leads nowhere, to several places, or where the entity does not belong
   */
  model<E extends EntityClass>(entity: E, route?: RouteContext): EntityModel<E> {
    return this.#registry.model(entity, route);
  }

  /**
   * A collection at the place that a route names, be it an entity's or one of which no class says what it holds. Throws as
   * `model` does.
   *
   * @example
   * const users = chronos.with({ key: 'runtime-tenant-a', collection: 'users' });
   * const { id } = await users.create({ email: 'x@y.z' }, 'ana', 'sign-up');
   * await users.getAsOf(id, '2026-01-01T00:00:00Z');
   */
  with<T extends object = RawDocument>({ collection, ...route }: CollectionRoute): Operations<T> {
    const model = this.#registry.modelOf(collection, route);
    return new Operations(new Items(model, this.#registry.isSchemaless(model)));
  }

  /**
   * Reads an entity through several tiers: what a tenant does not have, its domain may, or everyone. Throws as `model`
   * does, for each tier that is named.
   *
   * @example
   * const settings = chronos.layers(Setting, { tenantId: 'acme', domain: 'retail', generic: true });
   * await settings.findFirst({ name: 'theme' }); // { tier: 'domain', document }
   * await settings.findMerged({ name: 'theme' }); // { tiers: ['tenant', 'generic'], content }
   */
  layers<E extends EntityClass>(entity: E, route: LayersRoute): Layers<E> {
    return new Layers(this.#registry, entity, route);
  }

  /**
   * Waits until the payloads of everything that was committed by now, through models of this registry that are at hand,
   * are in object storage, and versions are counted.
   *
   * @throws StorageError where it does not answer in time; nothing is lost then
   */
  async flush(options?: FlushOptions): Promise<void> {
    const models = [...this.#registry.knownModels()] as unknown as ChronosModelType<unknown>[];
    await Promise.all(models.map((model) => model.flush(options)));
  }

  /**
   * Closes all connections, when what is under way on them has ended: calls, and transactions that have begun. Whatever
   * begins from now on is refused. The entities can be given to another registry at once.
   */
  close({ drainMs = 30_000 }: CloseOptions = {}): Promise<void> {
    return this.#registry.close(drainMs);
  }
}
