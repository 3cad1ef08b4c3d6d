import { randomBytes } from 'node:crypto';
import type { Mongoose, Types } from 'mongoose';
import { nodeOf } from '../../../src/system/interval-tree.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf, type Variant } from '../compare.ts';
import { type OrderModel, order, orderModel } from '../documents.ts';
import { expect } from '../expect.ts';
import { countVersions } from '../pair.ts';
import { ioOf, megabytes } from '../server-io.ts';
import { UPDATE_GOALS } from '../single-writes.ts';

const DOCUMENTS = 100_000;
const VERSIONS_EACH = 10;
const QUICK_DOCUMENTS = 10_000;
/** A quarter of what the versions are, uncompressed as a cache holds them. */
const CACHE_GB = 0.25;
const BATCH = 2_000;
const SHARE = 0.9;

/** Ids in no order: the versions of a document, and those of the next one, are far from each other. */
function randomIds(mongoose: Mongoose, count: number): Types.ObjectId[] {
  return Array.from({ length: count }, () => new mongoose.Types.ObjectId(randomBytes(12)));
}

function* batches(count: number): Generator<number[]> {
  for (let start = 0; start < count; start += BATCH) {
    yield Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => start + i);
  }
}

const START = Date.UTC(2026, 0, 1);
const beginOf = (ov: number): Date => new Date(START + ov * 86_400_000);

async function fillHeads(model: OrderModel, ids: readonly Types.ObjectId[], system: (n: number) => object) {
  const heads = model.db.collection(model.collection.name);
  for (const batch of batches(ids.length)) {
    await heads.insertMany(batch.map((n) => ({ _id: ids[n]!, ...order(n), ...system(n) })));
  }
}

/**
 * In the order in which writes would have come: all first versions, then all second ones. While the server inserts a
 * batch, the next one is made.
 */
async function fillVersions(model: OrderModel, ids: readonly Types.ObjectId[]): Promise<void> {
  const records = model.db.collection(`${model.collection.name}_ver`);
  let inserting: Promise<unknown> = Promise.resolve();
  for (const batch of batches(ids.length * VERSIONS_EACH)) {
    const documents = batch.map((n) => recordOf(ids[n % ids.length]!, n, Math.floor(n / ids.length)));
    await inserting;
    inserting = records.insertMany(documents as never[], { ordered: false });
  }
  await inserting;
}

function recordOf(id: Types.ObjectId, n: number, ov: number): object {
  const [updatedAt, until] = [beginOf(ov), beginOf(ov + 1)];
  const system = { ov, insertedAt: beginOf(0), updatedAt, until, node: nodeOf(updatedAt, until) };
  return { ...order(n), _id: { id, ov }, _system: system };
}

const newestVersion = (): object => ({
  _system: { ov: VERSIONS_EACH, insertedAt: beginOf(0), updatedAt: beginOf(VERSIONS_EACH) },
});

type Change = (model: OrderModel, id: Types.ObjectId, n: number) => Promise<unknown>;

const changes: Readonly<Record<string, Change>> = {
  updateOne: (model, id, n) => model.updateOne({ _id: id }, { $set: { score: n }, $inc: { visits: 1 } }).exec(),
  findOneAndUpdate: (model, id, n) =>
    model.findOneAndUpdate({ _id: id }, { $set: { score: n }, $inc: { visits: 1 } }).exec(),
};

function changing(model: OrderModel, ids: readonly Types.ObjectId[], change: Change): Variant & { done: () => number } {
  let n = 0;
  return {
    operation() {
      n += 1;
      return change(model, ids[Math.floor(Math.random() * ids.length)]!, n);
    },
    done: () => n,
  };
}

/** Each on a server of its own: plain Mongoose has its cache for its documents alone. */
async function measure(bench: Bench): Promise<void> {
  const documents = bench.quick ? QUICK_DOCUMENTS : DOCUMENTS;
  const mongoose = await bench.connect({ uri: await bench.startMongo({ cacheGB: CACHE_GB }) });
  const ourMongoose = await bench.connect({ uri: await bench.startMongo({ cacheGB: CACHE_GB }) });
  const plain = await orderModel(mongoose);
  const ours = await orderModel(ourMongoose, { plugin: bench.chronos });
  const ids = randomIds(mongoose, documents);
  await fillHeads(plain, ids, () => ({}));
  await fillHeads(ours, ids, newestVersion);
  await ours.updateOne({ _id: ids[0] }, { $inc: { visits: 1 } });
  await fillVersions(ours, ids);
  const filled = await countVersions(ours);

  let updates = 0;
  const io = await ioOf(ourMongoose, async () => {
    for (const [name, change] of Object.entries(changes)) {
      const [baseline, contender] = [changing(plain, ids, change), changing(ours, ids, change)];
      for (const [callers, goal] of Object.entries(UPDATE_GOALS)) {
        const rounds = { callers: Number(callers), rounds: 5 };
        const comparison = await compare(bench, [mongoose, ourMongoose], baseline, contender, rounds);
        bench.report(
          figureOf(comparison, {
            name: `large history: ${name}`,
            callers: Number(callers),
            goal: { atLeast: SHARE * goal },
            means: 'changes a second with a history of 4 times the cache: nine tenths of the goal without one',
          }),
        );
      }
      updates += contender.done();
    }
  });
  expect('versions after the updates', (await countVersions(ours)) - filled, updates);
  bench.note(
    `${updates} updates beside ${filled} versions: ${megabytes(io.read)} read, ${megabytes(io.written)} written`,
  );
}

export const cases: BenchCase[] = [{ name: 'large history', run: measure }];
