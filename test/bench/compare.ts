import type { Mongoose } from 'mongoose';
import type { Bench, Figure, Goal } from './bench-case.ts';
import { cpuUsed } from './cpu.ts';
import { median, quantile, spreadOf } from './statistics.ts';

/** One way of doing the same thing. */
export interface Variant {
  /** Runs before each slice, unmeasured. */
  readonly prepare?: () => Promise<void>;
  /** Begins the measured operation once more, or answers `undefined` where `prepare` left nothing more to do. */
  readonly operation: () => Promise<unknown> | undefined;
}

export interface Rounds {
  readonly callers: number;
  /** @default 7 */
  readonly rounds?: number;
  /** How long each variant runs in each round. @default 1000 */
  readonly sliceMs?: number;
}

export interface Comparison {
  /** Throughput of the second variant as a share of the first one's, in each round. */
  readonly ratios: readonly number[];
  /** CPU per operation, likewise. */
  readonly cpu: readonly number[];
  /** 99th percentile of the latency, likewise. */
  readonly p99: readonly number[];
}

interface Slice {
  readonly perSecond: number;
  readonly cpuPerOperation: number;
  readonly p99: number;
}

/**
 * Runs both variants in turn, A B A B, in one process, after a slice of each to warm up.
 *
 * @param mongoose the way to the server of both, or to the servers of each
 */
export async function compare(
  bench: Bench,
  mongoose: Mongoose | readonly Mongoose[],
  baseline: Variant,
  contender: Variant,
  rounds: Rounds,
): Promise<Comparison> {
  const [comparison] = await compareAll(bench, mongoose, baseline, [contender], rounds);
  return comparison as Comparison;
}

/** The same for several contenders of one baseline: A B C A B C. */
export async function compareAll(
  bench: Bench,
  mongoose: Mongoose | readonly Mongoose[],
  baseline: Variant,
  contenders: readonly Variant[],
  { callers, rounds = 7, sliceMs = 1000 }: Rounds,
): Promise<readonly Comparison[]> {
  const servers = [mongoose].flat();
  const [count, ms] = bench.quick ? [3, sliceMs / 3] : [rounds, sliceMs];
  const comparisons = contenders.map(() => ({ ratios: [] as number[], cpu: [] as number[], p99: [] as number[] }));
  for (const variant of [baseline, ...contenders]) await slice(servers, variant, callers, ms);
  for (let round = 0; round < count; round++) {
    const a = await slice(servers, baseline, callers, ms);
    for (const [index, contender] of contenders.entries()) {
      const b = await slice(servers, contender, callers, ms);
      comparisons[index]?.ratios.push(b.perSecond / a.perSecond);
      comparisons[index]?.cpu.push(b.cpuPerOperation / a.cpuPerOperation);
      comparisons[index]?.p99.push(b.p99 / a.p99);
    }
  }
  return comparisons;
}

/** The figure of a comparison: medians, with the spread over the rounds. */
export function figureOf(
  { ratios, cpu }: Comparison,
  figure: { readonly name: string; readonly callers: number; readonly goal?: Goal; readonly means: string },
): Figure {
  return { ...figure, ratio: median(ratios), spread: spreadOf(ratios), cpu: median(cpu) };
}

async function slice(servers: readonly Mongoose[], variant: Variant, callers: number, ms: number): Promise<Slice> {
  await variant.prepare?.();
  const latencies: number[] = [];
  const cpuBefore = await cpuUsed(servers);
  const started = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() - started < ms) {
      const begun = performance.now();
      const pending = variant.operation();
      if (pending === undefined) return;
      await pending;
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - started) / 1000;
  const cpu = (await cpuUsed(servers)) - cpuBefore;
  return {
    perSecond: latencies.length / seconds,
    cpuPerOperation: cpu / latencies.length,
    p99: quantile(latencies, 0.99),
  };
}
