import { type AnyModel, committerBehind } from '../capture/install.ts';
import { ensureVersions } from '../commit/versions-collection.ts';
import { versionsOf } from '../system/version-indexes.ts';
import type { PlaceModels } from './place-models.ts';

export interface CreateIndexesOptions {
  /**
   * The tenants to do it for.
   * @default all that are known
   */
  readonly tenantIds?: readonly string[] | undefined;
  /** Leaves out the tenants up to this one: where an earlier call came to, by what `onProgress` was told. */
  readonly after?: string | undefined;
  /**
   * How many tenants are worked on at a time.
   * @default 4
   */
  readonly parallel?: number | undefined;
  /** Told each time some more tenants are done. */
  readonly onProgress?: ((progress: CreateIndexesProgress) => void) | undefined;
}

export interface CreateIndexesProgress {
  /** All tenants up to this one are done, in the order of their ids. */
  readonly tenantId: string;
  /** How many that are, of this call. */
  readonly done: number;
  readonly total: number;
}

export interface CreateIndexesReport {
  readonly tenants: number;
  /** Collections that were there, and have all indexes now. */
  readonly collections: number;
  /** Where an index could not be made, as a unique one over values that are not. All others were gone on with. */
  readonly failed: readonly { readonly tenantId: string; readonly collection: string; readonly error: unknown }[];
}

/** What there is of a tenant at one place. */
export interface TenantPlace {
  readonly models: PlaceModels;
  /** The models of all entities that belong there. */
  readonly all: () => AnyModel[];
}

/** Makes the indexes of all schemas in collections that are there already, tenant by tenant, in the order of their ids. */
export class IndexRollout {
  readonly #placesOf: (tenantId: string) => TenantPlace[];
  readonly #failed: { tenantId: string; collection: string; error: unknown }[] = [];
  /** A collection that tenants share is done once. */
  readonly #done = new Set<string>();

  constructor(placesOf: (tenantId: string) => TenantPlace[]) {
    this.#placesOf = placesOf;
  }

  async run(known: Iterable<string>, options: CreateIndexesOptions): Promise<CreateIndexesReport> {
    const { tenantIds = known, after, parallel = 4, onProgress } = options;
    const ids = [...new Set(tenantIds)].sort().filter((id) => after === undefined || id > after);
    for (let first = 0; first < ids.length; first += parallel) {
      const some = ids.slice(first, first + parallel);
      await Promise.all(some.map((tenantId) => this.#ofTenant(tenantId)));
      onProgress?.({ tenantId: some.at(-1) as string, done: first + some.length, total: ids.length });
    }
    return { tenants: ids.length, collections: this.#done.size - this.#failed.length, failed: this.#failed };
  }

  async #ofTenant(tenantId: string): Promise<void> {
    for (const { models, all } of this.#placesOf(tenantId)) {
      const existing = await models.existingCollections();
      for (const model of all()) {
        const { collectionName: collection } = model.collection;
        const { connection, dbName } = models.place;
        const name = JSON.stringify([connection, dbName, collection]);
        if (!existing.has(collection) || this.#done.has(name)) continue;
        this.#done.add(name);
        await createIndexes(model, existing).catch((error: unknown) => {
          this.#failed.push({ tenantId, collection, error });
        });
      }
    }
  }
}

/** Of the documents, and of their versions, where there are some. */
async function createIndexes(model: AnyModel, existing: ReadonlySet<string>): Promise<void> {
  await model.createIndexes();
  const store = committerBehind(model)?.store;
  if (store !== undefined && existing.has(versionsOf(store.head.collectionName)))
    await ensureVersions(store, undefined);
}
