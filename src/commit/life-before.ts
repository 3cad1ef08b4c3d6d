import type { mongo } from 'mongoose';
import type { CapturedInsert, CapturedUpdate } from './captured-write.ts';
import { erasedUpTo } from './erasures.ts';
import { Overtaken } from './overtaken.ts';
import { findPastLife } from './past-life.ts';
import type { PastLife } from './stamp.ts';
import type { Store } from './store.ts';
import { inTransaction } from './transaction.ts';

/**
 * What a document goes on after whose payload is stored before it is inserted. Its objects are of a version that comes
 * after all that was erased under its id: an erasure that is being finished takes none of them for those of the life that
 * it erases.
 */
export async function lifeBefore(
  store: Store,
  session: mongo.ClientSession | undefined,
  id: unknown,
): Promise<PastLife | undefined> {
  if (store.versioning) return inTransaction(store, session, (tx) => findPastLife(store, tx, id), 0);
  const ov = await erasedUpTo(store, id);
  return ov === undefined ? undefined : { ov, from: undefined, functionIds: undefined, gap: true, erased: undefined };
}

/**
 * Where no versions are kept none tells of an erasure: its note does.
 *
 * @throws Overtaken where the id was erased since the payload was stored
 */
export async function requireNotErasedSince(
  store: Store,
  session: mongo.ClientSession,
  id: unknown,
  { stored, follows }: Pick<CapturedInsert | CapturedUpdate, 'stored' | 'follows'>,
): Promise<void> {
  if (store.versioning || stored === undefined) return;
  const ov = await erasedUpTo(store, id, session);
  if (ov !== undefined && ov > (follows?.ov ?? -1)) throw new Overtaken();
}

/**
 * The same as the transaction finds it that inserts the document.
 *
 * @throws Overtaken where the id has lived and ended once more since the payload was stored
 */
export function stillBefore(
  store: Store,
  { stored, follows }: Pick<CapturedInsert | CapturedUpdate, 'stored' | 'follows'>,
  found: PastLife | undefined,
): PastLife | undefined {
  if (stored === undefined) return found;
  if (!store.versioning) return follows;
  if (found?.ov !== follows?.ov) throw new Overtaken();
  return found;
}
