import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import { inOwnTransaction } from '../commit/transaction.ts';
import { doom } from './doomed-manifests.ts';
import type { DueRecord } from './due-records.ts';
import { readIfCurrent } from './manifest-body.ts';
import { type Manifest, manifestRecords } from './manifests.ts';
import { thawedOnes } from './thaw.ts';
import { keep, writeManifest } from './write-manifest.ts';

/**
 * Takes records out of a manifest, for good. An object is not changed: another one is written without them, comes into
 * its place, and the old one is deleted with all of its versions. After a crash either of the two counts, and whoever
 * tidies up deletes the other one.
 *
 * @param also what else is to be done in the transaction in which they go; false gives it up
 * @returns how many records went; undefined where somebody else was quicker, and the manifests have to be looked at again
 */
export async function takeOut(
  store: Store,
  manifest: Manifest,
  isTaken: (record: DueRecord) => boolean,
  also: (session: mongo.ClientSession) => Promise<boolean> = async () => true,
): Promise<number | undefined> {
  const records = await readIfCurrent(store, manifest);
  if (records === undefined) return undefined;
  const taken = records.filter(isTaken);
  if (taken.length === 0) return 0;
  const rest = records.filter((record) => !isTaken(record));
  const key = rest.length === 0 ? undefined : await writeManifest(store, rest);
  const isReplaced = await inOwnTransaction(store, async ({ session }) => {
    if ((await also(session)) && (await replace(store, manifest, key, taken, session))) return true;
    await session.abortTransaction();
    return false;
  });
  const given = isReplaced ? manifest._id.manifest : key;
  if (given !== undefined) await doom(store, given);
  return isReplaced ? taken.length : undefined;
}

async function replace(
  store: Store,
  { _id }: Manifest,
  key: string | undefined,
  taken: readonly DueRecord[],
  session: mongo.ClientSession,
): Promise<boolean> {
  const update = { $set: { state: 'doomed' as const } };
  const before = await manifestRecords(store).findOneAndUpdate({ _id, state: 'kept' }, update, { session });
  if (before === null) return false;
  if (before.thawed !== undefined) await store.versions.deleteMany(thawedOnes(taken), { session });
  return key === undefined || keep(store, key, session, before.thawed);
}
