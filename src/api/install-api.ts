import { ADMINISTRATION, type AdministrationStatics, administration } from '../admin/administration.ts';
import type { AnyModel } from '../capture/install.ts';
import type { ChronosOptions } from '../config/options.ts';
import { runWithWriteOptions } from '../context.ts';
import { ConfigError } from '../errors.ts';
import { modelAsOf } from '../history/model-as-of.ts';
import { refusePast } from '../history/past-document.ts';
import { installPopulateAsOf, installQueryAsOf, queryAsOf } from '../history/query-as-of.ts';
import { installShowSystem } from '../system/show.ts';
import type { ChronosWriteOptions, Instant, RawDocument, SystemFields } from '../types.ts';
import { type HistoryOptions, ReadHistory, type VersionReference } from './read-history.ts';
import { VersionedModel, type VersionReadOptions } from './versioned-model.ts';
import { type RestoreTarget, type VersionWriteOptions, WriteVersions } from './write-versions.ts';

/** Puts the library's statics, methods and query helper on a model, except where the schema uses the name itself. */
export function installApi(model: AnyModel, options: ChronosOptions, install: (model: AnyModel) => void): void {
  if (isVersioned(model)) return;
  const verbsOf = verbsByModel(model, options);
  Object.defineProperty(model, INSTALLED, { value: verbsOf });
  defineMissing(model, statics(verbsOf));
  defineMissing(model.prototype, methods(verbsOf));
  defineMissing(queryPrototype(model), {
    asOf(this: { readonly model?: unknown }, at: Instant) {
      const { versioned } = verbsOf(this.model);
      versioned.requireVersioning('read the past of');
      return queryAsOf(this, versioned.point(at));
    },
  });
  installQueryAsOf(queryPrototype(model));
  installShowSystem(queryPrototype(model));
  installPopulateAsOf(model);
  guardWrites(model, options.visible);
  followModel(model, install);
}

const INSTALLED = Symbol('chronos api');

/** Whether a model's schema has the plugin. */
export function isVersioned(model: object): boolean {
  return INSTALLED in model;
}

/** The verbs of a model whose schema has the plugin, for callers that want other answers of them than documents. */
export function verbsBehind(model: AnyModel): Verbs {
  return (model as unknown as { readonly [INSTALLED]: VerbsOf })[INSTALLED](model);
}

/** What a model can do. */
export interface Verbs {
  readonly versioned: VersionedModel;
  readonly reading: ReadHistory;
  readonly writing: WriteVersions;
  readonly administering: AdministrationStatics;
}

type VerbsOf = (model: unknown) => Verbs;

/**
 * What a model can do, made when it is first asked for. A model that derives from an installed one has what that has,
 * and it acts on its own collection; a verb that is called on anything else acts on the installed model itself.
 */
function verbsByModel(installed: AnyModel, options: ChronosOptions): VerbsOf {
  const known = new WeakMap<object, Verbs>();
  return (called) => {
    const model = typeof called === 'function' && isVersioned(called) ? (called as unknown as AnyModel) : installed;
    let verbs = known.get(model);
    if (verbs === undefined) {
      const versioned = new VersionedModel(model, options);
      verbs = {
        versioned,
        reading: new ReadHistory(versioned),
        writing: new WriteVersions(versioned),
        administering: administration(versioned),
      };
      known.set(model, verbs);
    }
    return verbs;
  };
}

type Members = Record<string, unknown>;

const READING = ['history', 'getLatest', 'getVersion', 'getAsOf', 'diff', 'presign'] as const;
const WRITING = ['enrich', 'restore'] as const;

function statics(verbsOf: VerbsOf): Members {
  return {
    asOf(this: unknown, at: Instant) {
      const { versioned } = verbsOf(this);
      versioned.requireVersioning('read the past of');
      return modelAsOf(versioned.model, versioned.point(at));
    },
    ...verbs(READING, (model) => verbsOf(model).reading),
    ...verbs(WRITING, (model) => verbsOf(model).writing),
    ...verbs(ADMINISTRATION, (model) => verbsOf(model).administering),
  };
}

/** Statics of a model that are methods of what it has to do them. */
function verbs<N extends string>(names: readonly N[], of: (model: unknown) => Record<N, unknown>): Members {
  const entries = names.map((name) => [
    name,
    function (this: unknown, ...args: unknown[]) {
      const does = of(this);
      return (does[name] as Method).apply(does, args);
    },
  ]);
  return Object.fromEntries(entries) as Members;
}

function methods(verbsOf: VerbsOf): Members {
  type Self = { _id: unknown };
  return {
    history(this: Self, options?: HistoryOptions) {
      return verbsOf(this.constructor).reading.history(this._id, options);
    },
    diff(this: Self, a: VersionReference, ...rest: [VersionReference?, object?]) {
      return verbsOf(this.constructor).reading.diff(this._id, a, ...rest);
    },
    asOf(this: Self, at: Instant, options?: VersionReadOptions) {
      return verbsOf(this.constructor).reading.getAsOf(this._id, at, options);
    },
    enrich(this: Self, patch: RawDocument | RawDocument[], options?: VersionWriteOptions) {
      refusePast(this, 'enrich');
      return verbsOf(this.constructor).writing.enrich(this._id, patch, options);
    },
    restore(this: Self, target: RestoreTarget, options?: VersionWriteOptions) {
      return verbsOf(this.constructor).writing.restore(this._id, target, options);
    },
  };
}

function defineMissing(target: object, members: Members): void {
  for (const [name, value] of Object.entries(members)) if (!(name in target)) define(target, name, value);
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

function queryPrototype(model: AnyModel): object {
  return (model as unknown as { Query: { prototype: object } }).Query.prototype;
}

type Method = (this: object, ...args: unknown[]) => unknown;
type SaveOptions = { readonly chronos?: ChronosWriteOptions } | undefined;

/**
 * Documents of the past are not written. Of those that are, Mongoose hands `save` only the options it knows; the others
 * reach the write through the context of the call.
 */
function guardWrites(model: AnyModel, visible: boolean): void {
  guardSave(model, visible);
  for (const method of ['updateOne', 'replaceOne', 'deleteOne'] as const) {
    const original = methodOf(model, method);
    if (original === undefined) continue;
    define(model.prototype, method, function (this: object, ...args: unknown[]) {
      refusePast(this, method);
      return original.apply(this, args);
    });
  }
  const create = model.create as unknown as Method;
  define(model, 'create', async function (this: object, ...args: unknown[]) {
    const [documents, options] = args as [unknown, SaveOptions];
    const isRepeated = Array.isArray(documents) && documents.length > 1 && options?.chronos?.opId !== undefined;
    if (isRepeated) throw savedOneByOne(model.modelName);
    return create.apply(this, args);
  });
  const bulkSave = model.bulkSave as unknown as Method;
  define(model, 'bulkSave', async function (this: object, ...args: unknown[]) {
    for (const document of [args[0]].flat()) refusePast(document as object, 'bulkSave');
    return bulkSave.apply(this, args);
  });
}

function savedOneByOne(model: string): ConfigError {
  return new ConfigError({
    message: `Cannot create several documents of ${model} under one opId: each is a write of its own. Use ${model}.insertMany, which is one`,
  });
}

/** `save` has a second name, which `Model.create` calls; they are one function, and stay one. */
function guardSave(model: AnyModel, visible: boolean): void {
  const save = methodOf(model, '$save');
  if (save === undefined) return;
  const guarded = async function (this: SavedDocument, ...args: unknown[]) {
    refusePast(this, 'save');
    const chronos = (args[0] as SaveOptions)?.chronos;
    const run = () => save.apply(this, args);
    const target = { collection: model.collection.name, id: this._id };
    const made = showsVersion(this, visible) ? (system: SystemFields) => showVersion(this, system) : undefined;
    if (chronos === undefined && made === undefined) return run();
    return runWithWriteOptions({ ...chronos, made }, target, run);
  };
  for (const name of ['save', '$save']) if (methodOf(model, name) === save) define(model.prototype, name, guarded);
}

interface SavedDocument {
  readonly _id: unknown;
  readonly $isNew: boolean;
  /** The values of a document. What is set there is no change of it. */
  readonly _doc: Record<string, unknown>;
}

/** Whether a document shows its bookkeeping: that of entities does, unless it was read without. */
function showsVersion({ $isNew, _doc }: SavedDocument, visible: boolean): boolean {
  return visible && ($isNew || '_system' in _doc);
}

/** What is saved is the version it shows, and the one before if that is undone. */
function showVersion(document: SavedDocument, system: SystemFields): () => void {
  const before = document._doc._system;
  document._doc._system = system;
  return () => {
    // Setting values may have put another object in the place of the one of then.
    if (before === undefined) delete document._doc._system;
    else document._doc._system = before;
  };
}

/** A method of a model's documents; undefined where the schema has a path of that name, which Mongoose allows. */
function methodOf({ prototype }: AnyModel, name: string): Method | undefined {
  if (Object.getOwnPropertyDescriptor(prototype, name)?.get !== undefined) return undefined;
  return prototype[name] as Method;
}

/** Models that come of this one later, as discriminators or on another connection, are captured as it is. */
function followModel(model: AnyModel, install: (model: AnyModel) => void): void {
  const derived = model as unknown as Record<'discriminator' | 'useConnection', (...args: unknown[]) => AnyModel>;
  for (const method of ['discriminator', 'useConnection'] as const) {
    const original = derived[method];
    define(model, method, function (this: AnyModel, ...args: unknown[]) {
      const result = original.apply(this, args);
      install(result);
      return result;
    });
  }
  for (const child of Object.values(model.discriminators ?? {})) install(child as unknown as AnyModel);
}
