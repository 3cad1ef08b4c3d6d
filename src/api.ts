import type { Model } from 'mongoose';
import { type AnyModel, committerBehind } from './capture/install.ts';
import type { DriverOptions } from './commit/captured-write.ts';
import type { Committer } from './commit/committer.ts';
import { effectiveOptions, runWithWriteOptions } from './context.ts';
import { enrichDocument } from './enrich/enrich.ts';
import { ConfigError, NotFoundError, VersionNotFoundError } from './errors.ts';
import { modelAsOf, queryAsOf } from './history/as-of.ts';
import { type Change, diffDocuments } from './history/diff.ts';
import {
  contentOf,
  type Page,
  type StoredVersion,
  storedHead,
  storedVersion,
  storedVersionAt,
  storedVersions,
} from './history/document-history.ts';
import { dateOf, isCollectionVersion } from './history/instant.ts';
import { markPast, refusePast } from './history/past-document.ts';
import { type Version, VersionList, versionOf } from './history/version.ts';
import { restoreVersion } from './restore/restore.ts';
import type { ChronosWriteOptions, Instant, RawDocument } from './types.ts';

/** Options of the calls that read one document's versions. */
export interface VersionReadOptions {
  /** Plain objects instead of documents. */
  readonly lean?: boolean | undefined;
  readonly session?: DriverOptions['session'];
}

export type HistoryOptions = VersionReadOptions & Page;

/** Options of the calls that write a version of their own. */
export type VersionWriteOptions = ChronosWriteOptions & { readonly session?: DriverOptions['session'] };

/** Which version of a document to restore. */
export type RestoreTarget = { readonly ov: number } | { readonly at: Date | string } | { readonly cv: number };

/** Puts the library's statics, methods and query helper on a model, except where the schema uses the name itself. */
export function installApi(model: AnyModel, install: (model: AnyModel) => void): void {
  if (Object.hasOwn(model, INSTALLED)) return;
  Object.defineProperty(model, INSTALLED, { value: true });
  const api = new ModelApi(model);
  defineMissing(model, statics(api));
  defineMissing(model.prototype, methods(api));
  const { prototype } = (model as unknown as { Query: { prototype: object } }).Query;
  defineMissing(prototype, {
    asOf(this: object, at: Instant) {
      return queryAsOf(this, api.instant(at));
    },
  });
  guardSaving(model);
  followModel(model, install);
}

const INSTALLED = Symbol('chronos api');

function statics(api: ModelApi): Record<string, unknown> {
  return {
    asOf: (at: Instant) => modelAsOf(api.model, api.instant(at)),
    history: api.history,
    getLatest: api.getLatest,
    getVersion: api.getVersion,
    getAsOf: api.getAsOf,
    diff: api.diff,
    enrich: api.enrich,
    restore: api.restore,
  };
}

function methods(api: ModelApi): Record<string, unknown> {
  type Self = { _id: unknown };
  return {
    history(this: Self, options?: HistoryOptions) {
      return api.history(this._id, options);
    },
    diff(this: Self, a: number | Date | string, b?: number | Date | string) {
      return api.diff(this._id, a, b);
    },
    asOf(this: Self, at: Date | string, options?: VersionReadOptions) {
      return api.getAsOf(this._id, at, options);
    },
    enrich(this: Self, patch: RawDocument | RawDocument[], options?: VersionWriteOptions) {
      refusePast(this, 'enrich');
      return api.enrich(this._id, patch, options);
    },
    restore(this: Self, target: RestoreTarget, options?: VersionWriteOptions) {
      return api.restore(this._id, target, options);
    },
  };
}

function defineMissing(target: object, members: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(members)) {
    if (!(name in target)) Object.defineProperty(target, name, { value, writable: true, configurable: true });
  }
}

/** Mongoose hands `save` only the options it knows; the others reach the write through the context of the call. */
function guardSaving(model: AnyModel): void {
  const { save } = model.prototype as { save: (options?: { chronos?: ChronosWriteOptions }) => Promise<unknown> };
  Object.defineProperty(model.prototype, 'save', {
    writable: true,
    configurable: true,
    value: function (this: object, options?: { chronos?: ChronosWriteOptions }, ...rest: never[]) {
      refusePast(this, 'save');
      const run = () => save.call(this, options, ...(rest as []));
      const chronos = options?.chronos;
      return chronos === undefined ? run() : runWithWriteOptions(chronos, run);
    },
  });
}

/** Models that come of this one later, as discriminators or on another connection, are captured as it is. */
function followModel(model: AnyModel, install: (model: AnyModel) => void): void {
  const derived = model as unknown as Record<'discriminator' | 'useConnection', (...args: unknown[]) => AnyModel>;
  for (const method of ['discriminator', 'useConnection'] as const) {
    const original = derived[method];
    Object.defineProperty(model, method, {
      writable: true,
      configurable: true,
      value: function (this: AnyModel, ...args: unknown[]) {
        const result = original.apply(this, args);
        install(result);
        return result;
      },
    });
  }
  for (const child of Object.values(model.discriminators ?? {})) install(child as unknown as AnyModel);
}

/** What the library adds to one model. */
class ModelApi {
  readonly model: Model<unknown>;

  constructor(model: AnyModel) {
    this.model = model;
  }

  /** The date of an instant. */
  instant(at: Instant): Date {
    if (!isCollectionVersion(at)) return dateOf(at);
    throw new ConfigError({
      message: `Cannot read ${this.model.modelName} as of a collection version: apply the plugin with collectionVersion: true`,
    });
  }

  history = (id: unknown, options: HistoryOptions = {}): VersionList<unknown> => {
    const cast = this.#cast(id);
    return new VersionList(() => this.#versions(cast, options));
  };

  getLatest = async (id: unknown, options: VersionReadOptions = {}): Promise<unknown> => {
    const { store } = await this.#committer();
    const head = await storedHead(store, this.#cast(id), options.session ?? undefined);
    return head === undefined ? null : this.#hydrate(contentOf(store, head), options, false);
  };

  getVersion = async (id: unknown, ov: number, options: VersionReadOptions = {}): Promise<unknown> => {
    const { store } = await this.#committer();
    const version = await storedVersion(store, this.#cast(id), ov, options.session ?? undefined).catch(nullIfMissing);
    return this.#document(version ?? undefined, options);
  };

  getAsOf = async (id: unknown, at: Instant, options: VersionReadOptions = {}): Promise<unknown> => {
    const { store } = await this.#committer();
    const version = await storedVersionAt(store, this.#cast(id), this.instant(at), options.session ?? undefined);
    return this.#document(version, options);
  };

  diff = async (id: unknown, a: number | Date | string, b?: number | Date | string): Promise<Change[]> => {
    const [before, after] = [await this.#contentAt(id, a), await this.#contentAt(id, b)];
    return diffDocuments(before, after);
  };

  enrich = async (
    id: unknown,
    patch: RawDocument | RawDocument[],
    { session, ...chronos }: VersionWriteOptions = {},
  ): Promise<unknown> => {
    const committer = await this.#committer();
    const cast = this.#cast(id);
    await enrichDocument(this.model, committer, cast, [patch].flat(), effectiveOptions(chronos), { session });
    return this.getLatest(cast, { session });
  };

  restore = async (
    id: unknown,
    target: RestoreTarget,
    { session, ...chronos }: VersionWriteOptions = {},
  ): Promise<unknown> => {
    const committer = await this.#committer();
    const cast = this.#cast(id);
    const source = await this.#source(committer, cast, target, session);
    await restoreVersion(committer, cast, source, effectiveOptions(chronos), { session });
    return this.getLatest(cast, { session });
  };

  async #source(
    { store }: Committer,
    id: unknown,
    target: RestoreTarget,
    session: DriverOptions['session'],
  ): Promise<StoredVersion> {
    if ('ov' in target) return storedVersion(store, id, target.ov, session);
    const at = this.instant('cv' in target ? target : target.at);
    const version = await storedVersionAt(store, id, at, session);
    if (version !== undefined) return version;
    throw new VersionNotFoundError(store.head.collectionName, id, `a version as of ${at.toISOString()}`);
  }

  async *#versions(id: unknown, options: HistoryOptions): AsyncGenerator<Version<unknown>> {
    const { store } = await this.#committer();
    let until: Date | null = null;
    for await (const version of storedVersions(store, id, options, options.session ?? undefined)) {
      yield versionOf(version.system, until, this.#document(version, options));
      until = version.system.updatedAt ?? null;
    }
  }

  async #contentAt(id: unknown, which: number | Date | string | undefined): Promise<RawDocument> {
    const { store } = await this.#committer();
    const cast = this.#cast(id);
    const version =
      which === undefined
        ? await storedHead(store, cast)
        : typeof which === 'number'
          ? await storedVersion(store, cast, which)
          : await storedVersionAt(store, cast, dateOf(which));
    if (version === undefined) throw new NotFoundError(store.head.collectionName, cast);
    return version.system.deleted === true ? {} : contentOf(store, version);
  }

  #document(version: StoredVersion | undefined, options: VersionReadOptions): unknown {
    if (version === undefined || version.system.deleted === true) return null;
    const { store } = committerBehind(this.model as AnyModel) as Committer;
    return this.#hydrate(contentOf(store, version), options, true);
  }

  #hydrate(content: RawDocument, { lean }: VersionReadOptions, past: boolean): unknown {
    if (lean === true) return content;
    const document = this.model.hydrate(content);
    return past ? markPast(document, this.model.modelName) : document;
  }

  #cast(id: unknown): unknown {
    const path = this.model.schema.path('_id') as { cast?: (value: unknown) => unknown } | undefined;
    return path?.cast === undefined ? id : path.cast(id);
  }

  async #committer(): Promise<Committer> {
    await this.model.db.asPromise();
    const committer = committerBehind(this.model as AnyModel);
    if (committer !== undefined) return committer;
    throw new ConfigError({
      message: `Cannot use ${this.model.modelName} before its connection is open: await mongoose.connect()`,
    });
  }
}

function nullIfMissing(error: unknown): null {
  if (error instanceof VersionNotFoundError) return null;
  throw error;
}
