import type { mongo } from 'mongoose';
import { OWN_INDEXES } from '../system/version-indexes.ts';
import { lookForForeignPayload } from './foreign-payload.ts';
import { ensureOperations } from './operations.ts';
import { requirePreconditions } from './preconditions.ts';
import type { Store } from './store.ts';
import { isInTransaction } from './transaction.ts';

const NAMESPACE_EXISTS = 48;

/** Neighbouring versions of a document compress each other well, the better the more of them share a page. */
const STORAGE = { wiredTiger: { configString: 'block_compressor=zstd,leaf_page_max=64KB' } };

const ready = new WeakMap<Store, Promise<void>>();

/**
 * Sees to it that `<collection>_ver` exists with its options and indexes before the first record is written. Left to
 * the first insert it would come into being inside a transaction, and then without any of them.
 */
export async function ensureVersions(store: Store, callers: mongo.ClientSession | null | undefined): Promise<void> {
  const look = lookForForeignPayload(store);
  if (look !== undefined) await look;
  const pending = ready.get(store);
  if (pending !== undefined) return pending;
  const created = create(store);
  const existence = created.then(() => undefined);
  ready.set(store, existence);
  existence.catch(() => ready.delete(store));
  const isNew = await created;
  // A transaction that began before the collection did cannot see it: its owner is told to run it once more.
  if (isNew && isInTransaction(callers)) throw transient(store);
}

/** Forgets that the collection exists, after something dropped it. */
export function forgetVersions(store: Store): void {
  ready.delete(store);
}

async function create(store: Store): Promise<boolean> {
  await requirePreconditions(store);
  const areNoted = !store.logicalDelete || (!store.versioning && store.objects !== undefined);
  if (areNoted) await ensureOperations(store);
  if (!store.versioning) return prepared(store);
  const { db } = store.versions as unknown as { db: mongo.Db };
  const isNew = await createCollection(db, store.versions.collectionName);
  for (const [keys, options] of versionIndexes(store)) await store.versions.createIndex(keys, options);
  // Writes do not wait for it: the index may have to wait for a transaction that one of them is part of.
  store.counting?.prepare().catch(() => undefined);
  await store.payload?.prepare();
  return isNew;
}

/** Where no versions are kept, nothing comes into being that they would be kept in. */
async function prepared({ payload }: Store): Promise<boolean> {
  await payload?.prepare();
  return false;
}

export function versionIndexes({ indexes }: Store): Store['indexes'] {
  return [...OWN_INDEXES, ...indexes];
}

async function createCollection(db: mongo.Db, name: string): Promise<boolean> {
  try {
    await db.createCollection(name, { storageEngine: STORAGE });
    return true;
  } catch (error) {
    if ((error as mongo.MongoServerError).code === NAMESPACE_EXISTS) return false;
    throw error;
  }
}

function transient(store: Store): Error {
  const error = new store.mongo.MongoServerError({
    message: `Collection ${store.versions.namespace} was created while the transaction was under way`,
  });
  error.addErrorLabel('TransientTransactionError');
  return error;
}
