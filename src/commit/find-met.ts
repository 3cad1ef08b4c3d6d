import type { mongo } from 'mongoose';
import type { CapturedDelete, CapturedUpdate } from './captured-write.ts';
import { carried } from './driver-options.ts';
import type { Store } from './store.ts';
import { isInTransaction } from './transaction.ts';
import { type PreImage, preImage } from './version-record.ts';

/** The document that a write is going to meet, as it is stored. */
export async function findMet(
  store: Store,
  write: CapturedUpdate | CapturedDelete,
  session: mongo.ClientSession | undefined,
): Promise<PreImage | undefined> {
  const { sort, collation, hint } = write.options;
  const given = Object.entries({ sort, collation, hint, session }).filter(([, value]) => value !== undefined);
  const options = { ...carried(write.options), ...Object.fromEntries(given), raw: true };
  const primary = isInTransaction(session) ? {} : { readPreference: 'primary' };
  const found = await store.head.findOne(write.filter, { ...options, ...primary } as object);
  return found === null ? undefined : preImage(store.bson, found as unknown as Uint8Array);
}
