import { isDeepStrictEqual, parseArgs } from 'node:util';
import mongoose from 'mongoose';
import { UnversionedWriteError } from '../../src/index.ts';
import { type Probe, probe } from '../support/capture-matrix.ts';
import { startMongo } from '../support/servers.ts';
import { WRITE_PATHS, type WritePath } from '../support/write-paths.ts';
import { comparison } from './comparison.ts';

type Row = readonly [path: string, versions: string, result: string];

async function measured(path: WritePath): Promise<Row> {
  try {
    const found = await probe(mongoose, path);
    return [
      path.name,
      versionsOf(found, path),
      isDeepStrictEqual(found.versioned.result, found.plain.result) ? 'same' : 'differs',
    ];
  } catch (error) {
    if (error instanceof UnversionedWriteError) return [path.name, 'refused', 'UnversionedWriteError'];
    throw error;
  }
}

function versionsOf({ plain, versioned, gapless }: Probe, { atomic }: WritePath): string {
  const asExpected = atomic === true ? isDeepStrictEqual(versioned.changes, []) : isDeepStrictEqual(versioned, plain);
  return asExpected && gapless ? 'exact' : 'WRONG';
}

function table(title: string, rows: readonly Row[]): string {
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return [
    `### ${title}`,
    '',
    '| write path | versions | result beside plain Mongoose |',
    '| --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}

const { values: wanted } = parseArgs({ options: { peers: { type: 'boolean', default: false } } });
const server = await startMongo({ progress: () => undefined });
await mongoose.connect(server.uri, { dbName: 'capture-matrix' });
const rows: Row[] = [];
for (const path of WRITE_PATHS) rows.push(await measured(path));
const compared = wanted.peers ? await comparison(mongoose, server.uri) : undefined;
await mongoose.disconnect();
await server.stop();

const core = rows.filter((_, index) => WRITE_PATHS[index]?.core);
const rest = rows.filter((_, index) => !WRITE_PATHS[index]?.core);
const exact = (some: readonly Row[]) => some.filter(([, versions]) => versions === 'exact').length;
const refused = core.filter(([, versions]) => versions === 'refused').length;
console.log(table(`The 24 write paths: ${exact(core)} recorded exactly, ${refused} refused`, core));
console.log(table(`Further forms of them: ${exact(rest)} of ${rest.length} recorded exactly`, rest));
if (compared !== undefined) console.log(compared);
if (rows.some(([, versions]) => versions === 'WRONG')) process.exitCode = 1;
