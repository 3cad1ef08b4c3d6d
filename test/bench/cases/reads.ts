import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf } from '../compare.ts';
import { insertOrders, type OrderModel } from '../documents.ts';
import { type Pair, pairOf } from '../pair.ts';

const DOCUMENTS = 5_000;
const INDEXES = [{ status: 1, priority: 1 }] as const;
const GOAL = 0.97;

interface Read {
  readonly name: string;
  readonly means: string;
  readonly read: (model: OrderModel, ids: readonly unknown[]) => () => Promise<unknown>;
}

const reads: readonly Read[] = [
  {
    name: 'findById',
    means: 'one current document, as with plain Mongoose',
    read(model, ids) {
      let n = 0;
      return () => model.findById(ids[n++ % ids.length]).exec();
    },
  },
  {
    name: 'find(100)',
    means: 'a hundred current documents',
    read: (model) => () => model.find({ status: 'paid' }).limit(100).exec(),
  },
  {
    name: 'find(100) lean',
    means: 'a hundred current documents as plain objects',
    read: (model) => () => model.find({ status: 'paid' }).limit(100).lean().exec(),
  },
  {
    name: 'indexed sorted aggregate',
    means: 'a page that an index sorts: the pipeline still runs on that index',
    read: (model) => () =>
      model.aggregate([{ $match: { status: 'paid' } }, { $sort: { priority: 1 } }, { $limit: 20 }]).exec(),
  },
];

async function measure(bench: Bench, { mongoose, plain, ours }: Pair, prefix: string, goal: number): Promise<void> {
  const plainIds = await insertOrders(plain, DOCUMENTS);
  const ourIds = await insertOrders(ours, DOCUMENTS);
  for (const { name, means, read } of reads) {
    for (const callers of [1, 16, 64]) {
      const baseline = { operation: read(plain, plainIds) };
      const contender = { operation: read(ours, ourIds) };
      const comparison = await compare(bench, mongoose, baseline, contender, { callers, rounds: 21, sliceMs: 300 });
      bench.report(figureOf(comparison, { name: `${prefix}: ${name}`, callers, goal: { atLeast: goal }, means }));
    }
  }
}

export const cases: BenchCase[] = [
  {
    name: 'reads',
    run: async (bench) => measure(bench, await pairOf(bench, { indexes: INDEXES }), 'reads', GOAL),
  },
];
