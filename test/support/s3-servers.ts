import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inCache, keepInCache, whileInstalling } from './server-cache.ts';
import { type Binary, first, onPath, type Progress, type Source } from './servers.ts';

const run = promisify(execFile);

/** A program that serves S3, and how it is had and started. */
interface S3Program {
  readonly name: string;
  /** The environment variable that may name its binary. */
  readonly variable: string;
  readonly goPackage: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly commandLine: (port: number, folder: string) => readonly string[];
}

/** Credentials of the test servers, which listen on 127.0.0.1 alone. */
export const S3_ACCESS_KEY = 'chronos-test';
export const S3_SECRET_KEY = 'chronos-test-secret';

const PROGRAMS: readonly S3Program[] = [
  {
    name: 'minio',
    variable: 'CHRONOS_TEST_MINIO',
    goPackage: 'github.com/minio/minio',
    version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
    environment: { MINIO_ROOT_USER: S3_ACCESS_KEY, MINIO_ROOT_PASSWORD: S3_SECRET_KEY, MINIO_BROWSER: 'off' },
    commandLine: (port, folder) => ['server', '--quiet', '--address', `127.0.0.1:${port}`, join(folder, 'data')],
  },
  {
    name: 'versitygw',
    variable: 'CHRONOS_TEST_VERSITYGW',
    goPackage: 'github.com/versity/versitygw/cmd/versitygw',
    version: 'v1.8.0',
    environment: { ROOT_ACCESS_KEY: S3_ACCESS_KEY, ROOT_SECRET_KEY: S3_SECRET_KEY },
    commandLine: (port, folder) => [
      ...['--quiet', '--port', `127.0.0.1:${port}`, 'posix'],
      ...['--versioning-dir', join(folder, 'versions'), join(folder, 'data')],
    ],
  },
];

/** A program of S3 that is there to be started. */
export interface S3Installed {
  readonly program: S3Program;
  readonly binary: Binary;
}

/**
 * The S3 servers to test with, by preference: MinIO, then versitygw. Each is the one its variable names, else the one on
 * the PATH, else one kept from an earlier run, else built by `go install`. One that cannot be had is told and left out.
 */
export async function installS3Servers(progress: Progress = console.log): Promise<readonly S3Installed[]> {
  const wanted = process.env.CHRONOS_TEST_S3_SERVERS?.split(',') ?? PROGRAMS.map(({ name }) => name);
  const programs = PROGRAMS.filter(({ name }) => wanted.includes(name));
  const installed = await Promise.all(programs.map((program) => install(program, progress)));
  return installed.filter((server) => server !== undefined);
}

async function install(program: S3Program, progress: Progress): Promise<S3Installed | undefined> {
  const { name, variable, version } = program;
  const ready: readonly Source[] = [
    { from: variable, find: async () => process.env[variable] },
    { from: 'the PATH', find: () => onPath(name) },
    { from: 'the cache', find: () => inCache(`${name}-${version}`) },
  ];
  const built: Source = { from: `go install ${program.goPackage}@${version}`, find: () => goInstall(program) };
  const firstOf = (sources: readonly Source[]) => first(name, sources, progress, firstLine);
  try {
    const binary = await firstOf(ready).catch(() => whileInstalling(name, () => firstOf([...ready, built])));
    return { program, binary };
  } catch (error) {
    progress(`${name} is left out. ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

async function firstLine(binary: string): Promise<string> {
  const { stdout, stderr } = await run(binary, ['--version']);
  return (stdout + stderr).split('\n')[0]?.trim() ?? '';
}

const GO_BUILD_TIMEOUT_MS = 900_000;

async function goInstall({ name, goPackage, version }: S3Program): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `chronos-${name}-`));
  try {
    const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0' };
    await run('go', ['install', `${goPackage}@${version}`], { env, timeout: GO_BUILD_TIMEOUT_MS, maxBuffer: 2 ** 26 });
    return await keepInCache(`${name}-${version}`, join(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A running server, and how to reach it. */
export interface S3Server {
  readonly name: string;
  readonly endpoint: string;
}

export interface RunningS3 extends S3Server {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1; its data is gone after `stop()`.
 *
 * @param place the folder in which its data is kept meanwhile
 */
export async function startS3({ program, binary }: S3Installed, place: string = tmpdir()): Promise<RunningS3> {
  const folder = await mkdtemp(join(place, `chronos-${program.name}-data-`));
  await Promise.all(['data', 'versions'].map((name) => mkdir(join(folder, name))));
  const port = await freePort();
  const env = { ...process.env, ...program.environment };
  const child = spawn(binary.path, [...program.commandLine(port, folder)], { env, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false }).then(() => child.kill('SIGKILL'))]);
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  if (await answers(endpoint, ended)) return { name: program.name, endpoint, pid: child.pid as number, stop };
  await stop();
  throw new Error(`${program.name} did not start`);
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/** Whether a server answers at all: before it can serve it refuses connections, or says that it is not ready (503). */
async function answers(endpoint: string, ended: Promise<void>): Promise<boolean> {
  let hasEnded = false;
  ended.then(() => {
    hasEnded = true;
  });
  for (const started = Date.now(); Date.now() - started < START_TIMEOUT_MS && !hasEnded; await sleep(POLL_MS)) {
    const status = await fetch(`${endpoint}/minio/health/ready`).then(
      (answer) => answer.status,
      () => 503,
    );
    if (status !== 503) return true;
  }
  return false;
}

function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve((address as { port: number }).port));
    });
  });
}
