import pc from 'picocolors';
import type { Figure, Goal } from './bench-case.ts';

/** One row of `--json`. */
export interface Row {
  readonly name: string;
  readonly callers: number;
  readonly ratio: number;
  readonly goal: number | null;
  readonly ok: boolean | null;
}

export function isMet(goal: Goal, ratio: number): boolean {
  return 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
}

export function rowOf({ name, callers, ratio, goal }: Figure): Row {
  if (goal === undefined) return { name, callers, ratio, goal: null, ok: null };
  return { name, callers, ratio, goal: 'atLeast' in goal ? goal.atLeast : goal.atMost, ok: isMet(goal, ratio) };
}

/** `create            16   1.62  (1.41-1.80)  goal >= 1.50  ok    cpu  .61   what it means` */
export function lineOf({ name, callers, ratio, spread, cpu, goal, means }: Figure): string {
  const range = spread === undefined ? '' : `(${short(spread[0])}-${short(spread[1])})`;
  const cells = [
    name.padEnd(50),
    String(callers).padStart(3),
    pc.bold(short(ratio).padStart(6)),
    range.padEnd(14),
    goalText(goal).padEnd(12),
    verdict(goal, ratio),
    cpu === undefined ? ' '.repeat(10) : `cpu ${short(cpu).padStart(5)} `,
    pc.dim(means),
  ];
  return cells.join(' ');
}

export const HEADING = [
  'figure'.padEnd(50),
  '  c',
  ' ratio',
  '(spread)'.padEnd(14),
  'goal'.padEnd(12),
  '      ',
  'cpu/op'.padEnd(10),
  'what it means',
].join(' ');

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return '';
  return 'atLeast' in goal ? `>= ${short(goal.atLeast)}` : `<= ${short(goal.atMost)}`;
}

function verdict(goal: Goal | undefined, ratio: number): string {
  if (goal === undefined) return '      ';
  return isMet(goal, ratio) ? pc.green('ok    ') : pc.red('MISSED');
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value < 0.1 ? 3 : 2);
}
