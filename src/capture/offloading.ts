import type { Schema } from 'mongoose';
import type { Store } from '../commit/store.ts';
import type { ChronosOptions, ResolvedPayload } from '../config/options.ts';
import { pathsOfFilter } from '../offload/needed-paths.ts';
import { PayloadTier } from '../offload/payload-tier.ts';
import { type PayloadMap, payloadMap } from '../payload/payload-map.ts';
import { systemsKept } from '../retention/kept-records.ts';
import { rowsOf } from '../system/rows.ts';
import type { RawDocument } from '../types.ts';
import type { AnyModel } from './install.ts';

/** The store of a collection whose payloads are kept in object storage. */
export function offloading(base: Store, model: AnyModel, options: ChronosOptions, payload: ResolvedPayload): Store {
  const { head } = base;
  const prefix = payload.prefix ?? head.dbName;
  const tier = new PayloadTier(base, {
    ...payload,
    prefix,
    map: offloadedMap(model, options),
    leftOnes: () => systemsKept(base),
  });
  return { ...base, payload: tier, objects: tier };
}

/**
 * What of a model's documents stays in MongoDB: what the app names, and what Mongoose and the server need there. Where
 * the app names nothing that is all but the blobs.
 */
function offloadedMap(model: AnyModel, { indexed = [], base64 = {} }: ChronosOptions): PayloadMap {
  if (indexed.length === 0) return payloadMap({ base64 });
  const root = rootOf(model);
  const kinds = Object.values(root.discriminators ?? {}) as unknown as AnyModel[];
  const needed = [root, ...kinds].flatMap(({ schema }) => neededPaths(schema as unknown as Schema));
  const tenant = [rowsOf(model)?.field ?? []].flat();
  return payloadMap({ indexed: [...new Set([...indexed, ...needed, ...tenant])], base64 });
}

/** The model that all kinds of a collection are made of, whichever of them is used first. */
function rootOf(model: AnyModel): AnyModel {
  const { baseModelName, db } = model;
  const base = baseModelName === undefined ? undefined : (db.models[baseModelName] as AnyModel | undefined);
  return base === undefined || base === model ? model : rootOf(base);
}

interface SchemaInternals {
  readonly $timestamps?: { readonly createdAt?: string; readonly updatedAt?: string };
}

/**
 * The Mongoose version key, what tells discriminators apart, timestamps, the shard key that Mongoose has in its filters,
 * and what the server needs for the schema's own indexes.
 */
function neededPaths(schema: Schema): string[] {
  const {
    versionKey,
    discriminatorKey = '__t',
    shardKey = {},
  } = schema.options as {
    versionKey?: string | false;
    discriminatorKey?: string;
    shardKey?: object | null;
  };
  const { createdAt, updatedAt } = (schema as unknown as SchemaInternals).$timestamps ?? {};
  const named = [versionKey === undefined ? '__v' : versionKey, discriminatorKey, createdAt, updatedAt];
  const indexes = schema.indexes().flatMap(([keys, options]) => pathsOfIndex(keys, options as IndexOptions));
  return [...named, ...Object.keys(shardKey ?? {}), ...indexes].filter(
    (path) => typeof path === 'string' && isNamed(path),
  ) as string[];
}

interface IndexOptions {
  readonly partialFilterExpression?: RawDocument;
  readonly language_override?: string;
}

/** Its fields, what tells which documents are in it, and the field that tells the language of a text. */
function pathsOfIndex(keys: object, { partialFilterExpression = {}, language_override }: IndexOptions): string[] {
  const language = Object.values(keys).includes('text') ? [language_override ?? 'language'] : [];
  return [...Object.keys(keys), ...pathsOfFilter(partialFilterExpression), ...language];
}

/** A wildcard names no path, and `_id` is kept anyway. */
function isNamed(path: string): boolean {
  return !path.includes('$') && path !== '_id' && !path.startsWith('_id.') && !path.startsWith('_system');
}
