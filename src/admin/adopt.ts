import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import { dropHistory } from '../commit/history-collections.ts';
import { withoutPayload } from '../commit/payload-away.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { MAJORITY } from '../system/majority.ts';
import type { RawDocument, SystemFields } from '../types.ts';

/** How documents from before the plugin are adopted. */
export interface AdoptOptions {
  /**
   * When a document came into being: one date for all, or told from the document. Of those that give none the first
   * version has no beginning, so that it shows at any instant.
   * @default the time in the document's ObjectId
   */
  readonly insertedAt?: Date | ((document: RawDocument) => Date | undefined) | undefined;
  /**
   * How many documents are written at once.
   * @default 1000
   */
  readonly batchSize?: number | undefined;
  /** Called after each batch. */
  readonly onProgress?: ((progress: AdoptProgress) => void) | undefined;
}

export interface AdoptProgress {
  /** Documents looked at so far. */
  readonly done: number;
  /** About how many there are. */
  readonly total: number;
  readonly adopted: number;
}

export interface AdoptReport {
  readonly adopted: number;
  /** Documents that have a history without having a `_system`: `recover()` takes care of them. */
  readonly skipped: number;
}

export interface UnadoptOptions {
  /**
   * Drop the history collection as well.
   * @default false
   */
  readonly dropHistory?: boolean | undefined;
  readonly batchSize?: number | undefined;
  readonly onProgress?: ((progress: { readonly done: number }) => void) | undefined;
}

export interface UnadoptReport {
  /** Documents that have lost their `_system`. */
  readonly cleared: number;
}

const BATCH_SIZE = 1_000;
const WITHOUT_SYSTEM: Filter = { _system: { $exists: false } };

/**
 * Gives documents from before the plugin the bookkeeping of a first version. They can do without: their first change
 * makes them version 0 all the same. It makes `insertedAt` known, and as-of queries for the time before it exact.
 *
 * Where payloads are kept in object storage, those of documents and versions from before that are going to be stored too.
 *
 * Writers may go on meanwhile: a document is written only as long as it has no `_system`, and nothing else of it is
 * touched. A run that was cut short is finished by running it again.
 *
 * @param waitMs for how long other processes may ask for what of payloads is not to stay in MongoDB any more
 */
export async function adopt(store: Store, options: AdoptOptions = {}, waitMs?: number): Promise<AdoptReport> {
  const { batchSize = BATCH_SIZE, onProgress, insertedAt } = options;
  const total = onProgress === undefined ? 0 : await store.head.countDocuments(WITHOUT_SYSTEM);
  const projection = typeof insertedAt === 'function' ? {} : { projection: { _id: 1 } };
  const report = { adopted: 0, skipped: 0 };
  let done = 0;
  for await (const batch of batchesOf(store.head.find(WITHOUT_SYSTEM, { ...inIdOrder, ...projection }), batchSize)) {
    const strangers = await withHistory(store, batch);
    const newcomers = batch.filter(({ _id }) => !strangers.has(idKey(_id)));
    report.skipped += strangers.size;
    report.adopted += await giveBaseline(store, newcomers, insertedAt ?? objectIdTime);
    done += batch.length;
    onProgress?.({ done, total: Math.max(total, done), adopted: report.adopted });
  }
  await store.payload?.takeOver(waitMs);
  return report;
}

/**
 * Takes the bookkeeping off all documents, which leaves an ordinary collection. To be called once nothing writes
 * through the plugin any more: a write would begin a new history. What object storage has of documents is put back into
 * MongoDB first.
 *
 * @throws ConfigError where some of a document is in object storage, and the model has none
 */
export async function unadopt(store: Store, options: UnadoptOptions = {}): Promise<UnadoptReport> {
  const { batchSize = BATCH_SIZE, onProgress } = options;
  let cleared = 0;
  const marked = store.head.find({ _system: { $exists: true } }, { ...inIdOrder, projection: { _id: 1 } });
  for await (const batch of batchesOf(marked, batchSize)) {
    cleared += await clear(
      store,
      batch.map(({ _id }) => _id),
    );
    onProgress?.({ done: cleared });
  }
  if (options.dropHistory === true) await dropHistory(store);
  return { cleared };
}

/** The bookkeeping tells where the rest of a document is: it goes once that is back in MongoDB. */
async function clear(store: Store, ids: readonly unknown[]): Promise<number> {
  const among = { _id: { $in: ids as never[] } };
  for (let cleared = 0; ; ) {
    const whole = { ...among, '_system.state': { $ne: 'processed' } } as Filter;
    cleared += (await store.head.updateMany(whole, { $unset: { _system: 1 } }, MAJORITY)).modifiedCount;
    const away = await store.head.find({ ...among, '_system.state': 'processed' } as Filter, { raw: true }).toArray();
    if (away.length === 0) return cleared;
    if (store.payload === undefined) throw withoutPayload(store, 'unadopt');
    const documents = (away as unknown as Uint8Array[]).map((bytes) => ({ bytes }));
    await store.payload.bringBack(documents, undefined);
  }
}

/** An order that the changes made meanwhile cannot upset. */
const inIdOrder = { sort: { _id: 1 }, hint: { _id: 1 }, batchSize: BATCH_SIZE } as const;

/** Which of the documents have versions already, and must not begin again at 0. */
async function withHistory(store: Store, batch: readonly RawDocument[]): Promise<Set<string>> {
  const ids = await store.versions.distinct('_id.id', { '_id.id': { $in: batch.map(({ _id }) => _id) } } as Filter);
  return new Set(ids.map(idKey));
}

async function giveBaseline(
  store: Store,
  documents: readonly RawDocument[],
  insertedAt: Date | ((document: RawDocument) => Date | undefined),
): Promise<number> {
  if (documents.length === 0) return 0;
  const operations = documents.map((document) => {
    const at = typeof insertedAt === 'function' ? insertedAt(document) : insertedAt;
    const system: SystemFields = at === undefined ? { ov: 0 } : { ov: 0, insertedAt: at, updatedAt: at };
    const filter = { _id: { $eq: document._id }, ...WITHOUT_SYSTEM } as Filter;
    return { updateOne: { filter, update: { $set: { _system: system } } } };
  });
  const { modifiedCount } = await store.head.bulkWrite(operations, { ordered: false, ...MAJORITY });
  return modifiedCount;
}

function objectIdTime({ _id }: RawDocument): Date | undefined {
  const id = _id as { _bsontype?: unknown; getTimestamp?(): Date } | null;
  return typeof id === 'object' && id?._bsontype === 'ObjectId' ? id.getTimestamp?.() : undefined;
}

async function* batchesOf(cursor: mongo.FindCursor<RawDocument>, size: number): AsyncGenerator<RawDocument[]> {
  let batch: RawDocument[] = [];
  for await (const document of cursor) {
    batch.push(document);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
