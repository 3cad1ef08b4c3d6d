import type { Document, Model, mongo, PopulateOptions } from 'mongoose';
import { callersSession } from '../callers-session.ts';
import type { ChronosWriteOptions } from '../types.ts';
import type { Point } from './instant.ts';
import { instantOfDocument, markPast } from './past-document.ts';

/** What of Mongoose's query is not in its types, and is needed to make one read the past. */
interface QueryInternals {
  readonly model: Model<unknown>;
  options: { chronos?: ChronosWriteOptions & { asOf?: Point }; session?: mongo.ClientSession };
  _mongooseOptions: { populate?: Record<string, PopulateOptions> };
  _transforms: ((result: unknown) => unknown)[];
}

type Method<T> = (this: QueryInternals, ...args: unknown[]) => T;

/**
 * Makes a query answer as of an instant. The instant travels in the query's options to where the collection is read,
 * and in those of its populated paths; so filters, sort, projection, casting, lean and hydration stay Mongoose's own.
 */
export function queryAsOf<Q>(query: Q, at: Point): Q {
  const internals = query as unknown as QueryInternals;
  internals.options = { ...internals.options, chronos: { ...internals.options.chronos, asOf: at } };
  carryToPopulated(internals, at);
  return query;
}

/** Teaches the queries of a model what it takes to read the past; those of the present run as they did. */
export function installQueryAsOf(prototype: object): void {
  const methods = prototype as Record<'populate' | 'exec' | 'cursor', Method<unknown>>;
  const { populate, exec, cursor } = methods;
  wrap(prototype, 'populate', function (...args) {
    const result = populate.apply(this, args);
    const at = this.options.chronos?.asOf;
    if (at !== undefined) carryToPopulated(this, at);
    return result;
  });
  wrap(prototype, 'exec', function (...args) {
    const at = this.options.chronos?.asOf;
    if (at === undefined) return exec.apply(this, args);
    markResults(this, at);
    return inOneSnapshot(this, async () => exec.apply(this, args));
  });
  wrap(prototype, 'cursor', function (...args) {
    const at = this.options.chronos?.asOf;
    if (at !== undefined) markResults(this, at);
    return cursor.apply(this, args);
  });
}

/** What a document of the past refers to is populated as of the instant of the document. */
export function installPopulateAsOf(model: object): void {
  const { populate } = model as { populate: (docs: unknown, paths: unknown, ...rest: unknown[]) => unknown };
  wrap<unknown>(model, 'populate', function (docs, paths, ...rest) {
    const at = [docs].flat().map(instantOfDocument).find(Boolean);
    return populate.call(this, docs, at === undefined ? paths : carriedTo(paths as Paths, at), ...rest);
  });
}

function wrap<T = QueryInternals>(target: object, name: string, value: (this: T, ...args: unknown[]) => unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

type Paths = string | PopulateOptions | readonly (string | PopulateOptions)[];

function carryToPopulated({ _mongooseOptions: options }: QueryInternals, at: Point): void {
  for (const [path, populated] of Object.entries(options.populate ?? {})) {
    (options.populate as Record<string, PopulateOptions>)[path] = carried(populated, at);
  }
}

function carriedTo(paths: Paths, at: Point): PopulateOptions[] {
  if (typeof paths === 'string') return paths.split(/\s+/).map((path) => carried({ path }, at));
  if (Array.isArray(paths)) return paths.flatMap((path) => carriedTo(path, at));
  return [carried(paths as PopulateOptions, at)];
}

function carried(populated: PopulateOptions, at: Point): PopulateOptions {
  const options = { ...populated.options, chronos: { ...populated.options?.chronos, asOf: at } };
  const nested = populated.populate === undefined ? {} : { populate: carriedTo(populated.populate, at) };
  const copy = Object.assign(Object.create(Object.getPrototypeOf(populated)), populated, { options }, nested);
  return copy as PopulateOptions;
}

function markResults({ model, _transforms }: QueryInternals, at: Point): void {
  _transforms.unshift((result) => {
    for (const document of [result].flat()) if (isDocument(document)) markPast(document, model.modelName, at);
    return result;
  });
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && '$__' in value;
}

/** The documents and what they refer to are read in one snapshot, which populate inherits with the session. */
async function inOneSnapshot(query: QueryInternals, exec: () => Promise<unknown>): Promise<unknown> {
  const alone =
    query._mongooseOptions.populate === undefined || callersSession(query.model, query.options) !== undefined;
  if (alone) return exec();
  const session = query.model.db.getClient().startSession({ snapshot: true }) as unknown as mongo.ClientSession;
  query.options = { ...query.options, session };
  try {
    return await exec();
  } finally {
    const { session: _ended, ...options } = query.options;
    query.options = options;
    await session.endSession();
  }
}
