import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { StorageError } from '../errors.ts';
import { MAJORITY } from '../system/majority.ts';
import { about, allOf, type Manifest, manifestRecords, versionsStore } from './manifests.ts';

/** A manifest that is not finished by then is not going to be. */
const WRITING_MS = 600_000;

/** Deletes a manifest that nobody puts any more and that does not count, with all versions of it that the store keeps. */
export async function doom(store: Store, key: string): Promise<void> {
  const filter = { _id: { manifest: key }, state: { $ne: 'kept' } } as const;
  await manifestRecords(store).updateOne(filter, { $set: { state: 'doomed' }, $unset: { begun: '' } }, MAJORITY);
  await deleteDoomed(store, key);
}

/** Gives up the manifests that are being written and may hold a document. Their writers meet that, and write others. */
export async function doomWriting(store: Store, id: unknown): Promise<void> {
  const tenant = tenantOfId(store, id);
  const filter = { ...allOf(tenant), state: 'writing', ...about([id]) } as mongo.Filter<Manifest>;
  await manifestRecords(store).updateMany(filter, { $set: { state: 'doomed' } }, MAJORITY);
  await deleteAllDoomed(store, tenant);
}

/**
 * Deletes a manifest that no record names, with all versions of it that the store keeps. It is put on record for that.
 *
 * @returns `recorded` where there is a record by now, and nothing was done
 */
export async function deleteUnrecorded(
  store: Store,
  key: string,
  tenant?: string,
): Promise<'recorded' | 'removed' | 'retained'> {
  const filter = { _id: { manifest: key } };
  const upsert = { $setOnInsert: { state: 'doomed' as const, ...(tenant === undefined ? {} : { tenant }) } };
  const { upsertedCount } = await manifestRecords(store).updateOne(filter, upsert, { upsert: true, ...MAJORITY });
  if (upsertedCount === 0) return 'recorded';
  try {
    await deleteDoomed(store, key);
    return 'removed';
  } catch (error) {
    if (isLocked(error)) return 'retained';
    throw error;
  }
}

/** Deletes all manifests, with the history they are of. */
export async function dropLeft(store: Store): Promise<void> {
  if (store.retention?.rollup === undefined) return;
  await manifestRecords(store).updateMany(allOf(undefined), { $set: { state: 'doomed' } }, MAJORITY);
  await deleteAllDoomed(store, undefined);
}

/**
 * Deletes what earlier runs have left: manifests that were given up, and those that were never finished. What its store
 * keeps under a lock is tried again by the next run.
 */
export async function settleManifests(store: Store, tenant: string | undefined): Promise<void> {
  const unfinished = { state: 'writing' as const, begun: { $lt: new Date(Date.now() - WRITING_MS) } };
  const filter = { ...allOf(tenant), ...unfinished };
  await manifestRecords(store).updateMany(filter, { $set: { state: 'doomed' } }, MAJORITY);
  await deleteAllDoomed(store, tenant, isLocked);
}

async function deleteAllDoomed(
  store: Store,
  tenant: string | undefined,
  isLeft: (error: unknown) => boolean = () => false,
): Promise<void> {
  const filter = { ...allOf(tenant), state: 'doomed' as const };
  const doomed = await manifestRecords(store).find(filter, { readPreference: 'primary' }).toArray();
  for (const { _id } of doomed) {
    try {
      await deleteDoomed(store, _id.manifest);
    } catch (error) {
      if (!isLeft(error)) throw error;
    }
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof StorageError && error.retained;
}

/**
 * The record goes last: as long as it is there, it is known that something may be left. It stays while its writer may
 * still put the object.
 */
async function deleteDoomed(store: Store, key: string): Promise<void> {
  await versionsStore(store).delete(key, { allVersions: true });
  const isSettled = { begun: { $not: { $gte: new Date(Date.now() - WRITING_MS) } } };
  await manifestRecords(store).deleteOne({ _id: { manifest: key }, state: 'doomed', ...isSettled }, MAJORITY);
}
