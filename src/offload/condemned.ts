import type { mongo } from 'mongoose';
import { locksOf } from '../system/locks-collection.ts';
import { MAJORITY } from '../system/majority.ts';
import type { Offloading } from './upload-row.ts';

/**
 * An object that is going to be removed, for nothing refers to it:
 *
 *     { _id: { object: 'app/users/507f1f77bcf86cd799439011/v3/item.json' }, at: <when> }   in <collection>_locks
 *
 * Removing and referring meet here. A sweep condemns first, and looks for references then; who refers to an object does
 * that first, and looks whether it is condemned then, before anything is left to it alone. So whoever is second sees the
 * other: either the sweep finds the reference, or the one who refers stores the payload again, under another key.
 *
 * What is condemned stays so, whether it was removed or not, until nobody can be about to remove it any more: as long as
 * the calls are remembered that stand in the same collection.
 */
interface Condemned {
  readonly _id: { readonly object: string };
  readonly at: Date;
}

const BATCH = 1_000;

/** Condemns objects. What refers to them from now on does so in vain. */
export async function condemn(target: Offloading, keys: Iterable<string>): Promise<void> {
  let batch: mongo.AnyBulkWriteOperation<Condemned>[] = [];
  const flush = async () => {
    if (batch.length > 0) await condemned(target).bulkWrite(batch, { ordered: false, ...MAJORITY });
    batch = [];
  };
  for (const object of keys) {
    const update = { $currentDate: { at: true } } as const;
    batch.push({ updateOne: { filter: { _id: { object } }, update, upsert: true } });
    if (batch.length === BATCH) await flush();
  }
  await flush();
}

/** Whether one of the objects is condemned. To be asked once the reference to them is written. */
export async function isCondemned(target: Offloading, keys: readonly string[]): Promise<boolean> {
  const filter = { _id: { $in: keys.map((object) => ({ object })) } };
  const found = await condemned(target).findOne(filter, { projection: { _id: 1 }, readPreference: 'primary' });
  return found !== null;
}

function condemned({ head }: Offloading): mongo.Collection<Condemned> {
  return locksOf<Condemned>(head);
}
