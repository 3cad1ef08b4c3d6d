import { keptIfLeft } from '../offload/kept-paths.ts';
import { coveredBy } from '../payload/covered-by.ts';
import type { KeptPart } from '../payload/kept-part.ts';
import type { Store } from './store.ts';

/**
 * What a model without payload knows of a collection of which another model has put documents into object storage: which
 * part of them it can count on. Of the rest it would silently see nothing.
 */
interface Known {
  /** Undefined where all documents are whole in MongoDB. */
  readonly kept: KeptPart | undefined;
  readonly until: number;
}

/** For how long it is believed what was found. */
const TRUSTED_MS = 60_000;

const known = new WeakMap<Store, Known>();
const looking = new WeakMap<Store, Promise<void>>();

/** Looks whether documents have left, where that is not known; undefined where it is, and nothing is to be waited for. */
export function lookForForeignPayload(store: Store): Promise<void> | undefined {
  if (store.payload !== undefined) return undefined;
  const now = known.get(store);
  if (now !== undefined && performance.now() < now.until) return undefined;
  const pending = looking.get(store) ?? look(store).finally(() => looking.delete(store));
  looking.set(store, pending);
  return pending;
}

async function look(store: Store): Promise<void> {
  try {
    known.set(store, { kept: await keptIfLeft(store.head), until: performance.now() + TRUSTED_MS });
  } catch (error) {
    // No read or write fails for this: whom the server refuses to look, as a standalone does, goes on as if none had left.
    if (error instanceof store.mongo.MongoServerError) {
      known.set(store, { kept: undefined, until: performance.now() + TRUSTED_MS });
    }
    // Where there is no server, the read itself would only wait as long again, for the same error.
    if (error instanceof store.mongo.MongoServerSelectionError) throw error;
  }
}

/** What all documents have in MongoDB; undefined where they are whole there, as far as is known. */
export function keptByOthers(store: Store): KeptPart | undefined {
  return store.payload === undefined ? known.get(store)?.kept : undefined;
}

/** Whether what is asked of documents can be told from what all of them have in MongoDB, as far as is known. */
export function isInMongo(store: Store, paths: readonly string[]): boolean {
  const kept = keptByOthers(store);
  return kept === undefined || coveredBy(kept, paths);
}
