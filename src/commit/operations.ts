import type { mongo } from 'mongoose';
import type { RowId } from '../row-id.ts';
import { locksOf } from '../system/locks-collection.ts';
import type { RawDocument } from '../types.ts';
import type { Store } from './store.ts';

/** What a call is remembered by: its `opId`, or that as one tenant's own. */
export type OpKey = string | RowId;

/** What is remembered of a call that named an `opId`: that it was committed, when, and what it returned. */
export interface Operation {
  readonly _id: OpKey;
  readonly at: Date;
  readonly result: unknown;
  /** Counts of a bulk write, whose result is an object of the driver's. */
  readonly bulk?: RawDocument;
  /** The document that the result shows, by the key of `erasures.ts`. */
  readonly of?: mongo.Binary;
}

/** What stands among them once versions have begun to leave the collection, or a tenant's part of it. */
export interface FloorKey {
  readonly retention: 'floor';
  readonly tenant?: string;
}

export function floorKey(tenant: string | undefined): FloorKey {
  return { retention: 'floor', ...(tenant === undefined ? {} : { tenant }) };
}

/** For how long an `opId` is remembered. */
const REMEMBERED_SECONDS = 30 * 24 * 3600;

export function operationsOf(store: Store): mongo.Collection<Operation> {
  return locksOf<Operation>(store.head);
}

const ready = new WeakMap<Store, Promise<unknown>>();

/** In a transaction the collection could not come into being with its index. */
export async function ensureOperations(store: Store): Promise<void> {
  let pending = ready.get(store);
  if (pending === undefined) {
    pending = operationsOf(store).createIndex({ at: 1 }, { expireAfterSeconds: REMEMBERED_SECONDS });
    ready.set(store, pending);
    pending.catch(() => ready.delete(store));
  }
  await pending;
}

/** Forgets that the collection exists, after something dropped it. */
export function forgetOperations(store: Store): void {
  ready.delete(store);
}
