import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCache, keepInCache, whileInstalling } from './server-cache.ts';
import { first } from './servers.ts';

/** The oldest supported line and the two after it, as real binaries in packages on npm. */
const NODE_VERSIONS = ['20.20.2', '22.23.3', '24.21.0'] as const;
const CARRIERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'node-bin-darwin', win32: 'node-win' };
const CARRIER = `${CARRIERS[process.platform] ?? `node-${process.platform}`}-${process.arch}`;
const BINARY = process.platform === 'win32' ? 'node.exe' : 'node';

async function nodeBinary(version: string): Promise<string> {
  const name = `node-${version}`;
  const ready = { from: 'the cache', find: () => inCache(name) };
  const install = { from: 'npm', find: () => installNode(version, name) };
  const binary = await whileInstalling(name, () => first('node', [ready, install], console.log));
  return binary.path;
}

async function installNode(version: string, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chronos-node-'));
  try {
    const args = ['install', '--no-save', '--no-package-lock', '--prefix', folder, `${CARRIER}@${version}`];
    const npm = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
    if (npm.status !== 0) throw new Error(`npm could not install ${CARRIER}@${version}`);
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
for (const version of NODE_VERSIONS) {
  const node = await nodeBinary(version);
  if ((await runTests(node)) !== 0) failed.push(version);
}
console.log(
  `${NODE_VERSIONS.length - failed.length} passed, ${failed.length} failed (Node ${NODE_VERSIONS.join(', ')})`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
