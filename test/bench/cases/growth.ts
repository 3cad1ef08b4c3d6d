import type { Bench, BenchCase } from '../bench-case.ts';
import { compare } from '../compare.ts';
import { insertOrders, type OrderModel, orderModel } from '../documents.ts';
import { expect } from '../expect.ts';
import { countVersions } from '../pair.ts';
import { median, spreadOf } from '../statistics.ts';

const DOCUMENTS = 1_000;
const VERSIONS_EACH = 50;

async function saving(model: OrderModel): Promise<() => Promise<unknown>> {
  const ids = await insertOrders(model, DOCUMENTS);
  let n = 0;
  return async () => {
    const document = await model.findById(ids[n++ % DOCUMENTS]).orFail();
    document.score = n;
    return document.save();
  };
}

/** Both have the plugin; one of them has a past. */
async function growth(bench: Bench): Promise<void> {
  const mongoose = await bench.connect();
  const young = await orderModel(mongoose, { plugin: bench.chronos });
  const old = await orderModel(await bench.connect(), { plugin: bench.chronos });
  const baseline = await saving(young);
  const contender = await saving(old);
  for (let version = 0; version < VERSIONS_EACH; version++) await old.updateMany({}, { $inc: { visits: 1 } });
  expect('versions before the measurement', await countVersions(old), DOCUMENTS * VERSIONS_EACH);
  const { ratios, cpu } = await compare(
    bench,
    mongoose,
    { operation: baseline },
    { operation: contender },
    { callers: 16, rounds: 15, sliceMs: 500 },
  );
  const slowdowns = ratios.map((ratio) => 1 / ratio);
  bench.report({
    name: 'load+save at 50,000 versions',
    callers: 16,
    ratio: median(slowdowns),
    spread: spreadOf(slowdowns),
    cpu: median(cpu),
    goal: { atMost: 1.1 },
    means: 'how much longer a save takes once there is a history',
  });
}

export const cases: BenchCase[] = [{ name: 'load+save at 50,000 versions', run: growth }];
