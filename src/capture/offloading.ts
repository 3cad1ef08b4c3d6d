import type { Schema } from 'mongoose';
import type { Store } from '../commit/store.ts';
import type { ChronosOptions, ResolvedPayload } from '../config/options.ts';
import { PayloadTier } from '../offload/payload-tier.ts';
import { type PayloadMap, payloadMap } from '../payload/payload-map.ts';
import { systemsKept } from '../retention/kept-records.ts';
import { rowsOf } from '../system/rows.ts';
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

/** The Mongoose version key, what tells discriminators apart, timestamps, and the fields of the schema's own indexes. */
function neededPaths(schema: Schema): string[] {
  const { versionKey, discriminatorKey = '__t' } = schema.options as {
    versionKey?: string | false;
    discriminatorKey?: string;
  };
  const { createdAt, updatedAt } = (schema as unknown as SchemaInternals).$timestamps ?? {};
  const named = [versionKey === undefined ? '__v' : versionKey, discriminatorKey, createdAt, updatedAt];
  const indexes = schema.indexes().flatMap(([keys]) => Object.keys(keys));
  return [...named, ...indexes].filter((path) => typeof path === 'string' && isNamed(path)) as string[];
}

/** A wildcard names no path, and `_id` is kept anyway. */
function isNamed(path: string): boolean {
  return !path.includes('$') && path !== '_id' && !path.startsWith('_id.') && !path.startsWith('_system');
}
