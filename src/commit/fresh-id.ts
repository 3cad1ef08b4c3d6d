import type { mongo } from 'mongoose';
import { shownId } from '../row-id.ts';
import type { Store } from './store.ts';

/**
 * An id may have lived before, and then its `ov` has to go on where it ended. Looking that up costs every insert a
 * round trip and a transaction, so it is spared where the id tells that it cannot have: an ObjectId that this very
 * process made within the last half minute, and that nothing in it has inserted before.
 *
 *     ObjectId = 4 bytes seconds | 5 bytes drawn once per process | 3 bytes counter
 */
const FRESH_SECONDS = 30;

/** Counters of the ids inserted in this half minute and in the one before, as a guard against inserting them again. */
let inserted = new Set<number>();
let insertedBefore = new Set<number>();
let turnedAt = 0;

/** Whether an id cannot have lived before. Says so once only: to be asked exactly when the id is about to be used. */
export function takeFreshId(store: Store, stored: unknown): boolean {
  const id = shownId(stored);
  if (!isObjectId(id)) return false;
  const now = Math.floor(Date.now() / 1000);
  turn(now);
  const bytes = id.id;
  const seconds = (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
  if (now - (seconds >>> 0) > FRESH_SECONDS || !madeByThisProcess(store, bytes)) return false;
  const counter = (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!;
  if (inserted.has(counter) || insertedBefore.has(counter)) return false;
  inserted.add(counter);
  return true;
}

/** Two generations, each kept for longer than an id stays fresh. */
function turn(now: number): void {
  if (now - turnedAt <= FRESH_SECONDS) return;
  insertedBefore = now - turnedAt > 2 * FRESH_SECONDS ? new Set() : inserted;
  inserted = new Set();
  turnedAt = now;
}

const processBytes = new WeakMap<typeof mongo, Uint8Array>();

function madeByThisProcess(store: Store, bytes: Uint8Array): boolean {
  let own = processBytes.get(store.mongo);
  if (own === undefined) {
    own = new store.mongo.ObjectId().id.subarray(4, 9);
    processBytes.set(store.mongo, own);
  }
  for (let i = 0; i < 5; i++) if (bytes[4 + i] !== own[i]) return false;
  return true;
}

function isObjectId(id: unknown): id is mongo.ObjectId {
  return typeof id === 'object' && id !== null && (id as { _bsontype?: unknown })._bsontype === 'ObjectId';
}
