import type { mongo } from 'mongoose';
import { LegalHoldError } from '../errors.ts';
import { locksOf } from '../system/locks-collection.ts';
import type { Actor } from '../types.ts';
import { noteKey } from './erasures.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';

/**
 * That a document must keep all of its versions, in `<collection>_locks`:
 *
 *     { _id: { hold: Binary(sha256 of the id) }, held: { actor: 'legal', reason: 'case 7', since: <date> } }
 */
export interface Hold {
  readonly _id: { readonly hold: mongo.Binary };
  readonly held: { readonly actor?: Actor; readonly reason?: string; readonly since: Date };
}

export function holdsOf(store: Store): mongo.Collection<Hold> {
  return locksOf<Hold>(store.head);
}

export function holdKey(store: Store, id: unknown): Hold['_id'] {
  return { hold: noteKey(store, id) };
}

/** Tells which of some documents are held, by the key of their ids. */
export async function heldAmong(
  store: Store,
  ids: readonly unknown[],
  session?: mongo.ClientSession,
): Promise<ReadonlySet<string>> {
  const byKey = new Map(ids.map((id) => [noteKey(store, id).toString('hex'), idKey(id)]));
  const keys = [...new Map(ids.map((id) => [idKey(id), holdKey(store, id)])).values()];
  const holds = holdsOf(store).find({ _id: { $in: keys } }, session === undefined ? {} : { session });
  return new Set((await holds.toArray()).map(({ _id }) => byKey.get(_id.hold.toString('hex')) as string));
}

const DIGEST_BYTES = 32;

/** Whether any document of the collection is held. */
export async function areSomeHeld(store: Store): Promise<boolean> {
  const { Binary } = store.bson;
  // Shorter digests come first.
  const [least, most] = [0, DIGEST_BYTES + 1].map((bytes) => ({ hold: new Binary(new Uint8Array(bytes)) }));
  const holds = { _id: { $gte: least, $lt: most } } as never;
  return (await holdsOf(store).findOne(holds, { projection: { _id: 1 }, readPreference: 'primary' })) !== null;
}

/** @throws LegalHoldError where one of some documents is held */
export async function requireNoneHeld(
  store: Store,
  ids: readonly unknown[],
  session?: mongo.ClientSession,
): Promise<void> {
  const held = await heldAmong(store, ids, session);
  const first = ids.find((id) => held.has(idKey(id)));
  if (first !== undefined) throw new LegalHoldError(store.head.collectionName, first);
}
