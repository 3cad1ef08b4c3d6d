import type { mongo } from 'mongoose';
import { ConfigError } from '../errors.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import { locksOf } from '../system/locks-collection.ts';
import { MAJORITY } from '../system/majority.ts';
import { type Owned, requireNotOthers, storesOf } from './owner.ts';
import type { Offloading } from './upload-row.ts';

/**
 * Where objects of a collection are, or were before its prefix or its buckets changed, in `<collection>_locks`:
 *
 *     { _id: { place: 'runtime-a', store: 's3 bucket app-json' } }
 *     { _id: { place: 'runtime-a', store: 's3 bucket app-json', tenant: 'acme' } }
 *
 * A place is on record before anything is put there, and stays so: what is left there has to be found when a document
 * is erased. Who has made sure that nothing is left there deletes the record.
 */
interface PlaceRecord {
  readonly _id: { readonly place: string; readonly store: string; readonly tenant?: string };
}

export interface Place extends Owned {
  readonly store: PayloadStore;
}

/** The places of a collection: those that can be looked into, and why the others cannot. */
export interface Places {
  readonly open: readonly Place[];
  readonly closed: readonly string[];
}

/** Puts the places on record that objects are going to be put in. */
export async function recordPlaces(target: Offloading): Promise<void> {
  const ids = storesOf(target).map((store) => recordId(target, store));
  const known = await records(target)
    .find({ _id: { $in: ids } }, { readPreference: 'primary', readConcern: { level: 'majority' } })
    .toArray();
  if (known.length === ids.length) return;
  const upserts = ids.map((_id) => ({
    updateOne: { filter: { _id }, update: { $setOnInsert: { _id } }, upsert: true },
  }));
  await records(target).bulkWrite(upserts, { ordered: false, ...MAJORITY });
}

/** All places of a collection, those where it has its objects now first. */
export async function placesOf(target: Offloading): Promise<Places> {
  const { head, address } = target;
  const stores = storesOf(target);
  const open: Place[] = stores.map((store) => ({ head, address, store }));
  const closed: string[] = [];
  const known = new Set(open.map((place) => nameOf(recordId(place, place.store))));
  for await (const { _id } of records(target).find(ALL, { readPreference: 'primary', sort: { _id: 1 } })) {
    if (known.has(nameOf(_id))) continue;
    const { place: prefix, store: name, tenant } = _id;
    const store = stores.find((one) => one.name === name);
    const earlier = { head, address: { ...address, prefix, tenant } };
    const why = store === undefined ? absent(head) : await othersIn(earlier, store);
    if (store !== undefined && why === undefined) open.push({ ...earlier, store });
    else closed.push(`${name}, prefix ${JSON.stringify(prefix)}: ${why}`);
  }
  return { open, closed };
}

function absent({ collectionName }: Owned['head']): string {
  return `this model does not have it. Once nothing of ${collectionName} is left there, delete its record from ${collectionName}_locks`;
}

/** Why a store is not to be touched there: the objects have come to be another database's. */
async function othersIn(owned: Owned, store: PayloadStore): Promise<string | undefined> {
  try {
    await requireNotOthers(owned, store);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** All ids of records of places, and no others. */
const ALL = { _id: { $gte: { place: '' }, $lt: { place: '\uffff' } } } as unknown as mongo.Filter<PlaceRecord>;

function records({ head }: Pick<Owned, 'head'>): mongo.Collection<PlaceRecord> {
  return locksOf<PlaceRecord>(head);
}

function recordId({ address: { prefix, tenant } }: Owned, { name }: PayloadStore): PlaceRecord['_id'] {
  return { place: prefix, store: name, ...(tenant === undefined ? {} : { tenant }) };
}

function nameOf({ place, store, tenant }: PlaceRecord['_id']): string {
  return JSON.stringify([place, store, tenant]);
}
