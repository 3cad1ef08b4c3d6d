import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the types hold with Mongoose 8 as they do with 9', { timeout: 120_000 }, async () => {
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [compiler, '-p', 'test/types/tsconfig.mongoose8.json'],
    { cwd: root },
  ).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
});
