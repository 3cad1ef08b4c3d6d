import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf, type Variant } from '../compare.ts';
import { insertOrders, type OrderModel, order } from '../documents.ts';
import { expect } from '../expect.ts';
import { countVersions, pairOf } from '../pair.ts';
import { median } from '../statistics.ts';

const WRITERS = 20;

/** Each version of the one document must hold the count that its number implies. */
async function writersOfOne(bench: Bench): Promise<void> {
  const { ours } = await pairOf(bench);
  const [id] = await insertOrders(ours, 1);
  const increment = () => ours.findOneAndUpdate({ _id: id }, { $inc: { visits: 1 } }, { returnDocument: 'after' });
  const results = await Promise.all(Array.from({ length: WRITERS }, increment));
  const returned = new Set(results.map((document) => document?.visits));
  const versions = ours.db.collection<{ _id: { ov: number }; visits: number }>(`${ours.collection.name}_ver`);
  const kept = await versions.find({}).toArray();
  const right = new Set(kept.filter(({ _id, visits }) => visits === _id.ov).map(({ _id }) => _id.ov));
  expect('the counter', (await ours.findById(id).orFail()).visits, WRITERS);
  bench.report({
    name: '20 writers on one document',
    callers: WRITERS,
    ratio: Math.min(returned.size, right.size) / WRITERS,
    goal: { atLeast: 1 },
    means: 'every write of a contended document is kept, each with its own value',
  });
}

const CLAIMERS = 64;
const QUEUED = 3_000;

/** Takes the first of a sorted queue, as a job runner does. Nobody may be given what another was given. */
function claiming(model: OrderModel): Variant & { readonly claimed: unknown[] } {
  let left = 0;
  const claimed: unknown[] = [];
  return {
    claimed,
    async prepare() {
      await insertOrders(model, QUEUED - left, { status: 'queued' });
      left = QUEUED;
    },
    operation() {
      if (left === 0) return undefined;
      left--;
      const taken = { $set: { status: 'taken' } };
      return model
        .findOneAndUpdate({ status: 'queued' }, taken, { sort: { priority: 1 } })
        .orFail()
        .then(({ _id }) => claimed.push(String(_id)));
    },
  };
}

async function claimers(bench: Bench): Promise<void> {
  const { mongoose, plain, ours } = await pairOf(bench, { indexes: [{ status: 1, priority: 1 }] });
  const contender = claiming(ours);
  const comparison = await compare(bench, mongoose, claiming(plain), contender, { callers: CLAIMERS, rounds: 5 });
  const figure = { callers: CLAIMERS, means: 'jobs a second taken from one sorted queue by 64 workers' };
  bench.report(figureOf(comparison, { ...figure, name: '64 claimers', goal: { atLeast: 0.6 } }));
  bench.report({
    ...figure,
    name: '64 claimers: p99',
    ratio: median(comparison.p99),
    goal: { atMost: 3 },
    means: 'how much longer the slowest claims take',
  });
  expect('distinct claims', new Set(contender.claimed).size, contender.claimed.length);
  expect('versions of claims', await countVersions(ours), contender.claimed.length);
  expect('taken', await ours.countDocuments({ status: 'taken' }), contender.claimed.length);
}

const DUPLICATE_EVERY = 20;
const DUPLICATE_KEY = 11000;

function creating(model: OrderModel, duplicateEvery: number): Variant & { readonly refused: () => number } {
  let n = 0;
  let refused = 0;
  return {
    refused: () => refused,
    operation() {
      n++;
      if (n % duplicateEvery !== 0) return model.create(order(n));
      return model.create(order(1)).catch((error: { code?: number }) => {
        if (error.code !== DUPLICATE_KEY) throw error;
        refused++;
      });
    },
  };
}

async function duplicates(bench: Bench): Promise<void> {
  const callers = 64;
  const clean = await pairOf(bench, { uniqueNumber: true });
  const { ours } = await pairOf(bench, { uniqueNumber: true });
  const withErrors = creating(ours, DUPLICATE_EVERY);
  const baseline = creating(clean.ours, Number.POSITIVE_INFINITY);
  const comparison = await compare(bench, clean.mongoose, baseline, withErrors, { callers });
  const means = 'what refused documents take from those created beside them, as a share of no refusals';
  bench.report(figureOf(comparison, { name: '5 % duplicate keys', callers, goal: { atLeast: 0.9 }, means }));
  expect('duplicates were refused', withErrors.refused() > 0, true);
}

export const cases: BenchCase[] = [
  { name: '20 writers on one document', run: writersOfOne },
  { name: '64 claimers', run: claimers },
  { name: '5 % duplicate keys', run: duplicates },
];
