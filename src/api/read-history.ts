import type { DriverOptions } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { ConfigError, NotFoundError } from '../errors.ts';
import { diffDocuments } from '../history/diff.ts';
import {
  contentOf,
  type Page,
  requireVersion,
  type StoredVersion,
  storedHead,
  storedVersions,
} from '../history/document-history.ts';
import { findVersion, type Which } from '../history/find-version.ts';
import { toJsonPatch } from '../history/json-patch.ts';
import { onceStored } from '../history/once-stored.ts';
import { type Version, VersionList, versionOf } from '../history/version.ts';
import type { PresignBlobsOptions, PresignedBlob } from '../payload/presign-blobs.ts';
import type { Instant, RawDocument } from '../types.ts';
import type { VersionedModel, VersionReadOptions } from './versioned-model.ts';

export type HistoryOptions = Pick<VersionReadOptions, 'lean' | 'session'> & Page;

/** Options of {@link ReadHistory.diff}. */
export interface DiffOptions {
  /**
   * What the differences are told in: typed changes, or the operations of RFC 6902 for JSON.
   * @default 'changes'
   */
  readonly format?: 'changes' | 'json-patch' | undefined;
  readonly session?: VersionReadOptions['session'];
}

/** Options of {@link ReadHistory.presign}. */
export interface PresignVersionOptions extends PresignBlobsOptions {
  /**
   * Which version: by its number, or as of an instant.
   * @default the current one
   */
  readonly ov?: number | undefined;
  readonly at?: Instant | undefined;
}

/** One side of a comparison: a version by its number, or the one current at an instant. */
export type VersionReference = number | Instant;

/** The verbs that read one document's versions. */
export class ReadHistory {
  readonly #versioned: VersionedModel;

  constructor(versioned: VersionedModel) {
    this.#versioned = versioned;
  }

  history(id: unknown, options: HistoryOptions = {}): VersionList<unknown> {
    const cast = this.#versioned.cast(id);
    return new VersionList(() => this.#versions(cast, options));
  }

  async getLatest(id: unknown, options: VersionReadOptions = {}): Promise<unknown> {
    return this.#shown(id, 'latest', options);
  }

  async getVersion(id: unknown, ov: number, options: VersionReadOptions = {}): Promise<unknown> {
    return this.#shown(id, { ov }, options);
  }

  async getAsOf(id: unknown, at: Instant, options: VersionReadOptions = {}): Promise<unknown> {
    return this.#shown(id, { at: this.#versioned.point(at) }, options);
  }

  async presign(id: unknown, options: PresignVersionOptions = {}): Promise<Readonly<Record<string, PresignedBlob>>> {
    const { ov, at, ...asked } = options;
    const store = await this.#versioned.store();
    const { payload } = store;
    if (payload === undefined) {
      throw new ConfigError({
        message: `Cannot presign blobs of ${this.#versioned.model.modelName}: they are not kept in object storage. Apply the plugin with payload and base64`,
      });
    }
    const cast = this.#versioned.cast(id);
    const find = (pinned?: number) => this.#find(store, cast, pinned ?? ov ?? at, undefined);
    const use = ({ system }: StoredVersion) => payload.presign(system, asked);
    return (await onceStored(store, { find, bytesOf: ({ bytes }) => bytes }, use)) ?? {};
  }

  async diff(id: unknown, a: VersionReference, b?: VersionReference, options: DiffOptions = {}): Promise<unknown> {
    this.#versioned.requireVersioning('compare versions of');
    const changes = diffDocuments(await this.#contentOf(id, a, options), await this.#contentOf(id, b, options));
    return options.format === 'json-patch' ? toJsonPatch(changes) : changes;
  }

  /** A version as a document: one that can be saved only where it is the current one. */
  async #shown(id: unknown, which: Which, options: VersionReadOptions): Promise<unknown> {
    const store = await this.#versioned.store();
    const cast = this.#versioned.cast(id);
    const session = this.#versioned.session(options);
    const found = await findVersion(store, cast, which, options.includeDeleted === true, session);
    if (found === undefined) return null;
    if (found.isDeleted) return this.#versioned.deletedDocument(store, found.version, options);
    if (which === 'latest') return this.#versioned.currentDocument(store, found.version, options);
    return this.#versioned.pastDocument(store, found.version, options, 'at' in which ? which.at : undefined);
  }

  async *#versions(id: unknown, options: HistoryOptions): AsyncGenerator<Version<unknown>> {
    const store = await this.#versioned.store();
    let until: Date | null = null;
    for await (const version of storedVersions(store, id, options, this.#versioned.session(options))) {
      const deleted = version.system.deleted === true;
      const document = deleted ? null : this.#versioned.pastDocument(store, version, options);
      yield versionOf(version.system, until, document);
      until = version.system.updatedAt ?? null;
    }
  }

  async #contentOf(id: unknown, which: VersionReference | undefined, options: DiffOptions): Promise<RawDocument> {
    const store = await this.#versioned.store();
    const version = await this.#find(store, this.#versioned.cast(id), which, this.#versioned.session(options));
    return version.system.deleted === true ? {} : contentOf(store, version);
  }

  async #find(
    store: Store,
    id: unknown,
    which: VersionReference | undefined,
    session: DriverOptions['session'],
  ): Promise<StoredVersion> {
    if (which !== undefined) {
      const version = typeof which === 'number' ? which : this.#versioned.point(which);
      return requireVersion(store, id, version, session);
    }
    const head = await storedHead(store, id, session);
    if (head === undefined) throw new NotFoundError(store.head.collectionName, id);
    return head;
  }
}
