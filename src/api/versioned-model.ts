import type { Model, mongo } from 'mongoose';
import { callersSession } from '../callers-session.ts';
import { keepingOf } from '../capture/connection-keeping.ts';
import { type AnyModel, committerBehind } from '../capture/install.ts';
import type { DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { keyedBy } from '../commit/once.ts';
import type { Store } from '../commit/store.ts';
import type { ChronosOptions } from '../config/options.ts';
import { effectiveOptions } from '../context.ts';
import { ConfigError } from '../errors.ts';
import { contentOf, type StoredVersion } from '../history/document-history.ts';
import { collectionVersionOf, dateOf, isCollectionVersion, type Point } from '../history/instant.ts';
import { markPast } from '../history/past-document.ts';
import { requireVersioning } from '../history/require-versioning.ts';
import { type Rows, rowsOf } from '../system/rows.ts';
import type { ChronosWriteOptions, Instant, RawDocument } from '../types.ts';

/** Options of the calls that read one document's versions. */
export interface VersionReadOptions {
  /** Plain objects instead of documents. */
  readonly lean?: boolean | undefined;
  /**
   * Give a deleted document as it last was, with `deleted` and `deletedAt` in its `_system`, instead of null.
   * @default false
   */
  readonly includeDeleted?: boolean | undefined;
  readonly session?: DriverOptions['session'];
}

/** A model and what stands behind it: what each verb of the API works on. */
export class VersionedModel {
  readonly model: Model<unknown>;
  readonly #options: ChronosOptions;

  constructor(model: AnyModel, options: ChronosOptions) {
    this.model = model;
    this.#options = options;
  }

  async committer(): Promise<Committer> {
    await this.model.db.asPromise();
    const committer = committerBehind(this.model as AnyModel);
    if (committer !== undefined) return committer;
    throw new ConfigError({
      message: `Cannot use ${this.model.modelName} before its connection is open: await mongoose.connect()`,
    });
  }

  async store(): Promise<Store> {
    return (await this.committer()).store;
  }

  /** The session that a call is part of. */
  session(options: Pick<VersionReadOptions, 'session'>): mongo.ClientSession | undefined {
    return callersSession(this.model, options);
  }

  /** The point in time that an instant names. */
  point(at: Instant): Point {
    if (!isCollectionVersion(at)) return dateOf(at);
    if (this.#options.collectionVersion) return collectionVersionOf(at);
    throw new ConfigError({
      message: `Cannot read ${this.model.modelName} as of a collection version: apply the plugin with collectionVersion: true`,
    });
  }

  /** @throws VersioningDisabledError where there is no past that could be read or restored */
  requireVersioning(operation: string): void {
    const { versioning } = keepingOf(this.model.db, this.#options);
    requireVersioning({ versioning, head: { collectionName: this.model.collection.name } }, operation);
  }

  /** @throws ConfigError where a target says nothing, something else, or two things that may not be the same */
  requireOneOf(operation: string, target: object, names: readonly string[]): void {
    const [name = '', ...more] = Object.keys(target ?? {});
    if (more.length === 0 && names.includes(name)) return;
    throw new ConfigError({
      message: `Cannot ${operation} ${this.model.modelName}: expected one of ${names.join(', ')} to say which version`,
    });
  }

  /** An id as the schema has it, and as it is stored. */
  cast(id: unknown): unknown {
    const path = this.model.schema.path('_id') as { cast?: (value: unknown) => unknown } | undefined;
    const cast = path?.cast === undefined ? id : path.cast(id);
    return this.rows === undefined ? cast : this.rows.storedId(cast);
  }

  /** The part of its collection that the model is for, where it is not all of it. */
  get rows(): Rows | undefined {
    return rowsOf(this.model);
  }

  /** Carries out a write. What the server says of it is told as of the model's own documents. */
  async written<T>(write: Promise<T>): Promise<T> {
    return write.catch((error: unknown) => {
      throw this.rows === undefined ? error : this.rows.shownError(error);
    });
  }

  /** What is in force for a write, as one of this model's own. */
  attribution(chronos: ChronosWriteOptions): ChronosWriteOptions {
    return keyedBy(this.rows, effectiveOptions(chronos));
  }

  /** The head as the model's own queries give it. */
  currentDocument(store: Store, head: StoredVersion, { lean }: VersionReadOptions): unknown {
    const content = contentOf(store, head, this.#options.visible);
    return lean === true ? content : this.model.hydrate(content);
  }

  /** A version as a document that cannot be saved. What it refers to is read as of `at`, else as of its beginning. */
  pastDocument(store: Store, version: StoredVersion, { lean }: VersionReadOptions, at?: Point): unknown {
    const content = contentOf(store, version, this.#options.visible);
    return lean === true ? content : this.#readOnly(content, at ?? version.system.updatedAt);
  }

  /** A version as it was when it was deleted. */
  deletedDocument(store: Store, version: StoredVersion, { lean }: VersionReadOptions): unknown {
    const content = { ...contentOf(store, version), _system: version.system };
    return lean === true ? content : this.#readOnly(content, version.system.updatedAt);
  }

  #readOnly(content: RawDocument, at: Point | undefined): unknown {
    return markPast(this.model.hydrate(content), this.model.modelName, at);
  }
}
