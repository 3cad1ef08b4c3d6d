import { Types } from 'mongoose';
import { nodeOf } from '../../../src/system/interval-tree.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import type { LongTasks, Place } from '../children/long-tasks.ts';
import { insertOrders, type OrderModel, order, orderModel } from '../documents.ts';
import { expect } from '../expect.ts';

const DOCUMENTS = 100_000;
const LIMIT_MB = 64;
const BATCH = 2_000;

const sizeOf = (bench: Bench): number => (bench.quick ? DOCUMENTS / 10 : DOCUMENTS);

/** An empty collection of ours, in a process that does not take part in the measurement. */
async function laidOut(bench: Bench): Promise<{ readonly orders: OrderModel; readonly place: Place }> {
  const mongoose = await bench.connect();
  const orders = await orderModel(mongoose, { plugin: bench.chronos });
  return { orders, place: { uri: bench.sharedUri, dbName: mongoose.connection.name } };
}

const startTask = (bench: Bench) => bench.startChild<LongTasks>(new URL('../children/long-tasks.ts', import.meta.url));

function report(bench: Bench, what: string, grownMB: number): void {
  bench.report({
    name: `memory of ${what}`,
    callers: 1,
    ratio: Math.max(0, grownMB) / LIMIT_MB,
    goal: { atMost: 1 },
    means: `${grownMB.toFixed(0)} MB more from a tenth of the way on, of ${LIMIT_MB} MB allowed`,
  });
}

async function streaming(bench: Bench): Promise<void> {
  const versions = sizeOf(bench);
  const { orders, place } = await laidOut(bench);
  const id = new Types.ObjectId();
  await grow(orders, id, versions);
  const { count, grownMB } = await startTask(bench).ask('streamHistory', { ...place, id: String(id), versions });
  expect('streamed versions', count, versions);
  report(bench, `streaming ${versions} versions`, grownMB);
}

/** Its last version is of an ordinary write, those before it are laid out below the library. */
async function grow(orders: OrderModel, id: Types.ObjectId, versions: number): Promise<void> {
  await orders.create({ ...order(0), _id: id });
  await orders.updateOne({ _id: id }, { $inc: { visits: 1 } });
  const records = orders.db.collection(`${orders.collection.name}_ver`);
  await records.deleteMany({});
  for (let first = 0; first < versions - 1; first += BATCH) {
    const size = Math.min(BATCH, versions - 1 - first);
    await records.insertMany(Array.from({ length: size }, (_, n) => recordOf(id, first + n)) as never[]);
  }
  await orders.db.collection('orders').updateOne({ _id: id }, { $set: { '_system.ov': versions - 1 } });
}

const START = Date.UTC(2026, 0, 1);

function recordOf(id: Types.ObjectId, ov: number): object {
  const [updatedAt, until] = [new Date(START + ov), new Date(START + ov + 1)];
  const system = { ov, insertedAt: new Date(START), updatedAt, until, node: nodeOf(updatedAt, until) };
  return { ...order(ov), _id: { id, ov }, _system: system };
}

async function restoring(bench: Bench): Promise<void> {
  const documents = sizeOf(bench);
  const { orders, place } = await laidOut(bench);
  await insertOrders(orders, documents);
  const at = new Date();
  await orders.updateMany({}, { $inc: { visits: 1 } });
  const { restored, failed, grownMB } = await startTask(bench).ask('restoreCollection', { ...place, at, documents });
  expect('restored documents', restored, documents);
  expect('documents that could not be restored', failed, 0);
  expect('documents as they were', await orders.countDocuments({ visits: 0 }), documents);
  report(bench, `restoring ${documents} documents`, grownMB);
}

export const cases: BenchCase[] = [
  { name: 'memory of streaming history', run: streaming },
  { name: 'memory of restoreCollection', run: restoring },
];
