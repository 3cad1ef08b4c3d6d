import type { WrittenVersion } from '../offload/uploader.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import type { CapturedInsert, DriverOptions, Outcome } from './captured-write.ts';
import { checkInsert } from './checked-versions.ts';
import { insideTransaction, majority } from './driver-options.ts';
import { checkExpected } from './expected-version.ts';
import { requireNotErasedSince, stillBefore } from './life-before.ts';
import { unwrapped } from './mongo-errors.ts';
import { findPastLives, requireUnerased } from './past-life.ts';
import { idKey } from './pinned-id.ts';
import { requirePreconditions } from './preconditions.ts';
import { insertedSystem, type PastLife } from './stamp.ts';
import { stampOf } from './stamp-of.ts';
import type { Store } from './store.ts';
import { committed, inTransaction, inTurn, isInTransaction, type Transaction } from './transaction.ts';
import { ensureVersions } from './versions-collection.ts';

/** Whether inserts can do without a transaction, which nothing but their past or their number needs. */
export function isOutright(store: Store, fresh: boolean): boolean {
  return (fresh || !store.versioning) && !store.collectionVersion;
}

/**
 * Adds documents, in the caller's transaction if there is one, else in one of their own where they need it.
 *
 * @returns the bookkeeping of each
 */
export async function insertAll(
  store: Store,
  inserts: readonly CapturedInsert[],
  options: DriverOptions,
  fresh: boolean,
): Promise<SystemFields[]> {
  for (const insert of inserts) {
    checkExpected(store, insert, insert.id, null);
    checkInsert(store, insert);
  }
  const session = options.session ?? undefined;
  const mayBeErased = !fresh && inserts.some(({ stored }) => stored !== undefined);
  if (isOutright(store, fresh) && !mayBeErased) return inTurn(session, () => insertOutright(store, inserts, options));
  if (!fresh) await ensureVersions(store, session);
  const steps = (tx: Transaction) => insertInTransaction(store, tx, inserts, options, fresh);
  return inTransaction(store, session, steps, inserts.length);
}

/**
 * Adds documents whose ids cannot have lived before. It takes no transaction: the first version of a document is the
 * document itself, and each insert is atomic.
 */
async function insertOutright(
  store: Store,
  inserts: readonly CapturedInsert[],
  options: DriverOptions,
): Promise<SystemFields[]> {
  // An insert does not need them, but the transaction that follows may: in it they could not come into being.
  await (isInTransaction(options.session) ? requirePreconditions(store) : ensureVersions(store, undefined));
  const systems = inserts.map((insert) => systemOf(store, {}, insert, undefined));
  // Where it fails, some of them may be in.
  await send(store, stamped(inserts, systems), majority(options)).finally(() =>
    committed(store, options.session, writtenVersions(inserts, systems)),
  );
  return systems;
}

/**
 * Adds documents in a transaction. Ids that may have lived before go on with their history where it ended.
 *
 * @param fresh none of the ids can have lived before
 */
async function insertInTransaction(
  store: Store,
  tx: Transaction,
  inserts: readonly CapturedInsert[],
  options: DriverOptions,
  fresh: boolean,
): Promise<SystemFields[]> {
  const ids = inserts.map(({ id }) => id);
  const pasts = fresh ? new Map<string, PastLife>() : await findPastLives(store, tx, ids);
  for (const { id, repeats } of inserts) {
    if (repeats !== undefined) requireUnerased(store, id, repeats, pasts.get(idKey(id))?.erased);
  }
  if (!fresh) for (const insert of inserts) await requireNotErasedSince(store, tx.session, insert.id, insert);
  const systems = inserts.map((insert) => systemOf(store, tx, insert, pasts.get(idKey(insert.id))));
  await send(store, stamped(inserts, systems), insideTransaction(options, tx.session));
  tx.written.push(...writtenVersions(inserts, systems));
  return systems;
}

async function send(store: Store, documents: RawDocument[], options: Record<string, unknown>): Promise<void> {
  const [only] = documents;
  if (documents.length === 1 && only !== undefined) await store.head.insertOne(only as never, options);
  else await store.head.insertMany(documents as never[], options).catch(rethrowUnwrapped);
}

function rethrowUnwrapped(error: unknown): never {
  throw unwrapped(error);
}

function writtenVersions(inserts: readonly CapturedInsert[], systems: readonly SystemFields[]): WrittenVersion[] {
  return inserts.map(({ id }, index) => ({ id, ov: systems[index]?.ov ?? 0 }));
}

function systemOf(
  store: Store,
  tx: Pick<Transaction, 'numbers'>,
  insert: CapturedInsert,
  found: PastLife | undefined,
): SystemFields {
  const past = stillBefore(store, insert, found);
  return insertedSystem(stampOf(store, tx, insert), past);
}

function stamped(inserts: readonly CapturedInsert[], systems: readonly SystemFields[]): RawDocument[] {
  return inserts.map(({ document }, index) => {
    const _system = systems[index];
    if (document instanceof Map) return new Map([...document, ['_system', _system]]) as unknown as RawDocument;
    return { ...document, _system };
  });
}

export function inserted(insert: CapturedInsert, system?: SystemFields): Outcome {
  const result = { acknowledged: true, insertedId: insert.id };
  return { result, matched: 0, modified: 0, deleted: 0, inserted: 1, system };
}
