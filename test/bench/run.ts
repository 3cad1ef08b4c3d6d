import { readdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { startMongo } from '../support/servers.ts';
import { withBench } from './bench.ts';
import type { BenchCase, Figure } from './bench-case.ts';
import { loadLibrary } from './library.ts';
import { HEADING, isMet, lineOf, rowOf } from './report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
  },
});
const { json, only, quick } = values;

async function allCases(): Promise<BenchCase[]> {
  const folder = new URL('cases/', import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  const modules = await Promise.all(
    files.map((file) => import(new URL(file, folder).href) as Promise<{ cases: BenchCase[] }>),
  );
  return modules.flatMap(({ cases }) => cases);
}

const selected = (await allCases()).filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
const { library, from } = await loadLibrary();
const server = await startMongo();
console.log(`mongoose-chronos from ${from}; Node ${process.version}${quick ? '; quick: too short to trust' : ''}`);
console.log('A ratio is the throughput as a share of plain Mongoose, interleaved with it; more is better.');
console.log(
  'Where a goal reads <=, it is time or size instead; less is better. c is the number of concurrent callers.',
);
console.log(`\n${pc.bold(HEADING)}`);

const figures: Figure[] = [];
const failed: string[] = [];
const settings = {
  quick,
  chronos: library.chronos,
  sharedUri: server.uri,
  note: (text: string) => console.log(pc.dim(`  ${text}`)),
  report: (figure: Figure) => {
    figures.push(figure);
    console.log(lineOf(figure));
  },
};
try {
  for (const { name, run } of selected) {
    await withBench(settings, run).catch((error: unknown) => {
      failed.push(name);
      console.log(pc.red(`${name} failed:`), error);
    });
  }
} finally {
  await server.stop();
}

if (json !== undefined) await writeFile(json, `${JSON.stringify(figures.map(rowOf), null, 2)}\n`);
const missed = figures.filter(({ goal, ratio }) => goal !== undefined && !isMet(goal, ratio));
const withGoal = figures.filter(({ goal }) => goal !== undefined).length;
console.log(`\n${withGoal - missed.length} of ${withGoal} goals met, ${failed.length} cases failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
