import type { Document, Model, mongo, PopulateOptions, Query } from 'mongoose';
import { ReadOnlyVersionError } from '../errors.ts';
import type { ChronosWriteOptions, Instant } from '../types.ts';
import { markPast } from './past-document.ts';

/** What of Mongoose's query is not in its types, and is needed to make one read the past. */
interface QueryInternals {
  readonly model: Model<unknown>;
  options: { chronos?: ChronosWriteOptions & { asOf?: Instant }; session?: mongo.ClientSession };
  _mongooseOptions: { populate?: Record<string, PopulateOptions>; lean?: unknown };
  _transforms: ((result: unknown) => unknown)[];
  exec: (...args: unknown[]) => Promise<unknown>;
  populate: (...args: unknown[]) => unknown;
}

type AnyQuery = Query<unknown, unknown>;

/**
 * Makes a query answer as of an instant. The instant travels in the query's options to where the collection is read,
 * and in those of its populated paths; so filters, sort, projection, casting, lean and hydration stay Mongoose's own.
 */
export function queryAsOf<Q>(query: Q, at: Date): Q {
  const internals = query as unknown as QueryInternals;
  setInstant(internals, at);
  internals._transforms.unshift((result) => markAll(result, internals.model.modelName));

  const { populate, exec } = internals;
  carryToPopulated(internals, at);
  internals.populate = function (this: QueryInternals, ...args) {
    const result = populate.apply(this, args);
    carryToPopulated(this, at);
    return result;
  };
  internals.exec = function (this: QueryInternals, ...args) {
    return inOneSnapshot(this, () => exec.apply(this, args));
  };
  return query;
}

function setInstant(query: QueryInternals, at: Date): void {
  query.options = { ...query.options, chronos: { ...query.options.chronos, asOf: at } };
}

function carryToPopulated(query: QueryInternals, at: Date): void {
  for (const path of Object.values(query._mongooseOptions.populate ?? {})) carryTo(path, at);
}

function carryTo(path: PopulateOptions, at: Date): void {
  path.options = { ...path.options, chronos: { asOf: at } as ChronosWriteOptions };
  const nested = [path.populate ?? []].flat();
  for (const inner of nested) if (typeof inner === 'object') carryTo(inner, at);
}

/** The documents and what they refer to are read in one snapshot, which populate inherits with the session. */
async function inOneSnapshot(query: QueryInternals, exec: () => Promise<unknown>): Promise<unknown> {
  const needed = query._mongooseOptions.populate !== undefined && query.options.session === undefined;
  if (!needed) return exec();
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

function markAll(result: unknown, model: string): unknown {
  for (const document of [result].flat()) if (isDocument(document)) markPast(document, model);
  return result;
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && '$__' in value;
}

/** What can be asked of a model as of an instant. Every method reads; there is none that writes. */
const READS = [
  'find',
  'findOne',
  'findById',
  'countDocuments',
  'estimatedDocumentCount',
  'distinct',
  'exists',
  'where',
] as const;

const WRITES = [
  'create',
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'replaceOne',
  'findOneAndUpdate',
  'findOneAndReplace',
  'findOneAndDelete',
  'findByIdAndUpdate',
  'findByIdAndDelete',
  'deleteOne',
  'deleteMany',
  'bulkWrite',
  'bulkSave',
  'enrich',
  'restore',
  'restoreCollection',
] as const;

type AnyModel = Model<unknown> & Record<(typeof READS)[number], (...args: unknown[]) => AnyQuery>;

/** A read-only view of a model as it was at an instant. */
export function modelAsOf(model: Model<unknown>, at: Date): object {
  const source = model as AnyModel;
  const view: Record<string, unknown> = { modelName: model.modelName, schema: model.schema, at };
  for (const method of READS) view[method] = (...args: unknown[]) => queryAsOf(source[method](...args), at);
  view.aggregate = (...args: Parameters<typeof model.aggregate>) =>
    model.aggregate(...args).option({ chronos: { asOf: at } } as never);
  for (const method of WRITES) {
    view[method] = () => {
      throw new ReadOnlyVersionError(model.modelName, method);
    };
  }
  return Object.freeze(view);
}
