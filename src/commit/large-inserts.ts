import type { CapturedInsert } from './captured-write.ts';
import { checkLarge } from './checked-versions.ts';
import type { LargeStore } from './large-store.ts';
import { lifeBefore } from './life-before.ts';
import { idKey } from './pinned-id.ts';
import type { PastLife } from './stamp.ts';
import type { Store } from './store.ts';

/** Whether a document is too large to be inserted as a whole, so that its payload is stored first. */
export function isLargeInsert({ payload }: Store, { document, options, stored }: CapturedInsert): boolean {
  return payload !== undefined && stored === undefined && payload.large.isLarge(document, options);
}

/**
 * A large insert whose payload is stored. What becomes of the insert then does not matter: what nothing refers to is left
 * to a sweep.
 *
 * @param fresh its id cannot have lived before
 * @throws StorageError, before anything is written
 */
export async function withLargeStored(
  store: LargeStore,
  insert: CapturedInsert,
  fresh: boolean,
): Promise<CapturedInsert> {
  const { id, document, options, chronos } = insert;
  const { large } = store.payload;
  checkLarge(store, document);
  const follows = fresh ? undefined : await lifeBefore(store, options.session ?? undefined, id);
  const coming = { id, ...comingFirst(store, follows, id, chronos) };
  const { part, system } = await large.store(coming, document, options, chronos);
  return { ...insert, document: part, stored: system, follows };
}

/** The first version of a document, or of one that is inserted again under its id. */
export function comingFirst(store: LargeStore, follows: PastLife | undefined, id: unknown, call: object) {
  const ov = follows === undefined ? 0 : follows.ov + 1;
  return { ov, incarnation: store.payload.large.putBy(call).incarnationOf(`${ov} ${idKey(id)}`), known: [] };
}
