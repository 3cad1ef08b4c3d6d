import type { HardDeleteOptions, HardDeleteReport, HardDeleteTarget } from '../admin/hard-delete.ts';
import type { MarkOptions } from '../admin/payloads.ts';
import type { SweepOptions, SweepReport } from '../admin/sweep.ts';
import type { ChronosModelType } from '../api/model-type.ts';
import type { MarkReport } from '../offload/mark-processed.ts';
import type { RetentionOptions, RetentionReport } from '../retention/apply-retention.ts';
import type { Registry } from '../tenancy/registry.ts';
import type { CollectionRoute } from './chronos.ts';

/** What is done to collections by those who look after them. */
export class Admin {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /**
   * Erases documents with all of their history, where the configuration has `hardDeleteEnabled`. See `Model.hardDelete`.
   *
   * @example
   * await chronos.admin.hardDelete({ key: 'runtime-tenant-a', collection: 'users' }, { id }, { confirm: true });
   */
  async hardDelete(
    { collection, ...route }: CollectionRoute,
    target: HardDeleteTarget,
    options?: HardDeleteOptions,
  ): Promise<HardDeleteReport> {
    return this.#model({ collection, ...route }).hardDelete(target, options);
  }

  /**
   * Leaves in MongoDB only the part to search by of versions that were written so many hours ago. See
   * `Model.markItemsAsProcessedByTTL`.
   */
  async markItemsAsProcessedByTTL(route: CollectionRoute, hours: number, options: MarkOptions): Promise<MarkReport> {
    return this.#model(route).markItemsAsProcessedByTTL(hours, options);
  }

  /** The same for all versions of one document. */
  async markItemAsProcessed(route: CollectionRoute, id: unknown, options: MarkOptions): Promise<boolean> {
    return this.#model(route).markItemAsProcessed(id, options);
  }

  /** Removes the objects of a collection that nothing refers to. See `Model.sweep`. */
  async sweep(route: CollectionRoute, options: SweepOptions): Promise<SweepReport> {
    return this.#model(route).sweep(options);
  }

  /**
   * Takes the versions of a collection away that are past `retention.ver`: into manifests with `rollup.enabled`, else for
   * good. See `Model.applyRetention`.
   */
  async applyRetention(route: CollectionRoute, options: RetentionOptions): Promise<RetentionReport> {
    return this.#model(route).applyRetention(options);
  }

  #model({ collection, ...route }: CollectionRoute): ChronosModelType<unknown> {
    return this.#registry.modelOf(collection, route) as unknown as ChronosModelType<unknown>;
  }
}
