import { decodeExact } from '../bson/exact.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { inOwnTransaction } from '../commit/transaction.ts';
import { entriesOf } from '../commit/version-record.ts';
import type { DueRecord } from './due-records.ts';
import { readIfCurrent } from './manifest-body.ts';
import { type Manifest, manifestRecords, manifestsOf } from './manifests.ts';

/** For how long records stay in the collection that were put back for readers, after the last of these. */
const THAWED_MS = 3_600_000;
/** Readers that come sooner after another one do not say so. */
const USED_MS = 600_000;

/**
 * Puts the records of a manifest back into the collection, for reads that only the server can answer. They are marked,
 * stay in the manifest, and leave again some time later. Where the manifest has been replaced meanwhile nothing is done.
 */
export async function thaw(store: Store, manifest: Manifest): Promise<void> {
  const records = await readIfCurrent(store, manifest);
  if (records === undefined) return;
  const bodies = records.map(({ bytes }) => bytes);
  const returning = (await store.payload?.returning(bodies)) ?? bodies;
  const keys = records.map(({ id, ov }) => ({ id, ov }));
  await inOwnTransaction(store, async ({ session }) => {
    const filter = { _id: manifest._id, state: 'kept' as const, thawed: { $exists: false } };
    const update = { $set: { thawed: store.clock.now() } };
    const { matchedCount } = await manifestRecords(store).updateOne(filter, update, { session });
    if (matchedCount === 0) return;
    // A foreign writer may have had numbers begin anew.
    const taken = store.versions.find({ _id: { $in: keys as never[] } }, { projection: { _id: 1 }, session });
    const isTaken = new Set((await taken.toArray()).map(({ _id }) => idKey(_id)));
    const missing = returning.filter((_, index) => !isTaken.has(idKey(keys[index])));
    if (missing.length === 0) return;
    const rows = missing.map((bytes) => marked(store, bytes));
    await store.versions.insertMany(rows as never[], { session, forceServerObjectId: true });
  });
}

/** Says that thawed records are still read. */
export async function keepThawed(store: Store, manifests: readonly Manifest[]): Promise<void> {
  const now = store.clock.now();
  const old = manifests.filter(({ thawed }) => thawed !== undefined && now.getTime() - thawed.getTime() > USED_MS);
  if (old.length === 0) return;
  const filter = { _id: { $in: old.map(({ _id }) => _id) }, thawed: { $exists: true } };
  await manifestRecords(store).updateMany(filter, { $max: { thawed: now } });
}

/** Takes thawed records that nobody has read for long out of the collection again. */
export async function freeze(store: Store, tenant: string | undefined): Promise<void> {
  const until = store.clock.now().getTime() - THAWED_MS;
  for (const manifest of await manifestsOf(store, { tenant })) {
    const { thawed } = manifest;
    if (thawed !== undefined && thawed.getTime() <= until) await freezeOne(store, manifest);
  }
}

async function freezeOne(store: Store, manifest: Manifest): Promise<void> {
  const records = (await readIfCurrent(store, manifest)) ?? [];
  await inOwnTransaction(store, async ({ session }) => {
    const filter = { _id: manifest._id, state: 'kept' as const, thawed: manifest.thawed as Date };
    const update = { $unset: { thawed: '' } } as const;
    const { matchedCount } = await manifestRecords(store).updateOne(filter, update, { session });
    if (matchedCount === 1) await store.versions.deleteMany(thawedOnes(records), { session });
  });
}

/** Those of some records that were put back. */
export function thawedOnes(records: readonly DueRecord[]): object {
  return { _id: { $in: records.map(({ id, ov }) => ({ id, ov })) }, '_system.thawed': true };
}

function marked(store: Store, bytes: Uint8Array): Map<string, unknown> {
  const record = new Map(entriesOf(decodeExact(store.bson, bytes)));
  const system = record.get('_system') as Parameters<typeof entriesOf>[0];
  return record.set('_system', new Map([...entriesOf(system), ['thawed', true]]));
}
