import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf } from '../compare.ts';
import { expect } from '../expect.ts';
import { countVersions, pairOf } from '../pair.ts';
import { SINGLE_WRITES, type SingleWrite } from '../single-writes.ts';

async function measure(bench: Bench, write: SingleWrite): Promise<void> {
  const { mongoose, plain, ours } = await pairOf(bench);
  const [baseline, contender] = [await write.workload(plain), await write.workload(ours)];
  for (const [callers, goal] of Object.entries(write.goals)) {
    const comparison = await compare(bench, mongoose, baseline, contender, { callers: Number(callers) });
    const { name, means } = write;
    bench.report(figureOf(comparison, { name, callers: Number(callers), goal: { atLeast: goal }, means }));
  }
  expect(`versions after ${write.name}`, await countVersions(ours), contender.done() * write.recordsPerWrite);
}

export const cases: BenchCase[] = SINGLE_WRITES.map((write) => ({
  name: write.name,
  run: (bench) => measure(bench, write),
}));
