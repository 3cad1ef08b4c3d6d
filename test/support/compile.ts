import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** How long a test may take that compiles. */
export const COMPILE_TIMEOUT = 300_000;

/** The folder of this repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc');

/** Runs TypeScript's compiler and gives all that it says: nothing where there is nothing wrong. */
export async function compile(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, ...args], { cwd: root }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}
