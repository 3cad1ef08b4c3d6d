import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readmeExample, withMain, withRequire } from './readme-example.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);
const { devDependencies } = createRequire(import.meta.url)('../../package.json');
const shell = process.platform === 'win32';

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chronos-package-'));
  const pack = ['pack', '--silent', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: fileURLToPath(root), shell });
  tarball = join(folder, stdout.trim().split('\n').at(-1)!);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const STORES = `
import { MemoryPayloadStore } from 'mongoose-chronos';
import { s3Buckets } from 'mongoose-chronos/s3';
import { testPayloadStore } from 'mongoose-chronos/testing';
const tests = [];
testPayloadStore({ test: (title, run) => tests.push(run), create: () => new MemoryPayloadStore() });
for (const run of tests) await run();
const buckets = { json: 'j', content: 'c', versions: 'v', backup: 'b' };
const error = await s3Buckets({ region: 'us-east-1', buckets }).json.get('a').catch((error) => error);
console.log(JSON.stringify({ passed: tests.length > 10, error: [error.name, error.message] }));
`;

describe.each(['module', 'commonjs'] as const)('in an empty app of type %s', (type) => {
  let app: string;

  beforeAll(async () => {
    app = join(folder, type);
    await mkdir(app);
    await writeFile(join(app, 'package.json'), JSON.stringify({ name: `an-${type}-app`, private: true, type }));
    const packages = ['mongoose', 'typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`);
    await run('npm', ['install', '--ignore-scripts', '--prefer-offline', tarball, ...packages], { cwd: app, shell });
  });

  test("the README's first example runs as JavaScript", async () => {
    const example = readmeExample(new URL('README.md', root));
    await writeFile(join(app, 'example.js'), type === 'module' ? example : withMain(withRequire(example)));
    expect(await output('example.js', `readme-${type}-js`)).not.toBe('');
  });

  test("the README's first example compiles under strict and runs as TypeScript", async () => {
    const example = readmeExample(new URL('README.md', root));
    await writeFile(join(app, 'typed.ts'), type === 'module' ? example : withMain(example));
    const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'];
    await node(['node_modules/typescript/bin/tsc', ...options, 'typed.ts']);
    expect(await output('typed.js', `readme-${type}-ts`)).not.toBe('');
  });

  test('stores of objects need the AWS SDK when S3 is used, and not before', async () => {
    await writeFile(join(app, 'stores.js'), type === 'module' ? STORES : withMain(withRequire(STORES)));
    expect(JSON.parse(await node(['stores.js']))).toEqual({
      passed: true,
      error: ['ConfigError', expect.stringContaining('npm install @aws-sdk/client-s3')],
    });
  });

  const output = (file: string, database: string): Promise<string> => {
    const uri = new URL(inject('mongoUri'));
    uri.pathname = database;
    return node([file], { MONGODB_URI: uri.href });
  };

  async function node(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { stdout } = await run(process.execPath, args, { cwd: app, env: { ...process.env, ...env } });
    return stdout;
  }
});
