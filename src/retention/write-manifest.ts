import { randomBytes } from 'node:crypto';
import type { mongo } from 'mongoose';
import { compareValues } from '../bson/compare.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { requireOwned } from '../offload/owner.ts';
import { manifestKey } from '../payload/payload-key.ts';
import { MAJORITY } from '../system/majority.ts';
import type { DueRecord } from './due-records.ts';
import { encodeRecords } from './manifest-body.ts';
import { type Manifest, manifestOwner, manifestRecords, rollupOf } from './manifests.ts';
import { periodOf } from './period.ts';

const NAME_BYTES = 8;

/**
 * Puts records into an object of their own, and reads it again. It is on record before it is there, so that nothing is
 * left of it unknown to anyone; and it counts only once {@link keep} has said so.
 *
 * @param records of one tenant, where tenants share the collection
 * @returns its key
 */
export async function writeManifest(store: Store, records: readonly DueRecord[]): Promise<string> {
  const { versions, manifestPeriod = 'monthly' } = rollupOf(store);
  const { bytes, size, sha256, length } = await encodeRecords(store.bson, records);
  const period = periodOf(latestOf(records), manifestPeriod);
  const owner = tenantOfId(store, records[0]?.id);
  const { address } = manifestOwner(store);
  const own = owner === undefined ? address : { ...address, tenant: owner };
  const key = manifestKey(own, period, randomBytes(NAME_BYTES).toString('hex'));
  const record: Manifest = {
    _id: { manifest: key },
    ...(owner === undefined ? {} : { tenant: owner }),
    state: 'writing',
    begun: new Date(),
    sha256,
    length,
    size,
    ...factsOf(records),
  };
  await ownedOnce(store);
  await manifestRecords(store).insertOne(record, MAJORITY);
  await versions.put(key, bytes, { contentType: 'application/gzip' });
  await versions.get(key, { expected: { sha256, length } });
  return key;
}

/** Says in a transaction that a manifest counts. @returns whether nobody has given it up */
export async function keep(store: Store, key: string, session: mongo.ClientSession, thawed?: Date): Promise<boolean> {
  const update = {
    $set: { state: 'kept', ...(thawed === undefined ? {} : { thawed }) },
    $unset: { begun: '' },
  } as const;
  const filter = { _id: { manifest: key }, state: 'writing' } as const;
  return (await manifestRecords(store).updateOne(filter, update, { session })).matchedCount === 1;
}

const owned = new WeakMap<Store, Promise<void>>();

/** Of two databases with the same keys each would take the manifests of the other one for left over. */
function ownedOnce(store: Store): Promise<void> {
  const known = owned.get(store) ?? requireOwned(manifestOwner(store), rollupOf(store).versions);
  owned.set(store, known);
  known.catch(() => owned.delete(store));
  return known;
}

function factsOf(records: readonly DueRecord[]) {
  const systems = records.map(({ system }) => system);
  const ids = records.map(({ id }) => id).sort(compareValues);
  const froms = systems.map(({ updatedAt }) => updatedAt);
  const cvs = systems.flatMap(({ cv }) => cv ?? []);
  const untilCvs = systems.flatMap(({ untilCv }) => untilCv ?? []);
  const from = froms.includes(undefined) ? {} : { from: earliest(froms as Date[]) };
  return {
    records: records.length,
    first: ids[0],
    last: ids.at(-1),
    ...from,
    until: latestOf(records),
    ...(cvs.length < records.length ? {} : { fromCv: Math.min(...cvs) }),
    ...(untilCvs.length === 0 ? {} : { untilCv: Math.max(...untilCvs) }),
  };
}

function earliest(dates: readonly Date[]): Date {
  return new Date(Math.min(...dates.map((date) => date.getTime())));
}

function latestOf(records: readonly DueRecord[]): Date {
  return new Date(Math.max(...records.map(({ system }) => system.until.getTime())));
}
