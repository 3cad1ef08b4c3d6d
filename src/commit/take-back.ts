import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';
import type { Filter } from './captured-write.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { fieldOf, type PreImage } from './version-record.ts';

/** Gives documents whose content proved unchanged their previous bookkeeping again. */
export async function takeBack(store: Store, tx: Transaction, unchanged: readonly PreImage[]): Promise<void> {
  if (unchanged.length === 0) return;
  const operations = unchanged.map(({ id, document }) => {
    const stored = fieldOf(document, '_system');
    const update = stored === undefined ? { $unset: { _system: 1 } } : { $set: { _system: stored } };
    return { updateOne: { filter: { _id: { $eq: id } } as Filter, update: update as mongo.UpdateFilter<RawDocument> } };
  });
  await store.head.bulkWrite(operations, { session: tx.session });
}
