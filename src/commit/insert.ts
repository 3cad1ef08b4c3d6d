import type { RawDocument } from '../types.ts';
import type { CapturedInsert, DriverOptions, Outcome } from './captured-write.ts';
import { insideTransaction, majority } from './driver-options.ts';
import { findPastLives } from './past-life.ts';
import { idKey } from './pinned-id.ts';
import { insertedSystem, type PastLife } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';

/**
 * Adds documents whose ids cannot have lived before. It takes no transaction: the first version of a document is the
 * document itself, and each insert is atomic.
 */
export async function insertFresh(
  store: Store,
  inserts: readonly CapturedInsert[],
  options: DriverOptions,
): Promise<void> {
  const documents = inserts.map((insert) => stamped(store, insert));
  await send(store, documents, majority(options, store.head));
}

/** Adds documents whose ids may have lived before: their history goes on where it ended. */
export async function insertAgain(
  store: Store,
  tx: Transaction,
  inserts: readonly CapturedInsert[],
  options: DriverOptions,
): Promise<void> {
  const pasts = await findPastLives(
    store,
    tx,
    inserts.map(({ id }) => id),
  );
  const documents = inserts.map((insert) => stamped(store, insert, pasts.get(idKey(insert.id))));
  await send(store, documents, insideTransaction(options, tx.session));
}

async function send(store: Store, documents: RawDocument[], options: Record<string, unknown>): Promise<void> {
  const [only] = documents;
  if (documents.length === 1 && only !== undefined) await store.head.insertOne(only as never, options);
  else await store.head.insertMany(documents as never[], options);
}

function stamped(store: Store, insert: CapturedInsert, past?: PastLife): RawDocument {
  const at = insert.chronos.at ?? store.clock.now();
  const system = insertedSystem(
    { op: insert.op, at, options: insert.chronos, restoredFrom: insert.restoredFrom },
    past,
  );
  if (insert.document instanceof Map)
    return new Map([...insert.document, ['_system', system]]) as unknown as RawDocument;
  return { ...insert.document, _system: system };
}

export function inserted(insert: CapturedInsert): Outcome {
  const result = { acknowledged: true, insertedId: insert.id };
  return { result, matched: 0, modified: 0, deleted: 0, inserted: 1 };
}
