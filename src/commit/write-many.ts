import type { mongo } from 'mongoose';
import { equalsIgnoring } from '../bson/exact.ts';
import type { ChronosWriteOptions, Op, RawDocument } from '../types.ts';
import type { CapturedUpdate, Change, DriverOptions, Filter, UpdateOperators } from './captured-write.ts';
import { carried, insideTransaction } from './driver-options.ts';
import { isDecidable, verdict } from './no-change.ts';
import { idKey } from './pinned-id.ts';
import { renumbering } from './renumber.ts';
import { nextSystemOperators, type Stamp, successorFrom, tombstone } from './stamp.ts';
import type { Store } from './store.ts';
import { inTransaction, isInTransaction, type Transaction } from './transaction.ts';
import { type PreImage, preImage, tombstoneRecord, versionRecord } from './version-record.ts';
import { withOperators } from './write-at-once.ts';
import { CHUNK_BYTES, insertRecords, type Settled, writeGroup } from './write-group.ts';
import { checkExpected, takingBack, updateArgument, writeSingle } from './write-single.ts';

interface ManyWrite {
  readonly filter: Filter;
  readonly options: DriverOptions;
  readonly chronos: ChronosWriteOptions;
}

/** A driver call that changes all documents it matches. */
export interface CapturedUpdateMany extends ManyWrite {
  readonly kind: 'updateMany';
  readonly change: Extract<Change, { form: 'operators' | 'pipeline' }>;
}

/** A driver call that removes all documents it matches. */
export interface CapturedDeleteMany extends ManyWrite {
  readonly kind: 'deleteMany';
}

export type CapturedManyWrite = CapturedUpdateMany | CapturedDeleteMany;

export interface ManyCounts {
  matched: number;
  modified: number;
  deleted: number;
  upsertedId?: unknown;
}

/** Documents of one transaction of a multi-document write at the most. */
const CHUNK_DOCUMENTS = 1_000;

/** Runs the steps of one chunk, whose documents the filter names: in a transaction of its own or in that of them all. */
type RunChunk = <T>(filter: Filter, versions: number, steps: (tx: Transaction) => Promise<T>) => Promise<T>;

/**
 * Carries out a multi-document write. In MongoDB such a write is not atomic, and a transaction around all of it dies at
 * some 60,000 documents; so outside a caller's transaction it is split into chunks, each of which is atomic with its
 * version records. What a chunk meets is decided by the original filter again, in its own snapshot.
 */
export async function writeMany(store: Store, write: CapturedManyWrite): Promise<ManyCounts> {
  const session = write.options.session ?? undefined;
  const apart: RunChunk = (filter, versions, steps) =>
    renumbering(store, session, filter, () => inTransaction(store, session, steps, versions));
  if (!isWhole(write)) {
    const first = await writeMatching(store, write, write.filter, CHUNK_DOCUMENTS, apart);
    return first ?? writeAll(store, write, undefined, apart);
  }
  return apart(write.filter, CHUNK_DOCUMENTS, async (tx) => {
    const counts = await writeAll(store, write, tx.session, (_filter, _versions, steps) => steps(tx));
    return counts.matched + counts.deleted === 0 ? missMany(store, tx, write) : counts;
  });
}

/** Whether all is to be written or nothing. Where the versions have to meet a condition, that is of all of them. */
function isWhole({ chronos, options }: CapturedManyWrite): boolean {
  const conditional = chronos.expectedOv !== undefined || chronos.at !== undefined;
  return isInTransaction(options.session) || chronos.multi === 'atomic' || conditional;
}

async function writeAll(
  store: Store,
  write: CapturedManyWrite,
  session: mongo.ClientSession | undefined,
  run: RunChunk,
): Promise<ManyCounts> {
  const total = noCounts();
  for await (const ids of idChunks(store, write, session)) add(total, await writeIds(store, write, ids, run));
  return total;
}

/**
 * The ids that match, in order of `_id`. That order cannot be upset by the very changes that are made while it is read,
 * so that no document is met twice.
 */
async function* idChunks(
  store: Store,
  write: CapturedManyWrite,
  session: mongo.ClientSession | undefined,
): AsyncGenerator<unknown[]> {
  const { collation, hint } = write.options;
  const options = { projection: { _id: 1 }, sort: { _id: 1 }, allowDiskUse: true, batchSize: CHUNK_DOCUMENTS } as const;
  const cursor = store.head.find(write.filter, {
    ...options,
    ...(session === undefined ? {} : { session }),
    ...(collation === undefined ? {} : { collation: collation as mongo.CollationOptions }),
    ...(hint === undefined ? {} : { hint: hint as mongo.Hint }),
  });
  let chunk: unknown[] = [];
  for await (const { _id } of cursor) {
    chunk.push(_id);
    if (chunk.length < CHUNK_DOCUMENTS) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Halves a chunk whose documents are too large to be held at once. */
async function writeIds(
  store: Store,
  write: CapturedManyWrite,
  ids: readonly unknown[],
  run: RunChunk,
): Promise<ManyCounts> {
  const counts = await writeMatching(store, write, among(write.filter, ids), ids.length, run);
  if (counts !== undefined) return counts;
  const middle = Math.ceil(ids.length / 2);
  const total = await writeIds(store, write, ids.slice(0, middle), run);
  add(total, await writeIds(store, write, ids.slice(middle), run));
  return total;
}

/** Writes all that match as one chunk, or nothing if they are too many or too large for that. */
function writeMatching(
  store: Store,
  write: CapturedManyWrite,
  filter: Filter,
  limit: number,
  run: RunChunk,
): Promise<ManyCounts | undefined> {
  return run(filter, limit, async (tx) => {
    const images = await readImages(store, tx, write, filter, limit + 1);
    return images === undefined ? undefined : writeChunk(store, tx, write, images);
  });
}

/** The documents as they are, or nothing if they are too many or too large for one chunk. One alone always fits. */
async function readImages(
  store: Store,
  tx: Transaction,
  write: CapturedManyWrite,
  filter: Filter,
  limit: number,
): Promise<PreImage[] | undefined> {
  const { collation, hint } = write.options;
  const extra = { ...(collation === undefined ? {} : { collation }), ...(hint === undefined ? {} : { hint }) };
  const options = { ...carried(write.options), ...extra, session: tx.session, raw: true, limit, batchSize: limit };
  const images: PreImage[] = [];
  let bytes = 0;
  for await (const raw of store.head.find(filter, options as object)) {
    images.push(preImage(store.bson, raw as unknown as Uint8Array));
    bytes += (raw as unknown as Uint8Array).length;
    if (images.length > 1 && (images.length === limit || bytes > CHUNK_BYTES)) return undefined;
  }
  return images;
}

async function writeChunk(
  store: Store,
  tx: Transaction,
  write: CapturedManyWrite,
  images: readonly PreImage[],
): Promise<ManyCounts> {
  if (images.length === 0) return missMany(store, tx, write);
  for (const { id, system } of images) checkExpected(store, write, id, system.ov);
  if (write.kind === 'deleteMany') return deleteChunk(store, tx, write, images);
  const { change } = write;
  const { functionId } = write.chronos;
  const apart = change.form === 'pipeline' || functionId !== undefined || tx.numbers !== undefined;
  if (apart) return updateEach(store, tx, write, images);
  return updateChunk(store, tx, { ...write, change }, images);
}

/** Nothing matches; the call still runs, for the server's complaint if it has one. */
async function missMany(store: Store, tx: Transaction, write: CapturedManyWrite): Promise<ManyCounts> {
  if (write.kind === 'updateMany') {
    const argument = updateArgument(write.change) as mongo.UpdateFilter<RawDocument>;
    const { upsert: _upsert, ...options } = insideTransaction(write.options, tx.session);
    await store.head.updateMany(among(write.filter, []), argument, options);
  }
  return noCounts();
}

async function deleteChunk(
  store: Store,
  tx: Transaction,
  write: CapturedDeleteMany,
  images: readonly PreImage[],
): Promise<ManyCounts> {
  const stamp = stampOfMany(store, write, 'DELETE');
  await store.head.deleteMany({ _id: { $in: images.map(({ id }) => id) as never[] } }, { session: tx.session });
  const records = images.flatMap((pre) => {
    const own = { ...stamp, cv: tx.numbers?.next() };
    return [
      versionRecord(store, pre, successorFrom(pre.system, own), own.cv),
      tombstoneRecord(pre.id, tombstone(pre.system, own)),
    ];
  });
  await insertRecords(store, tx, records);
  return { matched: 0, modified: 0, deleted: images.length };
}

async function updateChunk(
  store: Store,
  tx: Transaction,
  write: CapturedUpdateMany & { readonly change: { readonly form: 'operators' } },
  images: readonly PreImage[],
): Promise<ManyCounts> {
  const stamp = stampOfMany(store, write, 'UPDATE');
  const judged = images.map((pre) => ({ pre, verdict: verdict(store.bson, write.change, pre) }));
  const same = judged.filter((image) => image.verdict === 'same').map(({ pre }) => pre);
  const sent = judged.filter((image) => image.verdict !== 'same').map(({ pre }) => pre);
  // What changes nothing is sent all the same, as it came: the server may have a complaint.
  await updateThese(store, tx, write, same, write.change.spec);
  await updateThese(store, tx, write, sent, withOperators(write.change.spec, nextSystemOperators(stamp)));
  const unsure = judged.filter((image) => image.verdict === 'unsure').map(({ pre }) => pre);
  const unchanged = await takeBackUnchanged(store, tx, unsure);
  const changed = sent.filter((pre) => !unchanged.has(pre));
  await insertRecords(
    store,
    tx,
    changed.map((pre) => versionRecord(store, pre, successorFrom(pre.system, stamp))),
  );
  return { matched: images.length, modified: changed.length, deleted: 0 };
}

async function updateThese(
  store: Store,
  tx: Transaction,
  write: CapturedUpdateMany,
  images: readonly PreImage[],
  spec: UpdateOperators,
): Promise<void> {
  if (images.length === 0) return;
  const options = { ...insideTransaction(write.options, tx.session), upsert: false };
  await store.head.updateMany(among(write.filter, idsOf(images)), spec as mongo.UpdateFilter<RawDocument>, options);
}

/** Gives documents that proved unchanged their previous bookkeeping again. */
async function takeBackUnchanged(store: Store, tx: Transaction, unsure: readonly PreImage[]): Promise<Set<PreImage>> {
  if (unsure.length === 0) return new Set();
  const byId = new Map(unsure.map((pre) => [idKey(pre.id), pre]));
  const unchanged = new Set<PreImage>();
  const posts = store.head.find({ _id: { $in: idsOf(unsure) as never[] } }, { session: tx.session, raw: true });
  for await (const raw of posts) {
    const post = preImage(store.bson, raw as unknown as Uint8Array);
    const pre = byId.get(idKey(post.id));
    if (pre !== undefined && equalsIgnoring(pre.bytes, post.bytes, '_system')) unchanged.add(pre);
  }
  if (unchanged.size > 0) {
    const operations = [...unchanged].map((pre) => ({
      updateOne: { filter: { _id: { $eq: pre.id } } as Filter, update: takingBack(pre) },
    }));
    await store.head.bulkWrite(operations, { session: tx.session });
  }
  return unchanged;
}

/**
 * Each document with a bookkeeping of its own: a pipeline may replace the whole document, and where versions are
 * numbered across the collection no two get the same.
 */
async function updateEach(
  store: Store,
  tx: Transaction,
  write: CapturedUpdateMany,
  images: readonly PreImage[],
): Promise<ManyCounts> {
  const { upsert: _upsert, ...options } = write.options;
  const writes = images.map(
    ({ id }): CapturedUpdate => ({
      kind: 'update',
      method: 'updateOne',
      op: 'UPDATE',
      change: write.change,
      chronos: write.chronos,
      options,
      filter: { ...write.filter, _id: { $eq: id as never } },
    }),
  );
  const counts = noCounts();
  for (const member of await writeEach(store, tx, writes)) {
    if ('error' in member) throw member.error;
    counts.matched += member.outcome.matched;
    counts.modified += member.outcome.modified;
  }
  return counts;
}

async function writeEach(store: Store, tx: Transaction, writes: readonly CapturedUpdate[]): Promise<Settled[]> {
  const together = tx.numbers === undefined || writes.every(({ change }) => isDecidable(change));
  if (together) return writeGroup(store, tx, writes, {});
  const settled: Settled[] = [];
  for (const write of writes) settled.push({ outcome: await writeSingle(store, tx, write) });
  return settled;
}

function stampOfMany(store: Store, write: CapturedManyWrite, op: Op): Stamp {
  return { op, at: write.chronos.at ?? store.clock.now(), options: write.chronos };
}

function among(filter: Filter, ids: readonly unknown[]): Filter {
  return { ...filter, _id: { $in: ids as never[] } };
}

function idsOf(images: readonly PreImage[]): unknown[] {
  return images.map(({ id }) => id);
}

function noCounts(): ManyCounts {
  return { matched: 0, modified: 0, deleted: 0 };
}

function add(total: ManyCounts, counts: ManyCounts): void {
  total.matched += counts.matched;
  total.modified += counts.modified;
  total.deleted += counts.deleted;
}
