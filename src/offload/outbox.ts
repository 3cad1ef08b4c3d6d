import type { mongo } from 'mongoose';
import { MAJORITY } from '../system/majority.ts';
import { BY_ID } from '../system/version-indexes.ts';
import type { PayloadState, RawDocument } from '../types.ts';
import { type Row, rowOf } from './row.ts';
import type { Offloading } from './upload-row.ts';

/**
 * Finds the rows that something is still to be done to. Those that are done, which are almost all of them, are not in
 * it: of the three states, `processed` is the last in the alphabet.
 */
const OUTBOX_INDEX = [
  { '_system.state': 1, '_system.updatedAt': 1 },
  { partialFilterExpression: { '_system.state': { $lt: 'processed' } } },
] as const;

const BATCH_ROWS = 20;

const RAW_ROWS = { raw: true, batchSize: BATCH_ROWS } as const;

/** Sees to it that they are found quickly. */
export async function indexOutbox({ head, versions }: Offloading, versioning: boolean): Promise<void> {
  const [keys, options] = OUTBOX_INDEX;
  const collections = versioning ? [head, versions] : [head];
  await Promise.all(collections.map((one) => one.createIndex(keys, options)));
}

/** Has versions from before payloads were kept stored too. */
export async function putIntoOutbox({ head, versions }: Offloading): Promise<void> {
  const older = { '_system.ov': { $exists: true }, '_system.state': { $exists: false } };
  const update = { $set: { '_system.state': 'new-not-synched' } };
  await head.updateMany(older as never, update, MAJORITY);
  await versions.updateMany({ ...older, '_system.deleted': { $ne: true } } as never, update, MAJORITY);
}

/** Rows in a state, those of superseded versions first, each document's in the order of its versions. */
export async function* rowsIn(target: Offloading, state: PayloadState, ids: readonly unknown[]): AsyncGenerator<Row> {
  yield* supersededIn(target, state, ids);
  const { head, bson } = target;
  const heads = { _id: { $in: ids as never[] }, '_system.state': state } as mongo.Filter<RawDocument>;
  for await (const bytes of head.find(heads, { ...RAW_ROWS, hint: { _id: 1 } })) {
    yield rowOf(bson, bytes as unknown as Uint8Array, true);
  }
}

/** Superseded versions in a state, each document's in their order. */
export async function* supersededIn(
  { versions, bson }: Offloading,
  state: PayloadState,
  ids: readonly unknown[],
): AsyncGenerator<Row> {
  const records = { '_id.id': { $in: ids }, '_system.state': state } as mongo.Filter<RawDocument>;
  for await (const bytes of versions.find(records, { ...RAW_ROWS, sort: BY_ID, hint: BY_ID })) {
    yield rowOf(bson, bytes as unknown as Uint8Array, false);
  }
}

/** The documents that have rows in a state, in pages. One may come twice. */
export async function* idsIn(
  { head, versions }: Offloading,
  state: PayloadState,
  until: Date | undefined,
  pageSize: number,
  collections: readonly mongo.Collection<RawDocument>[] = [versions, head],
): AsyncGenerator<unknown[]> {
  const due = until === undefined ? {} : { '_system.updatedAt': { $not: { $gt: until } } };
  const filter = { '_system.state': state, ...due } as mongo.Filter<RawDocument>;
  const options = { projection: { _id: 1 }, batchSize: pageSize } as const;
  let page: unknown[] = [];
  for (const collection of collections) {
    for await (const { _id } of collection.find(filter, options)) {
      page.push(collection === head ? _id : (_id as unknown as { id: unknown }).id);
      if (page.length < pageSize) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}
