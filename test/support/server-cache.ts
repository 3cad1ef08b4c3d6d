import { chmod, copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOCK_POLL_MS = 200;

/** Where test servers are kept between runs, e.g. `~/.cache/mongoose-chronos/servers`. */
export function serverCache(): string {
  const { CHRONOS_TEST_CACHE, XDG_CACHE_HOME } = process.env;
  return CHRONOS_TEST_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'mongoose-chronos', 'servers');
}

export async function inCache(name: string): Promise<string | undefined> {
  const path = join(serverCache(), name);
  return (await exists(path)) ? path : undefined;
}

/** Copies `binary` into the cache. The rename makes it appear whole or not at all. */
export async function keepInCache(name: string, binary: string): Promise<string> {
  const kept = join(serverCache(), name);
  const partial = `${kept}.${process.pid}.partial`;
  await copyFile(binary, partial);
  await chmod(partial, 0o755);
  await rename(partial, kept);
  return kept;
}

/**
 * Lets one process at a time install, so that a second one finds the result instead of downloading it again.
 * Two installers at once would be wasteful, never wrong: that is why taking over a dead owner's lock may race.
 */
export async function whileInstalling<T>(what: string, install: () => Promise<T>): Promise<T> {
  const lock = join(serverCache(), `${what}.lock`);
  await mkdir(serverCache(), { recursive: true });
  while (!(await tryLock(lock))) {
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true });
    await sleep(LOCK_POLL_MS);
  }
  try {
    return await install();
  } finally {
    await rm(lock, { force: true });
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
