import type {
  HydratedDocument,
  Model,
  MongooseUpdateQueryOptions,
  mongo,
  Query,
  QueryWithHelpers,
  Types,
  UpdateQuery,
  UpdateWithAggregationPipeline,
  UpdateWriteOpResult,
} from 'mongoose';
import type { AdministrationStatics } from '../admin/administration.ts';
import type { DocumentChange } from '../history/diff.ts';
import type { JsonPatchOperation } from '../history/json-patch.ts';
import type { VersionList } from '../history/version.ts';
import type { PresignedBlob } from '../payload/presign-blobs.ts';
import type { ChronosWriteOptions, Instant } from '../types.ts';
import type { PastDocument, PastModel, PastQuery } from './past-model.ts';
import type { DiffOptions, HistoryOptions, PresignVersionOptions, VersionReference } from './read-history.ts';
import type { VersionReadOptions } from './versioned-model.ts';
import type { EnrichOptions, RestoreTarget, VersionWriteOptions } from './write-versions.ts';

/** What a schema without helpers, methods or virtuals of its own has. */
type None = Record<never, never>;

/**
 * The type of a model whose schema has the plugin. It takes what Mongoose's `Model` takes, in the same order, and goes
 * where that goes.
 *
 * @example
 * const schema = new Schema<User, ChronosModelType<User>>({ name: String });
 * schema.plugin(chronos);
 * const User = model<User, ChronosModelType<User>>('User', schema);
 */
export type ChronosModelType<T, QueryHelpers = None, Methods = None, Virtuals = None> = ChronosStatics<
  T,
  QueryHelpers,
  Methods,
  Virtuals
> &
  Model<
    T,
    QueryHelpers & ChronosQueryHelpers<T, QueryHelpers, Methods, Virtuals>,
    Methods & ChronosMethods<T, QueryHelpers, Methods, Virtuals>,
    Virtuals
  >;

/** A document of such a model. */
export type ChronosDocument<T, QueryHelpers = None, Methods = None, Virtuals = None> = HydratedDocument<
  T,
  Methods & ChronosMethods<T, QueryHelpers, Methods, Virtuals> & Virtuals,
  QueryHelpers & ChronosQueryHelpers<T, QueryHelpers, Methods, Virtuals>,
  Virtuals
>;

/** What the plugin adds to the queries of a model. */
export interface ChronosQueryHelpers<T = unknown, QueryHelpers = None, Methods = None, Virtuals = None> {
  /** Makes the query answer as of an instant. Its documents, and what they refer to, are of that instant. */
  asOf<Q>(this: Q, at: Instant): PastQuery<ResultOf<Q>, T, QueryHelpers, Methods, Virtuals>;
}

/** What a query gives. */
type ResultOf<Q> = Q extends { exec(): Promise<infer R> } ? R : never;

/** The plain content of a version, as `lean` queries give it. */
type Lean<T> = T extends { _id?: infer Id } ? T & { _id: Id } : T & { _id: Types.ObjectId };

type Leaned<O, T, D> = O extends { readonly lean: true } ? Lean<T> : D;

type Diffed<O> = O extends { readonly format: 'json-patch' } ? JsonPatchOperation[] : DocumentChange[];

/** The id of a document, or what Mongoose casts to it. */
type Id = unknown;

/**
 * What the plugin adds to a model. An id that the schema cannot cast is a CastError of Mongoose's.
 *
 * @typeParam Patch what `enrich` takes
 */
export interface ChronosStatics<T, QueryHelpers = None, Methods = None, Virtuals = None, Patch = AnyPatch>
  extends ChronosUpdates<T>,
    AdministrationStatics {
  /** The model as it was at an instant, read-only. */
  asOf(at: Instant): PastModel<T, QueryHelpers, Methods, Virtuals>;

  /** All versions of a document, newest first: awaited an array, iterated over one by one, however many there are. */
  history<const O extends HistoryOptions = HistoryOptions>(
    id: Id,
    options?: O,
  ): VersionList<Leaned<O, T, PastDocument<T, QueryHelpers, Methods, Virtuals>>>;

  /**
   * The document as it is; null if there is none.
   *
   * @throws VersioningDisabledError with `includeDeleted`, for a document that is not there, where only current
   *   ones are kept
   * @throws StorageError; PayloadMissingError; PayloadIntegrityError where it has left MongoDB and cannot be read
   */
  getLatest<const O extends VersionReadOptions = VersionReadOptions>(
    id: Id,
    options?: O,
  ): Promise<Leaned<O, T, ChronosDocument<T, QueryHelpers, Methods, Virtuals>> | null>;

  /**
   * The document as it was in version `ov`; null if there is no such version, or if it is a deletion. Throws as
   * `getLatest` does.
   *
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError for an earlier version, where only current ones are kept
   */
  getVersion<const O extends VersionReadOptions = VersionReadOptions>(
    id: Id,
    ov: number,
    options?: O,
  ): Promise<Leaned<O, T, PastDocument<T, QueryHelpers, Methods, Virtuals>> | null>;

  /**
   * The document as it was at an instant; null before its creation and while it was deleted. Throws as `getLatest` does.
   *
   * @throws ConfigError for what is no instant, and for a collection version without the option `collectionVersion`
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError before the current version, where only current ones are kept
   */
  getAsOf<const O extends VersionReadOptions = VersionReadOptions>(
    id: Id,
    at: Instant,
    options?: O,
  ): Promise<Leaned<O, T, PastDocument<T, QueryHelpers, Methods, Virtuals>> | null>;

  /**
   * Addresses from which anyone can read the blobs of a version for a while, by their paths. A version whose blobs are
   * still on their way to object storage is waited for.
   *
   * @throws NotFoundError, or VersionNotFoundError, where there is no such version; StorageError
   */
  presign(id: Id, options?: PresignVersionOptions): Promise<Readonly<Record<string, PresignedBlob>>>;

  /**
   * What changed between two versions, each given by its number or an instant. Without a second one it is the current
   * one.
   *
   * @throws NotFoundError where the current one is meant, and there is none
   * @throws VersionNotFoundError for a version or an instant that the document does not have
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError where only current documents are kept
   */
  diff<const O extends DiffOptions = DiffOptions>(
    id: Id,
    a: VersionReference,
    b?: VersionReference,
    options?: O,
  ): Promise<Diffed<O>>;

  /**
   * Merges a patch into the document, or several in their order: a new version that keeps what they do not name.
   *
   * @throws NotFoundError; OptimisticLockError; ConfigError for no patch, and for one that cannot be merged
   * @throws Mongoose's own CastError, StrictModeError and ValidationError for what the schema does not allow
   */
  enrich(
    id: Id,
    patch: Patch | readonly Patch[],
    options?: EnrichOptions,
  ): Promise<ChronosDocument<T, QueryHelpers, Methods, Virtuals>>;

  /**
   * Makes an old version current again: a new version of the same content. A deleted document comes back.
   *
   * @throws VersionNotFoundError, also for a deletion; OptimisticLockError; ConfigError for a target that is none
   * @throws BeyondRetentionError for a version that was dropped
   * @throws VersioningDisabledError where only current documents are kept
   */
  restore(
    id: Id,
    target: RestoreTarget,
    options?: VersionWriteOptions,
  ): Promise<ChronosDocument<T, QueryHelpers, Methods, Virtuals>>;
}

type AnyPatch = Readonly<Record<string, unknown>>;

/** What the plugin adds to the documents of a model. */
export interface ChronosMethods<T, QueryHelpers = None, Methods = None, Virtuals = None, Patch = AnyPatch> {
  /** See `Model.history`. */
  history<const O extends HistoryOptions = HistoryOptions>(
    options?: O,
  ): VersionList<Leaned<O, T, PastDocument<T, QueryHelpers, Methods, Virtuals>>>;

  /** See `Model.diff`. */
  diff<const O extends DiffOptions = DiffOptions>(
    a: VersionReference,
    b?: VersionReference,
    options?: O,
  ): Promise<Diffed<O>>;

  /** See `Model.getAsOf`. */
  asOf<const O extends VersionReadOptions = VersionReadOptions>(
    at: Instant,
    options?: O,
  ): Promise<Leaned<O, T, PastDocument<T, QueryHelpers, Methods, Virtuals>> | null>;

  /** See `Model.enrich`. */
  enrich(
    patch: Patch | readonly Patch[],
    options?: EnrichOptions,
  ): Promise<ChronosDocument<T, QueryHelpers, Methods, Virtuals>>;

  /** See `Model.restore`. */
  restore(
    target: RestoreTarget,
    options?: VersionWriteOptions,
  ): Promise<ChronosDocument<T, QueryHelpers, Methods, Virtuals>>;
}

/** The filter that the queries of a model take, whatever it is called in the installed Mongoose. */
type FilterOf<T> = ReturnType<Query<unknown, unknown, None, T>['getFilter']>;

type UpdateOptions<T> = mongo.UpdateOptions & MongooseUpdateQueryOptions<T> & { readonly chronos: ChronosWriteOptions };

/** Mongoose types the options of these two by those of the driver, which cannot be added to. */
interface ChronosUpdates<T> {
  updateOne(
    filter: FilterOf<T>,
    update: UpdateQuery<T> | UpdateWithAggregationPipeline,
    options: UpdateOptions<T>,
  ): QueryWithHelpers<UpdateWriteOpResult, unknown, ChronosQueryHelpers, T, 'updateOne'>;
  updateMany(
    filter: FilterOf<T>,
    update: UpdateQuery<T> | UpdateWithAggregationPipeline,
    options: UpdateOptions<T>,
  ): QueryWithHelpers<UpdateWriteOpResult, unknown, ChronosQueryHelpers, T, 'updateMany'>;
}
