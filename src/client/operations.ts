import type { CollectionTarget } from '../admin/administration.ts';
import type { ChronosModelType } from '../api/model-type.ts';
import type { RestoreTarget } from '../api/write-versions.ts';
import type { RestoreCollectionOptions, RestoreReport } from '../restore/restore-collection.ts';
import type { Actor, Instant, RawDocument } from '../types.ts';
import { checkedBy, type ItemWriteOptions } from './checked-by.ts';
import { checkedFilter } from './checked-filter.ts';
import type { Item } from './item.ts';
import type { Items } from './items.ts';
import { type ItemListOptions, type ItemPage, listItems } from './list-items.ts';
import { type ItemReference, type ReadItemOptions, readItem } from './read-item.ts';
import {
  type CreatedItem,
  createItem,
  type DeletedItem,
  deleteItem,
  type EnrichItemOptions,
  enrichItem,
  type RestoredItem,
  restoreItem,
  type UpdatedItem,
  updateItem,
} from './write-item.ts';

/** What `listByMeta` is to find. */
export interface MetaQuery extends Pick<ItemListOptions, 'sort' | 'limit' | 'pageToken' | 'afterId'> {
  readonly filter?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What can be done with a collection at a place, of which a class may say what its documents hold, or nothing at all.
 *
 * @typeParam T the content of a document
 */
export class Operations<T extends object = RawDocument> {
  readonly #items: Items;

  constructor(items: Items) {
    this.#items = items;
  }

  /** The Mongoose model, for all that is not here. */
  get model(): ChronosModelType<T> {
    return this.#items.model as unknown as ChronosModelType<T>;
  }

  /**
   * Creates a document.
   *
   * @throws ConfigError for content that cannot be stored, and Mongoose's own ValidationError
   */
  create(data: T, actor?: Actor, reason?: string): Promise<CreatedItem> {
    return createItem(this.#items, data, { actor, reason });
  }

  /**
   * Gives a document another content: all of it. That makes a version even where it is the same.
   *
   * @param expectedOv writes only if the document is at that version
   * @throws NotFoundError; OptimisticLockError
   */
  update(id: unknown, data: T, expectedOv?: number, actor?: Actor, reason?: string): Promise<UpdatedItem> {
    return updateItem(this.#items, id, data, { expectedOv, actor, reason });
  }

  /**
   * Deletes a document. Its history stays, and `restoreObject` brings it back.
   *
   * @throws NotFoundError, also for one that is deleted already; OptimisticLockError
   */
  delete(id: unknown, expectedOv?: number, actor?: Actor, reason?: string): Promise<DeletedItem> {
    return deleteItem(this.#items, id, { expectedOv, actor, reason });
  }

  /**
   * Merges patches into a document, in their order, as one version: objects deeply, arrays as sets.
   *
   * @throws NotFoundError; OptimisticLockError; ConfigError for no patch
   */
  enrich(
    id: unknown,
    patch: RawDocument | readonly RawDocument[],
    options: EnrichItemOptions = {},
  ): Promise<UpdatedItem> {
    return enrichItem(this.#items, id, patch, options);
  }

  /**
   * A document as it is; null where there is none.
   *
   * @throws ConfigError for what is no id, for a projection that is none, and for `presign` without object storage
   * @throws VersioningDisabledError with `includeDeleted`, for a document that is not there, where only current
   *   ones are kept
   * @throws StorageError; PayloadMissingError; PayloadIntegrityError where it has left MongoDB and cannot be read
   */
  getLatest(id: unknown, options?: ReadItemOptions): Promise<Item<T> | null> {
    return readItem(this.#items, id, {}, options);
  }

  /**
   * A document as it is, in a version, or as of an instant: `{ ov }` or `{ at }`. Throws as `getLatest`, `getVersion`
   * and `getAsOf` do.
   *
   * @throws ConfigError for both at once
   */
  getItem(id: unknown, { ov, at, ...options }: ReadItemOptions & ItemReference = {}): Promise<Item<T> | null> {
    return readItem(this.#items, id, { ov, at }, options);
  }

  /**
   * A document in a version; null where there is no such version, or where it is a deletion. Throws as `getLatest` does.
   *
   * @throws ConfigError for what is no number of a version
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError for an earlier version, where only current ones are kept
   */
  getVersion(id: unknown, ov: number, options?: ReadItemOptions): Promise<Item<T> | null> {
    return readItem(this.#items, id, { ov: ov ?? Number.NaN }, options);
  }

  /**
   * A document as of an instant; null before it was created, and while it was deleted. Throws as `getLatest` does.
   *
   * @throws ConfigError for what is no instant, and for a collection version where versions are not numbered by it
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError before the current version, where only current ones are kept
   */
  getAsOf(id: unknown, at: Instant, options?: ReadItemOptions): Promise<Item<T> | null> {
    return readItem(this.#items, id, { at: at ?? '' }, options);
  }

  /**
   * Documents by a filter of MongoDB's, as far as it compares the values of fields.
   *
   * @example
   * let page = await ops.query({ status: 'active' }, { sort: { name: 1 }, limit: 100 });
   * while (page.pageToken !== undefined) page = await ops.query(filter, { ...options, pageToken: page.pageToken });
   *
   * @throws ConfigError for a filter, sort, limit or pageToken that is none, and for a path that is not indexed where
   *   payloads are kept in object storage
   * @throws NotFoundError where the document of `afterId` is not there
   * @throws BeyondRetentionError for an instant of which versions were dropped
   * @throws VersioningDisabledError with `at` or `includeDeleted`, where only current documents are kept
   * @throws StorageError; PayloadMissingError; PayloadIntegrityError where a document has left MongoDB and cannot be
   *   read
   */
  query(filter: Readonly<Record<string, unknown>>, options?: ItemListOptions): Promise<ItemPage<T>> {
    return listItems(this.#items, filter, options);
  }

  /** The same, with what is to be found in one object and how it is shown in another. */
  listByMeta({ filter, ...page }: MetaQuery, options?: Omit<ItemListOptions, keyof MetaQuery>): Promise<ItemPage<T>> {
    return listItems(this.#items, filter, { ...options, ...page });
  }

  /**
   * Makes an old version current again, by a new one of the same content. A deleted document comes back.
   *
   * @throws VersionNotFoundError; OptimisticLockError; ConfigError for a target that is none
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError where only current documents are kept
   */
  restoreObject(id: unknown, target: RestoreTarget, options: ItemWriteOptions = {}): Promise<RestoredItem> {
    return restoreItem(this.#items, id, target, options);
  }

  /**
   * Takes the collection back to its state as of an instant. See `Model.restoreCollection`.
   *
   * @throws ConfigError for a target or a filter that is none
   * @throws BeyondRetentionError for an instant of which versions were dropped
   * @throws VersioningDisabledError where only current documents are kept
   */
  async restoreCollection(target: CollectionTarget, options: RestoreCollectionOptions = {}): Promise<RestoreReport> {
    const { filter } = options;
    const { actor, reason } = checkedBy(options);
    const checked = filter === undefined ? {} : { filter: checkedFilter(filter) };
    return this.model.restoreCollection(target, { ...options, actor, reason, ...checked });
  }
}
