import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCache, keepInCache, whileInstalling } from './server-cache.ts';
import { first } from './servers.ts';

/** The supported release lines; npm has packages that carry the real binaries. */
const NODE_LINES = ['20', '22', '24'] as const;
const CARRIERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'node-bin-darwin', win32: 'node-win' };
const CARRIER = `${CARRIERS[process.platform] ?? `node-${process.platform}`}-${process.arch}`;
const BINARY = process.platform === 'win32' ? 'node.exe' : 'node';

async function nodeBinary(line: string): Promise<string> {
  const name = `node-${line}`;
  const ready = { from: 'the cache', find: () => inCache(name) };
  const install = { from: 'npm', find: () => installNode(line, name) };
  const binary = await whileInstalling(name, () => first('node', [ready, install], console.log));
  return binary.path;
}

async function installNode(line: string, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chronos-node-'));
  try {
    const args = ['install', '--no-save', '--no-package-lock', '--prefix', folder, `${CARRIER}@${line}`];
    const npm = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
    if (npm.status !== 0) throw new Error(`npm could not install ${CARRIER}@${line}`);
    return await keepInCache(name, join(folder, 'node_modules', CARRIER, 'bin', BINARY));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runTests(node: string): Promise<number> {
  const vitest = spawn(node, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    vitest.once('error', reject);
    vitest.once('exit', (code) => resolve(code ?? 1));
  });
}

const failed: string[] = [];
for (const line of NODE_LINES) {
  const node = await nodeBinary(line);
  if ((await runTests(node)) !== 0) failed.push(line);
}
console.log(`${NODE_LINES.length - failed.length} passed, ${failed.length} failed (Node ${NODE_LINES.join(', ')})`);
process.exitCode = failed.length === 0 ? 0 : 1;
