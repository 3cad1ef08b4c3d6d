import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterAll } from 'vitest';

const run = promisify(execFile);

/** What the driver takes only if it is there. */
const OPTIONAL_PACKAGES = [
  'mongodb-client-encryption',
  'kerberos',
  '@mongodb-js/zstd',
  'snappy',
  'socks',
  'gcp-metadata',
  '@aws-sdk/credential-providers',
  'aws4',
];

/** A script in a process of its own that may kill itself. */
export interface KillableScript {
  /** Runs it. `sent` is the number that it prints, if it gets so far. */
  run(...args: readonly string[]): Promise<{ readonly killed: boolean; readonly sent: number }>;
}

/**
 * Compiles a script once into one file with all packages, since it is started for each command. Its `mongoose` is the one
 * that the tests are run with.
 */
export async function killableScript(entry: string): Promise<KillableScript> {
  const outDir = await mkdtemp(join(tmpdir(), 'chronos-killable-'));
  afterAll(() => rm(outDir, { recursive: true }));
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    resolve: { alias: process.env.CHRONOS_TEST_MONGOOSE === '8' ? { mongoose: 'mongoose8' } : {} },
    build: { ssr: entry, outDir, target: 'node20', rolldownOptions: { external: OPTIONAL_PACKAGES } },
  });
  await writeFile(join(outDir, 'package.json'), '{ "type": "module" }');
  const script = join(outDir, basename(entry).replace(/\.ts$/, '.js'));
  return {
    async run(...args) {
      try {
        const { stdout } = await run(process.execPath, [script, ...args]);
        return { killed: false, sent: Number(stdout) };
      } catch (error) {
        const { signal, stderr } = error as { signal?: string; stderr?: string };
        if (signal !== 'SIGKILL') throw new Error(`The script failed otherwise: ${stderr}`);
        return { killed: true, sent: Number.NaN };
      }
    },
  };
}
