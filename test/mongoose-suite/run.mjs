// Mongoose's own test suite, without and with the plugin: `npm run test:mongoose -- CHECKOUT`, where CHECKOUT is a
// clone of github.com/Automattic/mongoose with its dependencies installed. A test that passes without the plugin and
// does not pass with it is a regression, and the run exits with 1.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, open, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import '../support/typescript.mjs';

const USAGE = `Usage: npm run test:mongoose -- CHECKOUT [options]
  --only GLOB       run only these test files, e.g. --only "test/model.*" (may be repeated)
  --baseline-only   run without the plugin and keep the result for later runs
  --plugin-only     run with the plugin only; without a kept baseline every failing test counts
  --once            do not run the files with failures a second time, alone
  --uri URI         a one-node replica set to use instead of starting one (also: MONGOOSE_TEST_URI)
  --timeout MS      for tests that set none (default: 20000)`;

const PROGRESS_MS = 30_000;
const STALLED_MS = 300_000;
const LOG_LINES = 30;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const { checkout, options } = readArguments();
const { serverCache } = await import('../support/server-cache.ts');
const { startMongo } = await import('../support/servers.ts');
const cache = join(serverCache(), 'mongoose-suite');
const workFolder = join(cache, `run-${process.pid}`);
await mkdir(workFolder, { recursive: true });

// Without this an interrupt would leave mocha and mongod running.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const server = await startServer();
try {
  process.exitCode = await main();
} finally {
  await server.stop();
  await rm(workFolder, { recursive: true });
}

function readArguments() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true },
        'baseline-only': { type: 'boolean' },
        'plugin-only': { type: 'boolean' },
        once: { type: 'boolean' },
        uri: { type: 'string', default: process.env.MONGOOSE_TEST_URI },
        timeout: { type: 'string', default: '20000' },
      },
    });
    if (positionals.length !== 1) throw new Error('Name one checkout of Mongoose');
    return { checkout: resolve(positionals[0]), options: values };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return process.exit(2);
  }
}

async function main() {
  const files = (await testFiles()).filter(isWanted);
  if (files.length === 0) throw new Error(`No test file of ${checkout} is wanted`);
  const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
  console.log(`mongoose ${version}, mongod ${server.version}, node ${process.version}, ${files.length} test files`);

  const baseline = await baselineOf(files);
  if (options['baseline-only']) {
    list('failing without the plugin', inState(baseline, 'failed'));
    return 0;
  }
  await installPlugin();
  const withPlugin = await run('plugin', files, ['--require', here('preload.cjs')]);
  await writeFile(join(cache, 'plugin.json'), JSON.stringify([...withPlugin.values()], null, 1));
  return report(baseline, withPlugin);
}

async function testFiles() {
  const names = await readdir(join(checkout, 'test'), { recursive: true });
  const paths = names.map((name) => `test/${name.split(sep).join('/')}`);
  return paths.filter((path) => path.endsWith('.test.js') && !path.startsWith('test/encryption/')).sort();
}

function isWanted(file) {
  return options.only === undefined || options.only.some((glob) => toPattern(glob).test(file));
}

function toPattern(glob) {
  const parts = glob.split(/(\*\*\/|\*\*|\*|\?)/).map((part) => {
    const wildcards = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };
    return wildcards[part] ?? part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`);
}

/** As npm would do it for an app: the plugin finds the Mongoose of the checkout next to it, not the one of its tests. */
async function installPlugin() {
  const root = here('../..');
  const modules = join(workFolder, 'node_modules');
  const { name, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const part of ['package.json', 'dist']) {
    await cp(join(root, part), join(modules, name, part), { recursive: true });
  }
  await symlink(checkout, join(modules, 'mongoose'), 'junction');
  for (const dependency of Object.keys(dependencies)) {
    await symlink(join(root, 'node_modules', dependency), join(modules, dependency), 'junction');
  }
}

/** Kept per file, so that a run of a few files adds to what is there, and a run of all leaves nothing to do. */
async function baselineOf(files) {
  const kept = join(cache, `baseline-${await fingerprint()}.json`);
  const stored = JSON.parse(await readFile(kept, 'utf8').catch(() => '{}'));
  const absent = options['baseline-only'] ? files : files.filter((file) => stored[file] === undefined);
  if (absent.length > 0 && options['plugin-only']) return undefined;
  if (absent.length > 0) {
    const results = [...(await run('baseline', absent, [])).values()];
    for (const file of absent) stored[file] = results.filter((test) => test.file === file);
    await writeFile(`${kept}.partial`, JSON.stringify(stored));
    await rename(`${kept}.partial`, kept);
  }
  const baseline = new Map(files.flatMap((file) => stored[file]).map((test) => [test.key, test]));
  if (absent.length === 0) console.log(`baseline: ${totals(baseline)} (kept in ${kept})`);
  return baseline;
}

/** Differs whenever a result of the baseline may. */
async function fingerprint() {
  const hash = createHash('sha256').update(`${process.version} ${server.version} ${options.timeout}`);
  for (const folder of ['lib', 'test']) {
    const names = await readdir(join(checkout, folder), { recursive: true });
    for (const name of names.filter((name) => name.endsWith('.js')).sort()) {
      hash.update(name).update(await readFile(join(checkout, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Runs the files in one process, as upstream does, then those with failures one by one. */
async function run(what, files, mochaOptions) {
  const started = performance.now();
  const results = await mocha(what, files, mochaOptions);
  const failing = new Set(inState(results, 'failed').map(({ file }) => file));
  if (!options.once) {
    for (const file of files.filter((file) => failing.has(file))) {
      settle(results, file, await mocha(`${what}, alone`, [file], mochaOptions));
    }
  }
  console.log(`${what}: ${totals(results)} (${Math.round((performance.now() - started) / 1000)} s)`);
  return results;
}

/** A failure that does not come again when the file runs alone is listed, but does not count. */
function settle(results, file, alone) {
  const isWhole = !inState(alone, 'failed').some(({ isHook }) => isHook);
  for (const test of inState(results, 'failed').filter((test) => test.file === file)) {
    const passes = test.isHook ? isWhole : alone.get(test.key)?.state === 'passed';
    if (passes) results.set(test.key, { ...test, state: 'passed', unsteady: true });
  }
  // A hook that failed kept the tests after it from running.
  for (const [key, test] of alone) if (!results.has(key)) results.set(key, test);
}

/** Runs mocha and returns what became of each test by a key that is the same in every run. */
async function mocha(what, files, mochaOptions) {
  const name = what.replaceAll(/\W+/g, '-');
  const record = join(workFolder, `${name}.jsonl`);
  const log = await open(join(workFolder, `${name}.log`), 'w');
  await writeFile(record, '');
  await server.abortTransactions();
  const flags = ['--exit', '--timeout', options.timeout, '--reporter', here('reporter.cjs')];
  const child = spawn(
    process.execPath,
    ['node_modules/mocha/bin/mocha.js', ...flags, '--reporter-option', `output=${record}`, ...mochaOptions, ...files],
    {
      cwd: checkout,
      env: {
        ...process.env,
        START_REPLICA_SET: '1',
        MONGOOSE_TEST_URI: server.uri,
        MONGOOSE_REPLSET_URI: server.uri,
        CHRONOS_INSTALLED_IN: workFolder,
      },
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    },
  );
  const kill = () => process.kill(-child.pid, 'SIGKILL');
  process.once('exit', kill);
  const watch = watchProgress(what, record, kill);
  await once(child, 'close');
  clearInterval(watch);
  process.off('exit', kill);
  await log.close();

  const lines = await linesOf(record);
  if (lines.at(-1)?.state !== 'end') {
    const last = lines.at(-1);
    const after = last === undefined ? 'before any test' : `after ${last.file}: ${last.title}`;
    console.log(`${what}: mocha died ${after}\n${await tailOf(join(workFolder, `${name}.log`))}`);
  }
  return keyed(lines.filter(({ state }) => state !== 'end'));
}

async function tailOf(file) {
  return (await readFile(file, 'utf8')).split('\n').slice(-LOG_LINES).join('\n');
}

function watchProgress(what, record, kill) {
  let seen = -1;
  let since = performance.now();
  return setInterval(async () => {
    const lines = await linesOf(record);
    if (lines.length !== seen) since = performance.now();
    seen = lines.length;
    const failed = lines.filter(({ state }) => state === 'failed').length;
    console.log(`${what}: ${seen} tests, ${failed} failed, in ${lines.at(-1)?.file}`);
    if (performance.now() - since > STALLED_MS) kill();
  }, PROGRESS_MS);
}

async function linesOf(record) {
  const text = await readFile(record, 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Titles repeat within a file; a test that passes and then fails, by a late error, has failed. */
function keyed(lines) {
  const results = new Map();
  const timesSeen = new Map();
  for (const line of lines) {
    const name = `${line.file} ${line.title}`;
    const times = timesSeen.get(name) ?? 0;
    const previous = results.get(`${name} #${times}`);
    const isLateError = line.state === 'failed' && previous?.id === line.id;
    const key = isLateError ? previous.key : `${name} #${times + 1}`;
    if (!isLateError) timesSeen.set(name, times + 1);
    results.set(key, { ...line, key });
  }
  return results;
}

function report(baseline, withPlugin) {
  const before = (test) => baseline?.get(test.key)?.state;
  const tests = [...withPlugin.values()];
  const missing = [...(baseline?.values() ?? [])].filter(({ key }) => !withPlugin.has(key));
  const regressions = [
    ...tests.filter((test) => test.state !== 'passed' && before(test) === 'passed'),
    ...tests.filter((test) => test.state === 'failed' && !['passed', 'failed'].includes(before(test))),
    ...missing.filter(({ state }) => state === 'passed').map((test) => ({ ...test, state: 'missing' })),
  ];
  const gained = (test) =>
    baseline !== undefined && !test.unsteady && test.state === 'passed' && before(test) !== 'passed';
  list('passing only with the plugin', tests.filter(gained));
  const failsInBoth = (test) => test.state === 'failed' && before(test) === 'failed';
  list('failing in both', tests.filter(failsInBoth));
  const unsteady = tests.filter((test) => test.unsteady);
  list('failed at first, not when their file ran alone', unsteady);
  list('REGRESSIONS', regressions);
  console.log(`${regressions.length} regressions`);
  return regressions.length === 0 ? 0 : 1;
}

function list(what, tests) {
  if (tests.length === 0) return;
  console.log(`\n${what}: ${tests.length}`);
  for (const file of new Set(tests.map((test) => test.file))) {
    console.log(`  ${file || 'hooks of no file'}`);
    for (const { title, state, error } of tests.filter((test) => test.file === file)) {
      console.log(`    ${state}: ${title}`);
      if (error !== undefined) console.log(error.replaceAll(/^/gm, '      '));
    }
  }
  console.log();
}

function inState(results, state) {
  return [...results.values()].filter((test) => test.state === state);
}

function totals(results) {
  const counts = ['passed', 'failed', 'pending'].map((state) => `${inState(results, state).length} ${state}`);
  return `${results.size} tests, ${counts.join(', ')}`;
}

async function startServer() {
  const { uri, stop } = options.uri ? { uri: options.uri, stop: async () => {} } : await startMongo();
  // The driver of the checkout, which also shows that its dependencies are there.
  const { MongoClient } = createRequire(join(checkout, 'index.js'))('mongodb');
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  const admin = client.db('admin');
  const stopBoth = async () => {
    await client.close();
    await stop();
  };
  try {
    const { setName } = await admin.command({ hello: 1 });
    if (setName === undefined) throw new Error(`${uri} is not a replica set: the plugin needs transactions`);
    const { version } = await admin.command({ buildInfo: 1 });
    /** A test that fails within a transaction leaves it open, and the next to drop the database would wait for it. */
    const abortTransactions = () => admin.command({ killAllSessions: [] });
    return { uri, version, abortTransactions, stop: stopBoth };
  } catch (error) {
    await stopBoth();
    throw error;
  }
}
