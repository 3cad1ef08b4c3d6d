import type { Bench, BenchCase } from '../bench-case.ts';
import type { LongTasks } from '../children/long-tasks.ts';
import { insertOrders, type OrderModel, orderModel } from '../documents.ts';
import { expect } from '../expect.ts';
import { countVersions } from '../pair.ts';

const DOCUMENTS = 500_000;
const QUICK_DOCUMENTS = 40_000;
const CACHE_GB = 0.25;
const LIMIT_MB = 16;

interface ManyWrite {
  readonly name: 'updateMany' | 'deleteMany';
  readonly recordsEach: number;
  /** Answers how many documents were written. */
  readonly plainly: (model: OrderModel) => Promise<number>;
  /** How many documents are as the write leaves them. */
  readonly left: (model: OrderModel, documents: number) => Promise<number>;
}

const writes: readonly ManyWrite[] = [
  {
    name: 'updateMany',
    recordsEach: 1,
    plainly: async (model) => (await model.updateMany({ active: true }, { $inc: { visits: 1 } })).modifiedCount,
    left: (model) => model.countDocuments({ visits: 1 }),
  },
  {
    name: 'deleteMany',
    recordsEach: 2,
    plainly: async (model) => (await model.deleteMany({ active: true })).deletedCount,
    left: async (model, documents) => documents - (await model.countDocuments({})),
  },
];

/** One call that changes more than the server's cache can hold, and more than one transaction could. */
async function measure(bench: Bench, { name, recordsEach, plainly, left }: ManyWrite): Promise<void> {
  const documents = bench.quick ? QUICK_DOCUMENTS : DOCUMENTS;
  const uri = await bench.startMongo({ cacheGB: CACHE_GB });
  const plain = await orderModel(await bench.connect({ uri }));
  const mongoose = await bench.connect({ uri });
  const ours = await orderModel(mongoose, { plugin: bench.chronos });
  await insertOrders(plain, documents);
  await insertOrders(ours, documents);

  const started = performance.now();
  expect(`plain ${name}`, await plainly(plain), documents);
  const plainSeconds = (performance.now() - started) / 1000;
  const child = bench.startChild<LongTasks>(new URL('../children/long-tasks.ts', import.meta.url));
  const { count, seconds, grownMB } = await child.ask(name, { uri, dbName: mongoose.connection.name, documents });
  expect(name, count, documents);
  expect(`documents after ${name}`, await left(ours, documents), documents);
  expect(`versions after ${name}`, await countVersions(ours), documents * recordsEach);

  const title = `${name} of ${documents}`;
  bench.report({
    name: title,
    callers: 1,
    ratio: plainSeconds / seconds,
    means: `one call with a cache of 256 MB: ${seconds.toFixed(0)} s, ${plainSeconds.toFixed(0)} s on plain Mongoose`,
  });
  bench.report({
    name: `${title}: heap`,
    callers: 1,
    ratio: Math.max(0, grownMB) / LIMIT_MB,
    goal: { atMost: 1 },
    means: `${grownMB.toFixed(1)} MB more from a tenth of the way on, of ${LIMIT_MB} MB allowed`,
  });
}

export const cases: BenchCase[] = writes.map((write) => ({
  name: `${write.name} of many`,
  run: (bench) => measure(bench, write),
}));
