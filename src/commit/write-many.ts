import type { mongo } from 'mongoose';
import type {
  CapturedDelete,
  CapturedManyWrite,
  CapturedUpdate,
  Filter,
  ManyCounts,
  Outcome,
} from './captured-write.ts';
import { carried } from './driver-options.ts';
import { mayStoreFirst, writeWithin } from './large-writes.ts';
import { MustStoreFirst, withPayloads } from './payload-away.ts';
import { hasTwins, pinnedTo } from './pinned-id.ts';
import { renumbering } from './renumber.ts';
import type { Store } from './store.ts';
import { inTransaction, isInTransaction, type Transaction } from './transaction.ts';
import { type PreImage, preImage } from './version-record.ts';
import { among, missMany, noCounts, writeChunk } from './write-chunk.ts';
import { CHUNK_BYTES } from './write-group.ts';

/** Documents of one transaction of a multi-document write at the most. */
const CHUNK_DOCUMENTS = 1_000;

/** Runs the steps of one chunk, whose documents the filter names: in a transaction of its own or in that of them all. */
type RunChunk = <T>(filter: Filter, versions: number, steps: (tx: Transaction) => Promise<T>) => Promise<T>;

/**
 * Carries out a multi-document write. In MongoDB such a write is not atomic, and a transaction around all of it dies at
 * some 60,000 documents; so outside a caller's transaction it is split into chunks, each of which is atomic with its
 * version records. What a chunk meets is decided by the original filter again, in its own snapshot.
 */
export async function writeMany(store: Store, write: CapturedManyWrite, writeAlone: WriteAlone): Promise<ManyCounts> {
  const session = write.options.session ?? undefined;
  const alone = isLargeForMany(store, write);
  const apart: RunChunk = (filter, versions, steps) =>
    renumbering(store, session, filter, () => inTransaction(store, session, steps, versions));
  const ofOnly = (filter: Filter) => ({ ...ofOne(write), filter });
  if (!isWhole(write)) {
    const run = { chunk: apart, one: (filter: Filter) => writeAlone(ofOnly(filter), session), alone };
    const first = alone ? undefined : await writeMatching(store, write, write.filter, CHUNK_DOCUMENTS, run);
    return first ?? writeAll(store, write, undefined, run);
  }
  return apart(write.filter, CHUNK_DOCUMENTS, async (tx) => {
    const run = { chunk: within(store, tx), one: (filter: Filter) => writeWithin(store, tx, ofOnly(filter)), alone };
    const counts = await writeAll(store, write, tx.session, run);
    return counts.matched + counts.deleted === 0 && !alone ? missMany(store, tx, write) : counts;
  });
}

/** What may become too large for MongoDB goes alone, each document by itself. */
function isLargeForMany(store: Store, write: CapturedManyWrite): boolean {
  return write.kind === 'updateMany' && mayStoreFirst(store, ofOne(write));
}

/** Writes one document, however large it is. */
type WriteAlone = (
  write: CapturedUpdate | CapturedDelete,
  session: mongo.ClientSession | undefined,
) => Promise<Outcome>;

/** How the documents of a multi-document write are written. */
interface Run {
  readonly chunk: RunChunk;
  /** One that the filter names. */
  readonly one: (filter: Filter) => Promise<Outcome>;
  /** Whether all of them go alone. */
  readonly alone: boolean;
}

/** Documents of earlier chunks are written already: what a chunk lacks is put back in the transaction of them all. */
function within(store: Store, tx: Transaction): RunChunk {
  return (_filter, _versions, steps) => withPayloads(store, tx.session, () => steps(tx));
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
  run: Run,
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
  run: Run,
): Promise<ManyCounts> {
  // Under a collation a chunk of texts may match ids of another one.
  const isAlone = run.alone || ids.some((id) => hasTwins(id, write.options.collation));
  const counts = isAlone ? undefined : await writeMatching(store, write, among(write.filter, ids), ids.length, run);
  if (counts !== undefined) return counts;
  if (isAlone || ids.length === 1) return writeOneByOne(write, ids, run);
  const middle = Math.ceil(ids.length / 2);
  const total = await writeIds(store, write, ids.slice(0, middle), run);
  add(total, await writeIds(store, write, ids.slice(middle), run));
  return total;
}

async function writeOneByOne(write: CapturedManyWrite, ids: readonly unknown[], run: Run): Promise<ManyCounts> {
  const total = noCounts();
  for (const id of ids) add(total, await run.one(pinnedTo(write.filter, id, write.options.collation)));
  return total;
}

function ofOne(write: CapturedManyWrite): CapturedUpdate | CapturedDelete {
  if (write.kind === 'deleteMany') return { ...write, kind: 'delete', method: 'deleteOne' };
  const { upsert: _upsert, ...options } = write.options;
  return { ...write, kind: 'update', method: 'updateOne', op: 'UPDATE', options };
}

/** Writes all that match as one chunk, or nothing if they are too many or too large for that, or not to be told apart. */
async function writeMatching(
  store: Store,
  write: CapturedManyWrite,
  filter: Filter,
  limit: number,
  run: Run,
): Promise<ManyCounts | undefined> {
  const steps = async (tx: Transaction) => {
    const images = await readImages(store, tx, write, filter, limit + 1);
    return images === undefined ? undefined : writeChunk(store, tx, write, images);
  };
  return run.chunk(filter, limit, steps).catch((error: unknown) => {
    if (error instanceof MustStoreFirst) return undefined;
    throw error;
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
    const image = preImage(store.bson, raw as unknown as Uint8Array);
    if (hasTwins(image.id, collation)) return undefined;
    images.push(image);
    bytes += (raw as unknown as Uint8Array).length;
    if (images.length > 1 && (images.length === limit || bytes > CHUNK_BYTES)) return undefined;
  }
  return images;
}

function add(total: ManyCounts, counts: ManyCounts): void {
  total.matched += counts.matched;
  total.modified += counts.modified;
  total.deleted += counts.deleted;
}
