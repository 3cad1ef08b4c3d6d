import type { CapturedInsert } from './captured-write.ts';
import { checkLarge } from './checked-versions.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';

/** Whether a document is too large to be inserted as a whole, so that its payload is stored first. */
export function isLargeInsert({ payload }: Store, { document, options, stored }: CapturedInsert): boolean {
  return payload !== undefined && stored === undefined && payload.large.isLarge(document, options);
}

/**
 * An insert whose payload is stored, where the document is too large to be inserted as a whole. What becomes of the
 * insert then does not matter: what nothing refers to is left to a sweep.
 *
 * @throws StorageError, before anything is written
 */
export async function withLargeStored(store: Store, insert: CapturedInsert): Promise<CapturedInsert> {
  const { payload } = store;
  if (payload === undefined || !isLargeInsert(store, insert)) return insert;
  const { id, document, options, chronos } = insert;
  checkLarge(store, document);
  const incarnation = payload.large.putBy(chronos).incarnationOf(idKey(id));
  const coming = { id, ov: 0, incarnation, known: [] };
  const { part, system } = await payload.large.store(coming, document, options, chronos);
  return { ...insert, document: part, stored: system };
}
