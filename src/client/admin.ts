import type { HardDeleteOptions, HardDeleteReport, HardDeleteTarget } from '../admin/hard-delete.ts';
import type { ImportReport } from '../admin/import-history.ts';
import type { MarkOptions } from '../admin/payloads.ts';
import type { SweepOptions, SweepReport } from '../admin/sweep.ts';
import type { ChronosModelType } from '../api/model-type.ts';
import { ConfigError } from '../errors.ts';
import type { MarkReport } from '../offload/mark-processed.ts';
import type {
  EnsureBucketsOptions,
  EnsuredBuckets,
  S3Connectivity,
  SpacesValidation,
} from '../payload/stores/s3-admin.ts';
import type { RetentionOptions, RetentionReport } from '../retention/apply-retention.ts';
import type { DropManifestsOptions, DropManifestsReport } from '../retention/drop-manifests.ts';
import type { Backend } from '../tenancy/backends.ts';
import type { Health, HealthOptions } from '../tenancy/health.ts';
import type { PlaceStorage, Registry } from '../tenancy/registry.ts';
import type { Attribution } from '../types.ts';
import { type BackupFacts, type BackupReport, Backups } from './backups.ts';
import { checkedFilter } from './checked-filter.ts';
import type { CollectionRoute } from './chronos.ts';
import { requireId } from './item-id.ts';

/**
 * What is done to collections by those who look after them. What `chronos.with` throws of a route is thrown by each call
 * that takes one.
 */
export class Admin {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /**
   * Whether the servers and the object storage of the configuration answer, and do what is asked of them. Tells what is
   * wrong, within its deadline, instead of throwing it. Opens all connections.
   *
   * @example
   * const { healthy, mongo, storage } = await chronos.admin.health({ deadlineMs: 1000 });
   *
   * @throws ConfigError for a deadline that is none, and where the registry is closed
   */
  async health(options: HealthOptions = {}): Promise<Health> {
    return this.#registry.health(options);
  }

  /** The databases of the configuration, and the hosts and buckets they are on. Nothing of it is a secret. */
  async listBackends(): Promise<Backend[]> {
    return this.#registry.backends();
  }

  /**
   * Erases documents with all of their history, where the configuration has `hardDeleteEnabled`. See `Model.hardDelete`.
   *
   * @example
   * await chronos.admin.hardDelete({ key: 'runtime-tenant-a', collection: 'users' }, { id }, { confirm: true });
   *
   * @throws ConfigError without `hardDeleteEnabled`, without `confirm: true` unless it is a dry run, and for what is
   *   no id
   * @throws NotFoundError for an id that no document can have
   * @throws LegalHoldError where one of the documents is held
   */
  async hardDelete(
    route: CollectionRoute,
    target: HardDeleteTarget,
    options?: HardDeleteOptions,
  ): Promise<HardDeleteReport> {
    return this.#model(route).hardDelete(this.#checkedTarget(route, target), options);
  }

  /**
   * Leaves in MongoDB only the part to search by of versions that were written so many hours ago. See
   * `Model.markItemsAsProcessedByTTL`.
   *
   * @throws ConfigError without `confirm: true` unless it is a dry run, for hours that are no number from 0, and where
   *   payloads are not kept in object storage
   * @throws RouteMismatchError for one of the tenants that share a collection
   */
  async markItemsAsProcessedByTTL(route: CollectionRoute, hours: number, options: MarkOptions): Promise<MarkReport> {
    return this.#model(route).markItemsAsProcessedByTTL(hours, options);
  }

  /**
   * The same for all versions of one document; also for a tenant that shares a collection.
   *
   * @returns whether there was anything to mark
   * @throws ConfigError without `confirm: true` unless it is a dry run, for what is no id, and where payloads are not
   *   kept in object storage
   * @throws NotFoundError for an id that no document can have
   */
  async markItemAsProcessed(route: CollectionRoute, id: unknown, options: MarkOptions): Promise<boolean> {
    return this.#model(route).markItemAsProcessed(this.#idIn(route, id), options);
  }

  /**
   * Removes the objects of a collection that nothing refers to. See `Model.sweep`.
   *
   * @throws ConfigError without `confirm: true` unless it is a dry run, for a `graceMs` that is no number from 0, and
   *   where neither payloads nor manifests are kept in object storage
   * @throws StorageError
   */
  async sweep(route: CollectionRoute, options: SweepOptions): Promise<SweepReport> {
    return this.#model(route).sweep(options);
  }

  /**
   * Takes the versions of a collection away that are past `retention.ver`: into manifests with `rollup.enabled`, else for
   * good. See `Model.applyRetention`.
   *
   * @throws ConfigError without `confirm: true` unless it is a dry run, and where all versions are kept
   * @throws StorageError where manifests cannot be written; another run goes on from there
   */
  async applyRetention(route: CollectionRoute, options: RetentionOptions): Promise<RetentionReport> {
    return this.#model(route).applyRetention(options);
  }

  /**
   * Drops rolled up versions of a collection for good. See `Model.dropManifests`.
   *
   * @throws ConfigError without `confirm: true` unless it is a dry run, and for a `before` that is no date
   * @throws StorageError where manifests cannot be read or written; another run goes on from there
   */
  async dropManifests(
    route: CollectionRoute,
    target: { readonly before: Date },
    options: DropManifestsOptions,
  ): Promise<DropManifestsReport> {
    return this.#model(route).dropManifests(target, options);
  }

  /**
   * Keeps a document from retention and from being erased. See `Model.hold`.
   *
   * @example
   * await chronos.admin.hold({ tenantId: 'a', collection: 'users' }, id, { actor: 'legal', reason: 'case 7' });
   *
   * @throws ConfigError for what is no id; NotFoundError for an id that no document can have
   * @throws VersioningDisabledError where a version goes with the write that takes its place
   */
  async hold(route: CollectionRoute, id: unknown, attribution?: Attribution): Promise<void> {
    return this.#model(route).hold(this.#idIn(route, id), attribution);
  }

  /**
   * Lets go of a document that was held.
   *
   * @returns whether it was
   * @throws ConfigError for what is no id; NotFoundError for an id that no document can have
   */
  async releaseHold(route: CollectionRoute, id: unknown): Promise<boolean> {
    return this.#model(route).releaseHold(this.#idIn(route, id));
  }

  /**
   * Whether the object storage of a place answers and takes the keys. Tells what is wrong instead of throwing it.
   *
   * @example
   * const { success, buckets, error } = await chronos.admin.testS3Connectivity({ dbName: 'myapp', collection: 'users' });
   */
  async testS3Connectivity(route: CollectionRoute): Promise<S3Connectivity> {
    return this.#storage(route).admin?.testS3Connectivity() ?? { success: false, buckets: [], error: NO_STORAGE };
  }

  /** Whether the configuration of the object storage of a place works, and what to do about it if not. */
  async validateSpacesConfiguration(route: CollectionRoute): Promise<SpacesValidation> {
    const none = { valid: false, issues: [NO_STORAGE], recommendations: ['Configure spacesConns, or localStorage'] };
    return this.#storage(route).admin?.validateSpacesConfiguration() ?? none;
  }

  /**
   * Checks the four buckets of a place, and creates those that are missing if asked to.
   *
   * @example
   * await chronos.admin.ensureBucketsExist({ dbName: 'myapp', collection: 'users' }, { createIfMissing: true, confirm: true });
   *
   * @throws ConfigError where buckets are to be created and `confirm` is not true, or there is no object storage
   */
  async ensureBucketsExist(route: CollectionRoute, options: EnsureBucketsOptions = {}): Promise<EnsuredBuckets> {
    const { admin } = this.#storage(route);
    if (admin === undefined) throw new ConfigError({ message: `Cannot check buckets: ${NO_STORAGE}` });
    return admin.ensureBucketsExist(options);
  }

  /**
   * Writes a collection with its whole history to the bucket for backups, all of one snapshot. See `Model.exportHistory`.
   *
   * @param options the `key` by which it is restored; a new one if left out
   * @throws ConfigError for a key that is none, and where there is no object storage
   * @throws RouteMismatchError for one of the tenants that share a collection
   * @throws SnapshotExpiredError where it takes longer than the server keeps a snapshot
   */
  async backup(route: CollectionRoute, { key }: { readonly key?: string | undefined } = {}): Promise<BackupReport> {
    return this.#backups(route).make(this.#model(route), key);
  }

  /**
   * Puts a backup into the collection, which is empty or the same one. See `Model.importHistory`.
   *
   * @throws ConfigError for a key that is none, and where there is no object storage
   * @throws PayloadMissingError where there is no backup of that key
   * @throws HistoryFileError for what is no backup, not intact, or of another history
   * @throws RouteMismatchError for one of the tenants that share a collection
   * @throws VersioningDisabledError where only current documents are kept
   */
  async restoreBackup(route: CollectionRoute, { key }: { readonly key: string }): Promise<ImportReport> {
    return this.#backups(route).restore(this.#model(route), key);
  }

  /**
   * The backups of a collection, in the order of their keys.
   *
   * @throws ConfigError where there is no object storage; StorageError where it does not answer
   */
  async listBackups(route: CollectionRoute): Promise<BackupFacts[]> {
    return this.#backups(route).list();
  }

  /** An id that got lost on the way must not pass for one of which there is no document. */
  #idIn({ collection, ...route }: CollectionRoute, id: unknown): unknown {
    return requireId(this.#registry.modelOf(collection, route), id);
  }

  #checkedTarget(route: CollectionRoute, target: HardDeleteTarget): HardDeleteTarget {
    if ('id' in target) return { id: this.#idIn(route, target.id) };
    if ('ids' in target) return { ids: target.ids.map((id) => this.#idIn(route, id)) };
    // One that is left out finds nothing, and must not become one that finds all.
    return target.filter === undefined ? target : { filter: checkedFilter(target.filter) };
  }

  #backups(route: CollectionRoute): Backups {
    const { place, buckets } = this.#storage(route);
    if (buckets === undefined) throw new ConfigError({ message: `Cannot back up: ${NO_STORAGE}` });
    return new Backups(buckets.backup, place, route.collection);
  }

  #storage({ collection, ...route }: CollectionRoute): PlaceStorage {
    return this.#registry.storageOf(collection, route);
  }

  #model({ collection, ...route }: CollectionRoute): ChronosModelType<unknown> {
    return this.#registry.modelOf(collection, route) as unknown as ChronosModelType<unknown>;
  }
}

const NO_STORAGE = 'no object storage is configured for this database';
