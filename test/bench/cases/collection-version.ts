import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf, type Variant } from '../compare.ts';
import { insertOrders, type OrderModel, order, orderModel } from '../documents.ts';

const POOL = 2_000;
const GOAL = { atLeast: 0.9 } as const;

interface Workload {
  readonly name: string;
  readonly variant: (model: OrderModel) => Promise<Variant>;
}

const workloads: readonly Workload[] = [
  {
    name: 'create',
    async variant(model) {
      let n = 0;
      return { operation: () => model.create(order(n++)) };
    },
  },
  {
    name: 'updateOne',
    async variant(model) {
      const ids = await insertOrders(model, POOL);
      let n = 0;
      return { operation: () => model.updateOne({ _id: ids[n++ % POOL] }, { $set: { score: n } }).exec() };
    },
  },
];

/** Both have the plugin; one of them also numbers the versions of the whole collection. */
async function measure(bench: Bench): Promise<void> {
  for (const { name, variant } of workloads) {
    const mongoose = await bench.connect();
    const without = await orderModel(mongoose, { plugin: bench.chronos });
    const numbered = await orderModel(await bench.connect(), { plugin: bench.chronos, collectionVersion: true });
    const baseline = await variant(without);
    const contender = await variant(numbered);
    for (const callers of [1, 16, 64]) {
      const comparison = await compare(bench, mongoose, baseline, contender, { callers });
      const means = 'what numbering every version of the collection leaves of the speed without';
      bench.report(figureOf(comparison, { name: `collectionVersion: ${name}`, callers, goal: GOAL, means }));
    }
  }
}

export const cases: BenchCase[] = [{ name: 'collectionVersion', run: measure }];
