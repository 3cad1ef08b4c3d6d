import { isDeepStrictEqual } from 'node:util';
import mongoose from 'mongoose';
import { UnversionedWriteError } from '../../src/index.ts';
import { type Probe, probe } from '../support/capture-matrix.ts';
import { startMongo } from '../support/servers.ts';
import { WRITE_PATHS, type WritePath } from '../support/write-paths.ts';

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

const server = await startMongo({ progress: () => undefined });
await mongoose.connect(server.uri, { dbName: 'capture-matrix' });
const rows: Row[] = [];
for (const path of WRITE_PATHS) rows.push(await measured(path));
await mongoose.disconnect();
await server.stop();

const core = rows.filter((_, index) => WRITE_PATHS[index]?.core);
const rest = rows.filter((_, index) => !WRITE_PATHS[index]?.core);
const right = (some: readonly Row[]) => some.filter(([, versions]) => versions !== 'WRONG').length;
console.log(table(`The 24 write paths: ${right(core)} of ${core.length} recorded exactly or refused`, core));
console.log(table(`Further forms of them: ${right(rest)} of ${rest.length}`, rest));
if (right(rows) < rows.length) process.exitCode = 1;
