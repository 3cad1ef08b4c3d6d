import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf } from '../compare.ts';
import { insertOrders, type OrderModel, order } from '../documents.ts';
import { expect } from '../expect.ts';
import { countVersions, pairOf } from '../pair.ts';

interface BulkWrite {
  readonly name: string;
  readonly goal: number;
  readonly means: string;
  readonly workload: (model: OrderModel) => Promise<() => Promise<unknown>>;
  readonly recordsPerCall: number;
}

const SIZE = 1_000;

const writes: readonly BulkWrite[] = [
  {
    name: 'insertMany(1000)',
    goal: 0.95,
    means: 'documents a second that are imported by the thousand',
    recordsPerCall: 0,
    async workload(model) {
      const documents = Array.from({ length: SIZE }, (_, n) => order(n));
      return () => model.insertMany(documents);
    },
  },
  {
    name: 'updateMany(1000)',
    goal: 0.3,
    means: 'calls a second that change a thousand documents, each with its version',
    recordsPerCall: SIZE,
    async workload(model) {
      await insertOrders(model, SIZE);
      return () => model.updateMany({ active: true }, { $inc: { visits: 1 } });
    },
  },
  {
    name: 'bulkWrite(1000 updates)',
    goal: 0.5,
    means: 'batches a second of a thousand changes, each with its version',
    recordsPerCall: SIZE,
    async workload(model) {
      const ids = await insertOrders(model, SIZE);
      let n = 0;
      return () => {
        n++;
        return model.bulkWrite(
          ids.map((id) => ({ updateOne: { filter: { _id: id }, update: { $set: { score: n } } } })),
        );
      };
    },
  },
];

async function measure(bench: Bench, { name, goal, means, workload, recordsPerCall }: BulkWrite): Promise<void> {
  const { mongoose, plain, ours } = await pairOf(bench);
  const baseline = await workload(plain);
  const contender = await workload(ours);
  let calls = 0;
  const counted = () => {
    calls++;
    return contender();
  };
  const comparison = await compare(
    bench,
    mongoose,
    { operation: baseline },
    { operation: counted },
    { callers: 1, sliceMs: 1500 },
  );
  bench.report(figureOf(comparison, { name, callers: 1, goal: { atLeast: goal }, means }));
  expect(`versions after ${name}`, await countVersions(ours), calls * recordsPerCall);
}

export const cases: BenchCase[] = writes.map((write) => ({ name: write.name, run: (bench) => measure(bench, write) }));
