import type { mongo } from 'mongoose';
import { systemOf } from '../system/bookkeeping.ts';
import type { SystemFields } from '../types.ts';
import type { Filter } from './captured-write.ts';
import { isVersionCollision } from './mongo-errors.ts';
import { continued, lastRecords } from './past-life.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';
import { inOwnTransaction, isInTransaction, type Transaction } from './transaction.ts';

const CHUNK = 1_000;

/**
 * Carries out a write, and once more if a version record stood in the way of one of its own: a foreign writer has
 * reset the `ov` of a head, which first goes on after the last record.
 *
 * @param filter the heads that the write may meet
 */
export async function renumbering<T>(
  store: Store,
  callers: mongo.ClientSession | undefined,
  filter: Filter,
  write: () => Promise<T>,
): Promise<T> {
  const joined = isInTransaction(callers);
  try {
    return await write();
  } catch (error) {
    if (!isVersionCollision(store, error)) throw error;
    await renumberHeads(store, filter);
    if (!joined) return write();
    // The server has aborted the caller's transaction: its owner is told to run it once more.
    (error as mongo.MongoError).addErrorLabel('TransientTransactionError');
    throw error;
  }
}

async function renumberHeads(store: Store, filter: Filter): Promise<void> {
  const heads = store.head.find(filter, { projection: { _system: 1 }, batchSize: CHUNK });
  let chunk: { _id: unknown; _system?: unknown }[] = [];
  const renumber = () => inOwnTransaction(store, (tx) => renumberThese(store, tx, chunk));
  for await (const head of heads) {
    chunk.push(head);
    if (chunk.length < CHUNK) continue;
    await renumber();
    chunk = [];
  }
  if (chunk.length > 0) await renumber();
}

async function renumberThese(
  store: Store,
  tx: Transaction,
  heads: readonly { readonly _id: unknown; readonly _system?: unknown }[],
): Promise<void> {
  const records = await lastRecords(
    store,
    tx,
    heads.map(({ _id }) => _id),
  );
  const last = new Map(records.map((record) => [idKey(record.id), record]));
  const operations = heads.flatMap(({ _id, _system }) => {
    const system: SystemFields = systemOf(_system);
    const record = last.get(idKey(_id));
    if (record === undefined || record.ov < system.ov) return [];
    const { id: _, hasLeft: _left, ...fields } = record;
    // Whoever has written the head meanwhile knows better.
    const filter = { _id: { $eq: _id }, _system: _system === undefined ? { $exists: false } : { $eq: _system } };
    return [{ updateOne: { filter: filter as Filter, update: { $set: { _system: continued(system, fields) } } } }];
  });
  if (operations.length > 0) await store.head.bulkWrite(operations, { session: tx.session });
}
