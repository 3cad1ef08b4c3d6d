import { LRUCache } from 'lru-cache';
import type { mongo } from 'mongoose';
import { counterOf } from '../commit/collection-version.ts';
import { ensureOperations, type FloorKey, floorKey } from '../commit/operations.ts';
import type { Store } from '../commit/store.ts';
import { locksOf } from '../system/locks-collection.ts';
import { MAJORITY } from '../system/majority.ts';
import { ageOf, type Moment, moment } from '../system/moment.ts';

/**
 * How far retention has come in a collection. It is kept in `<collection>_locks`:
 *
 *     { _id: { retention: 'floor' }, until: <date>, untilCv: 99, droppedUntil: <date>, droppedCv: 41, changes: 7 }
 *
 * Where tenants share the collection, each has one of its own: `{ retention: 'floor', tenant: 'acme' }`.
 */
export interface Floor {
  /** What ended later is all in the collection; what ended by then may have left it. */
  readonly until?: Date;
  /** The same as a number across the collection, where such are kept. */
  readonly untilCv?: number;
  /** The end of the last version that was dropped. */
  readonly droppedUntil?: Date;
  /** The number at which it ended, where such are kept. */
  readonly droppedCv?: number;
}

interface FloorRecord extends Floor {
  readonly _id: FloorKey;
  /** Counts what was done, so that whoever does something else at the same time meets a conflict. */
  readonly changes: number;
}

/** For how long a reader may go by the floor it knows. No version leaves sooner after the floor has been raised. */
export const LEASE_MS = 2_000;

interface Known {
  readonly floor: Floor | undefined;
  readonly asked: Moment;
}

type Tenant = string | undefined;

const MAX_TENANTS = 10_000;

/** By tenant; what is of a whole collection is of the tenant with no name. */
const known = new WeakMap<Store, LRUCache<string, Known>>();

function knownOf(store: Store): LRUCache<string, Known> {
  const floors = known.get(store) ?? new LRUCache<string, Known>({ max: MAX_TENANTS });
  known.set(store, floors);
  return floors;
}

/** The floor as it was some milliseconds ago at the most. */
export async function floorWithin(store: Store, tenant: Tenant, ms: number): Promise<Floor | undefined> {
  const last = knownOf(store).get(tenant ?? '');
  if (last !== undefined && ageOf(last.asked) < ms) return last.floor;
  return readFloor(store, tenant);
}

/** The floor as it is, or as a session sees it. */
export async function readFloor(
  store: Store,
  tenant: Tenant,
  session?: mongo.ClientSession,
): Promise<Floor | undefined> {
  const asked = moment();
  const reading = session === undefined ? { readPreference: 'primary' as const } : { session };
  const floor = (await floors(store).findOne({ _id: floorKey(tenant) }, reading)) ?? undefined;
  if (session === undefined) knownOf(store).set(tenant ?? '', { floor, asked });
  return floor;
}

/** Says that versions which ended by then are going to leave. */
export async function raiseFloor(store: Store, tenant: Tenant, until: Date): Promise<void> {
  // What has ended by then has ended before the number that is given next.
  const counter = store.collectionVersion ? await counterOf(store).findOne({ _id: 'cv' }) : null;
  const untilCv = counter === null ? {} : { untilCv: counter.value };
  const update = { $max: { until, ...untilCv }, $inc: { changes: 1 } };
  await raised(store, tenant, update);
}

/** What a transaction has dropped: up to when, and up to which number. */
export interface Dropped {
  readonly until: Date;
  readonly cv?: number | undefined;
}

/** Says that versions were dropped elsewhere, of a history that is about to be put into the collection. */
export async function takeOverFloor(store: Store, { until, cv }: Dropped): Promise<void> {
  await ensureOperations(store);
  const cvs = cv === undefined ? {} : { untilCv: cv, droppedCv: cv };
  const update = { $max: { until, droppedUntil: until, ...cvs }, $inc: { changes: 1 } };
  await raised(store, undefined, update);
}

async function raised(store: Store, tenant: Tenant, update: mongo.UpdateFilter<FloorRecord>): Promise<void> {
  await floors(store).updateOne({ _id: floorKey(tenant) }, update, { upsert: true, ...MAJORITY });
  knownOf(store).delete(tenant ?? '');
}

/** Notes in a transaction that it changes what has left. Two such transactions follow each other. */
export async function noteChange(
  store: Store,
  tenant: Tenant,
  session: mongo.ClientSession,
  dropped?: Dropped,
): Promise<void> {
  const cv = dropped?.cv === undefined ? {} : { droppedCv: dropped.cv };
  const $max = dropped === undefined ? {} : { $max: { droppedUntil: dropped.until, ...cv } };
  await floors(store).updateOne(
    { _id: floorKey(tenant) },
    { ...$max, $inc: { changes: 1 } },
    { session, upsert: true },
  );
}

function floors(store: Store): mongo.Collection<FloorRecord> {
  return locksOf<FloorRecord>(store.head);
}
