import type { DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { enrichDocument } from '../enrich/enrich.ts';
import { requireVersion, type StoredVersion, storedHead } from '../history/document-history.ts';
import { restoreVersion } from '../restore/restore.ts';
import type { ChronosWriteOptions, RawDocument, SystemFields } from '../types.ts';
import type { VersionedModel } from './versioned-model.ts';

/** Options of the calls that write a version of their own. */
export type VersionWriteOptions = ChronosWriteOptions & { readonly session?: DriverOptions['session'] };

export type EnrichOptions = VersionWriteOptions & {
  /**
   * Enrich a deleted document as it last was, which brings it back. Without, it is not found.
   * @default false
   */
  readonly includeDeleted?: boolean | undefined;
};

/** Which version of a document to restore. */
export type RestoreTarget = { readonly ov: number } | { readonly at: Date | string } | { readonly cv: number };

/** The verbs that write versions which no Mongoose call makes. */
export class WriteVersions {
  readonly #versioned: VersionedModel;

  constructor(versioned: VersionedModel) {
    this.#versioned = versioned;
  }

  async enrich(
    id: unknown,
    patch: RawDocument | readonly RawDocument[],
    options: EnrichOptions = {},
  ): Promise<unknown> {
    await this.madeByEnrich(id, patch, options);
    return this.#latest(id, options);
  }

  async restore(id: unknown, target: RestoreTarget, options: VersionWriteOptions = {}): Promise<unknown> {
    await this.madeByRestore(id, target, options);
    return this.#latest(id, options);
  }

  /** Enriches a document, and tells the bookkeeping of the version that this made, if it did. */
  async madeByEnrich(
    id: unknown,
    patch: RawDocument | readonly RawDocument[],
    options: EnrichOptions = {},
  ): Promise<SystemFields | undefined> {
    const { session: _given, includeDeleted = false, ...chronos } = options;
    const session = this.#versioned.session(options);
    const committer = await this.#versioned.committer();
    const cast = this.#versioned.cast(id);
    const patches = [patch].flat() as RawDocument[];
    const target = { id: cast, includeDeleted };
    for (const one of patches) this.#versioned.rows?.requireOwn(one);
    const attribution = this.#versioned.attribution(chronos);
    const enriched = enrichDocument(this.#versioned.model, committer, target, patches, attribution, { session });
    return this.#versioned.written(enriched);
  }

  /** The same of a restore. */
  async madeByRestore(
    id: unknown,
    target: RestoreTarget,
    options: VersionWriteOptions = {},
  ): Promise<SystemFields | undefined> {
    const { session: _given, ...chronos } = options;
    this.#versioned.requireVersioning('restore a document of');
    const session = this.#versioned.session(options);
    const committer = await this.#versioned.committer();
    const cast = this.#versioned.cast(id);
    const source = await this.#source(committer, cast, target, session);
    const restored = restoreVersion(committer, source, this.#versioned.attribution(chronos), { session });
    return this.#versioned.written(restored);
  }

  async #latest(id: unknown, options: VersionWriteOptions): Promise<unknown> {
    const store = await this.#versioned.store();
    const head = await storedHead(store, this.#versioned.cast(id), this.#versioned.session(options));
    return head === undefined ? null : this.#versioned.currentDocument(store, head, {});
  }

  async #source(
    { store }: Committer,
    id: unknown,
    target: RestoreTarget,
    session: DriverOptions['session'],
  ): Promise<StoredVersion> {
    this.#versioned.requireOneOf('restore a document of', target, ['ov', 'at', 'cv']);
    const which = 'ov' in target ? target.ov : this.#versioned.point('cv' in target ? target : target.at);
    return requireVersion(store, id, which, session);
  }
}
