import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import type { RollupOptions } from '../config/options.ts';
import { ConfigError } from '../errors.ts';
import type { Owned } from '../offload/owner.ts';
import type { Digest } from '../payload/digest.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import { locksOf } from '../system/locks-collection.ts';

/**
 * Version records that have left their collection are kept together in objects, of which each is on record in
 * `<collection>_locks`:
 *
 *     { _id: { manifest: 'app/__manifests__/users/2026/02/2026-02-01-9f3c….ndjson.gz' }, state: 'kept', sha256, length,
 *       size, records: 1840, first: <the smallest _id>, last: <the greatest>, from: <date>, until: <date> }
 *
 * - `writing`: the object is on its way, and the records are still in the collection.
 * - `kept`: the records are in the object. With `thawed` they are in the collection as well, since that instant.
 * - `doomed`: the object is to be deleted, and then this.
 */
export interface Manifest extends Digest {
  readonly _id: { readonly manifest: string };
  /** Whose versions they are, where tenants share the collection: no manifest has those of two. */
  readonly tenant?: string;
  readonly state: 'writing' | 'kept' | 'doomed';
  /** When it began to be written. */
  readonly begun?: Date;
  /** The length of what is compressed in it, in bytes. */
  readonly size: number;
  readonly records: number;
  readonly first: unknown;
  readonly last: unknown;
  /** The span of its versions in time; without a beginning where one of them has none. */
  readonly from?: Date;
  readonly until: Date;
  /** The same as numbers across the collection, where such are kept. */
  readonly fromCv?: number;
  readonly untilCv?: number;
  readonly thawed?: Date;
}

/** Which manifests are meant: those that may hold versions of some documents, or some that were current. */
export interface Selection {
  /** Whose, where tenants share the collection. Left out: everybody's. */
  readonly tenant: string | undefined;
  readonly at?: Date | { readonly cv: number } | undefined;
  readonly ids?: readonly unknown[] | undefined;
}

/** More ids are not told apart. */
const MAX_IDS = 100;

/** The manifests that are kept. */
export async function manifestsOf(
  store: Store,
  { tenant, at, ids }: Selection,
  session?: mongo.ClientSession,
): Promise<Manifest[]> {
  const filter = { ...allOf(tenant), state: 'kept', ...holding(at), ...about(ids) } as mongo.Filter<Manifest>;
  const reading = session === undefined ? { readPreference: 'primary' as const } : { session };
  return manifestRecords(store).find(filter, reading).toArray();
}

/** All records of manifests, or all of a tenant's, and no others. */
export function allOf(tenant: string | undefined): mongo.Filter<Manifest> {
  const ids = { _id: { $gte: { manifest: '' }, $lt: { manifest: '\uffff' } } };
  return tenant === undefined ? ids : { ...ids, tenant };
}

function holding(at: Selection['at']): object {
  if (at === undefined) return {};
  if (at instanceof Date) return { from: { $not: { $gt: at } }, until: { $gt: at } };
  return { fromCv: { $not: { $gt: at.cv } }, untilCv: { $gt: at.cv } };
}

/** Ids are compared across their types, as the order of records is. */
export function about(ids: Selection['ids']): object {
  if (ids === undefined || ids.length > MAX_IDS) return {};
  const spans = ids.map((id) => ({
    $and: [{ $lte: ['$first', { $literal: id }] }, { $gte: ['$last', { $literal: id }] }],
  }));
  return { $expr: { $or: spans } };
}

export function manifestRecords(store: Store): mongo.Collection<Manifest> {
  return locksOf<Manifest>(store.head);
}

/** Whose manifests they are, and what the keys of all of them have in common: where tenants share the collection, theirs too. */
export function manifestOwner(store: Store): Owned {
  const { prefix = store.head.dbName, tenant } = rollupOf(store);
  return { head: store.head, address: { prefix, collection: store.head.collectionName, tenant } };
}

/** Where manifests are kept. @throws ConfigError where there are some, and nobody has said where */
export function versionsStore(store: Store): PayloadStore {
  return rollupOf(store).versions;
}

/** @throws ConfigError */
export function rollupOf({ retention, head }: Store): RollupOptions {
  if (retention?.rollup !== undefined) return retention.rollup;
  throw new ConfigError({
    message: `Cannot read old versions of ${head.collectionName}: they are kept in manifests, and nothing says where. Give the plugin retention: { rollup: { versions } }`,
  });
}
