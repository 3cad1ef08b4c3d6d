import type { HardDeleteOptions, HardDeleteReport, HardDeleteTarget } from '../admin/hard-delete.ts';
import type { ChronosModelType } from '../api/model-type.ts';
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
    const model = this.#registry.modelOf(collection, route) as unknown as ChronosModelType<unknown>;
    return model.hardDelete(target, options);
  }
}
