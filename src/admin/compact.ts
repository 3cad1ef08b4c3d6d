import type { mongo } from 'mongoose';
import { decodeExact } from '../bson/exact.ts';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { inTransaction } from '../commit/transaction.ts';
import { entriesOf } from '../commit/version-record.ts';
import { BY_ID } from '../system/version-indexes.ts';
import type { IdRange } from './histories.ts';

export interface CompactOptions {
  /**
   * Only records of versions that were superseded before this instant: what is read often stays where it is.
   * @default now
   */
  readonly before?: Date | undefined;
  /**
   * Also have the server give the space that became free back to the file system.
   * https://www.mongodb.com/docs/manual/reference/command/compact/
   * @default false
   */
  readonly releaseSpace?: boolean | undefined;
  /** Called after each batch with the number of records rewritten so far. */
  readonly onProgress?: ((records: number) => void) | undefined;
}

export interface CompactReport {
  /** Records that were rewritten. */
  readonly records: number;
}

/** Records of one transaction. */
const BATCH_RECORDS = 500;
const BATCH_BYTES = 8_000_000;

/**
 * Rewrites version records so that those of one document lie side by side, where the storage engine compresses each by
 * its neighbours: full copies at the price of deltas. Writes append records in the order of time, which keeps them fast
 * but mixes the documents; this is done afterwards, beside running reads and writes, in small transactions. Records are
 * marked when they are done, so that a run goes on where an earlier one stopped and touches none twice.
 */
export async function compactVersions(
  store: Store,
  options: CompactOptions = {},
  ids?: IdRange,
): Promise<CompactReport> {
  let records = 0;
  for await (const batch of batches(store, options.before ?? store.clock.now(), ids)) {
    records += await rewrite(store, batch);
    options.onProgress?.(records);
  }
  if (options.releaseSpace === true) {
    const { db } = store.versions as unknown as { db: mongo.Db };
    await db.command({ compact: store.versions.collectionName, force: true });
  }
  return { records };
}

async function* batches(store: Store, before: Date, ids: IdRange | undefined): AsyncGenerator<Uint8Array[]> {
  const ofIds = ids === undefined ? {} : { '_id.id': ids };
  const filter = { ...ofIds, '_system.until': { $lt: before }, '_system.compact': { $exists: false } } as Filter;
  const cursor = store.versions.find(filter, { sort: BY_ID, hint: BY_ID, raw: true, batchSize: BATCH_RECORDS });
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const record of cursor) {
    batch.push(record as unknown as Uint8Array);
    bytes += (record as unknown as Uint8Array).length;
    if (batch.length < BATCH_RECORDS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/**
 * A record that retention or another run took away meanwhile stays away: only what is deleted is written again. A batch
 * that misses one is left for the next run.
 *
 * @returns how many records were rewritten
 */
async function rewrite(store: Store, batch: readonly Uint8Array[]): Promise<number> {
  const records = batch.map((bytes) => marked(store, bytes));
  return inTransaction(store, undefined, async ({ session }) => {
    const ids = records.map((record) => record.get('_id') as never);
    const { deletedCount } = await store.versions.deleteMany({ _id: { $in: ids } }, { session });
    if (deletedCount < records.length) {
      if (deletedCount > 0) await session.abortTransaction();
      return 0;
    }
    await store.versions.insertMany(records as never[], { session, forceServerObjectId: true });
    return records.length;
  });
}

function marked(store: Store, bytes: Uint8Array): Map<string, unknown> {
  const record = new Map(entriesOf(decodeExact(store.bson, bytes)));
  const system = record.get('_system') as Parameters<typeof entriesOf>[0];
  return record.set('_system', new Map([...entriesOf(system), ['compact', true]]));
}
