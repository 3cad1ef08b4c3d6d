import { randomBytes } from 'node:crypto';
import type { Mongoose } from 'mongoose';
import type { ChronosModelType } from '../../../src/index.ts';
import { PEERS, type Peer } from '../../support/peers.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import { besidePeer, ORDERS } from '../beside-peer.ts';
import { insertOrders, type Order, type OrderModel, orderModel } from '../documents.ts';
import { expect } from '../expect.ts';
import { checkpoint, type Io, ioOf, megabytes } from '../server-io.ts';

const VERSIONS_EACH = 100;
const DOCUMENTS = 1_000;
const QUICK_DOCUMENTS = 100;
/** A peer records one write after the other, some hundreds a second; what a record takes does not depend on how many. */
const PEERS_DOCUMENTS = 100;
const CALLERS = 16;

/**
 * By default the server keeps what was deleted for five minutes, for those who read in a snapshot from before, and what
 * compaction moves is there twice for so long.
 */
const WITHOUT_SNAPSHOTS = { minSnapshotHistoryWindowInSeconds: 0 };

/** About 1 KB that no compression makes smaller, unless it sees it twice. It makes an order one of 2 KB. */
const description = (): string => randomBytes(750).toString('base64');

async function insertLarge(model: OrderModel, documents: number): Promise<unknown[]> {
  const ids = await insertOrders(model, documents);
  await model.collection.bulkWrite(
    ids.map((_id) => ({
      updateOne: { filter: { _id: _id as never }, update: { $set: { description: description() } } },
    })),
  );
  return ids;
}

/** Each document its own change: some bytes of its 2,000. */
function change(n: number): object {
  const rare = n % 10 === 0 ? { title: `Order for ${randomBytes(6).toString('hex')}` } : {};
  return { $set: { score: Math.random(), ...rare }, $inc: { visits: 1 } };
}

/** Bytes on disk. What the files hold of free space, for the next writes, is not counted. */
interface Size {
  readonly records: number;
  readonly indexes: number;
  readonly free: number;
  readonly bson: number;
  readonly count: number;
}

interface IndexDetails {
  readonly 'block-manager': {
    readonly 'file size in bytes': number;
    readonly 'file bytes available for reuse': number;
  };
}

async function sizeOf(mongoose: Mongoose, collection: string): Promise<Size> {
  await checkpoint(mongoose);
  const stats = await mongoose.connection.db?.command({ collStats: collection, indexDetails: true });
  const indexes = Object.values(stats?.indexDetails as Record<string, IndexDetails>).map(
    (index) => index['block-manager'],
  );
  const files = sum(indexes.map((file) => file['file size in bytes']));
  const freeOfIndexes = sum(indexes.map((file) => file['file bytes available for reuse']));
  const freeOfRecords = Number(stats?.freeStorageSize);
  return {
    records: Number(stats?.storageSize) - freeOfRecords,
    indexes: files - freeOfIndexes,
    free: freeOfRecords + freeOfIndexes,
    bson: Number(stats?.size),
    count: Number(stats?.count),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const total = ({ records, indexes }: Size): number => records + indexes;
const described = ({ records, indexes, free }: Size): string =>
  `${megabytes(records)} of records and ${megabytes(indexes)} of indexes, and ${megabytes(free)} free`;
const moved = ({ read, written }: Io): string => `${megabytes(read)} read, ${megabytes(written)} written`;

async function ofOurs(bench: Bench): Promise<void> {
  const documents = bench.quick ? QUICK_DOCUMENTS : DOCUMENTS;
  const mongoose = await bench.connect({ uri: await bench.startMongo({ parameters: WITHOUT_SNAPSHOTS }) });
  const model = (await orderModel(mongoose, { plugin: bench.chronos })) as unknown as ChronosModelType<Order>;
  const ids = await insertLarge(model as never, documents);
  const versions = `${model.collection.name}_ver`;
  const writing = await ioOf(mongoose, async () => {
    for (let n = 1; n < VERSIONS_EACH; n++) {
      await model.bulkWrite(ids.map((_id) => ({ updateOne: { filter: { _id: _id as never }, update: change(n) } })));
    }
  });
  const before = await sizeOf(mongoose, versions);
  expect('records', before.count, documents * VERSIONS_EACH);

  const all = { before: new Date(Date.now() + 1000), releaseSpace: true };
  const compacting = await ioOf(mongoose, () => model.compact(all));
  const after = await sizeOf(mongoose, versions);
  expect('records after compaction', after.count, before.count);

  bench.note(`written: ${megabytes(before.bson)} of BSON as ${described(before)}; ${moved(writing)}`);
  bench.note(`compacted: ${described(after)}; ${moved(compacting)}`);
  const name = 'history on disk';
  const means = `${VERSIONS_EACH} versions of ${documents} documents of 2 KB, with indexes, as a share of their BSON`;
  bench.report({ name: `${name}: as written`, callers: 1, ratio: total(before) / before.bson, means });
  const ratio = total(after) / before.bson;
  bench.report({ name: `${name}: compacted`, callers: 1, ratio, goal: { atMost: 0.1 }, means });
}

async function ofPeer(bench: Bench, peer: Peer): Promise<void> {
  const documents = bench.quick ? PEERS_DOCUMENTS / 10 : PEERS_DOCUMENTS;
  const found = await besidePeer(bench, peer, await bench.startMongo({ parameters: WITHOUT_SNAPSHOTS }));
  if (found === undefined) return;
  const { mongoose, theirs } = found;
  const ids = await insertLarge(theirs, documents);
  const [{ bytes }] = (await theirs.aggregate([
    { $group: { _id: null, bytes: { $sum: { $bsonSize: '$$ROOT' } } } },
  ])) as [{ bytes: number }];
  let n = 0;
  const caller = async (): Promise<void> => {
    while (n < documents * VERSIONS_EACH) {
      n += 1;
      await theirs.updateOne({ _id: ids[n % documents] as never }, change(Math.floor(n / documents)));
    }
  };
  const writing = await ioOf(mongoose, () => Promise.all(Array.from({ length: CALLERS }, caller)));
  const size = await sizeOf(theirs.base, peer.historyOf(ORDERS.collection));
  const bson = bytes * VERSIONS_EACH;
  bench.note(`${peer.name}: ${size.count} records of ${megabytes(size.bson)} as ${described(size)}; ${moved(writing)}`);
  bench.report({
    name: `history on disk: ${peer.name}`,
    callers: CALLERS,
    ratio: total(size) / bson,
    means: `${VERSIONS_EACH} changes of ${documents} documents of 2 KB, with indexes, as a share of the BSON of their states`,
  });
}

export const cases: BenchCase[] = [
  { name: 'history on disk', run: ofOurs },
  ...PEERS.map((peer) => ({ name: `history on disk: ${peer.name}`, run: (bench: Bench) => ofPeer(bench, peer) })),
];
