import type { TenantPlacement } from '../config/chronos-config.ts';
import { TenantNotFoundError } from '../errors.ts';
import { requireTenantId } from '../tenancy/directory.ts';
import { type CreateIndexesOptions, type CreateIndexesReport, IndexRollout } from '../tenancy/index-rollout.ts';
import type { Registry } from '../tenancy/registry.ts';

type Placements = TenantPlacement | readonly TenantPlacement[];

/** The tenants of a registry: those of the configuration, and those that come and go while it is open. */
export class Tenants {
  readonly #registry: Registry;
  readonly #resolveTenant: ((tenantId: string) => Promise<Placements | null>) | undefined;
  readonly #pending = new Map<string, Promise<void>>();

  constructor(registry: Registry, resolveTenant: ((tenantId: string) => Promise<Placements | null>) | undefined) {
    this.#registry = registry;
    this.#resolveTenant = resolveTenant;
  }

  /** Whether there is such a tenant, as far as it is known without asking `resolveTenant`. */
  has(tenantId: string): boolean {
    return this.#registry.directory.has(tenantId);
  }

  /** The ids of all tenants that are known. */
  ids(): string[] {
    return [...this.#registry.directory.tenantIds()];
  }

  /**
   * Lets a tenant live in a template or a shared database, or in one for each type of databases. Nothing is opened or
   * created before it is written to.
   *
   * @example
   * chronos.tenants.add('acme', { database: 'tenants' });
   *
   * @throws ConfigError if it cannot live there, or lives somewhere already
   */
  add(tenantId: string, placements: Placements): void {
    this.#registry.directory.add(tenantId, [placements].flat());
  }

  /**
   * Lets a tenant that is there already live somewhere else. What is stored stays where it is: copy it first, while
   * nothing writes. Models from before refuse to go on, so that nobody writes to the old place by mistake.
   *
   * @throws ConfigError if it cannot live there; then it stays where it was
   * @throws TenantNotFoundError
   */
  move(tenantId: string, placements: Placements): void {
    this.#require(tenantId);
    const places = this.#registry.directory.move(tenantId, [placements].flat());
    this.#registry.forget(tenantId, places, 'it was moved. Ask for the model again');
  }

  /** Forgets a tenant. What is stored stays; models from before refuse to go on. Returns whether there was one. */
  remove(tenantId: string): boolean {
    const isThere = this.has(tenantId);
    this.#registry.forget(tenantId, this.#registry.directory.remove(tenantId), 'the tenant was removed');
    return isThere;
  }

  /**
   * Makes a tenant known that the configuration does not name, by asking `resolveTenant`: once, however many ask for it
   * at a time. After that its models are there.
   *
   * @throws TenantNotFoundError if there is no such tenant
   * @throws ConfigError if it cannot live where `resolveTenant` says; and whatever that throws
   */
  async resolve(tenantId: string): Promise<void> {
    requireTenantId(tenantId);
    if (this.has(tenantId)) return;
    const pending = this.#pending.get(tenantId) ?? this.#ask(tenantId);
    this.#pending.set(tenantId, pending);
    await pending.finally(() => this.#pending.delete(tenantId));
  }

  /**
   * Makes the indexes that the schemas have by now, and the collections of tenants have not: one tenant after the other,
   * a few at a time. What does not exist yet is not created; it gets its indexes with its first document. It can be
   * broken off, and gone on with.
   *
   * @example
   * let after = await lastDone();
   * const { failed } = await chronos.tenants.createIndexes({ after, onProgress: ({ tenantId }) => save(tenantId) });
   *
   * @throws TenantNotFoundError for an id that is none
   */
  createIndexes(options: CreateIndexesOptions = {}): Promise<CreateIndexesReport> {
    const rollout = new IndexRollout((tenantId) => this.#registry.placesOf(tenantId));
    return rollout.run(this.ids(), options);
  }

  async #ask(tenantId: string): Promise<void> {
    const placements = (await this.#resolveTenant?.(tenantId)) ?? null;
    if (placements === null) this.#require(tenantId);
    else if (!this.has(tenantId)) this.add(tenantId, placements);
  }

  #require(tenantId: string): void {
    requireTenantId(tenantId);
    if (this.has(tenantId)) return;
    throw new TenantNotFoundError({
      tenantId,
      message: `Cannot find tenant ${JSON.stringify(tenantId)}: there is none`,
    });
  }
}
