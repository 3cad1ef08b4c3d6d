import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys } from '../object-key.ts';
import { unlessMissing } from './file-errors.ts';

interface Bounds {
  readonly prefix: string;
  readonly after: string | undefined;
}

/** The keys of all files below a directory, in order. Directories that can hold none of them are not read. */
export async function* keysBelow(directory: string, base: string, bounds: Bounds): AsyncGenerator<string> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(noEntries);
  const paths = entries
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isFile()))
    .map((entry) => ({ name: entry.name, path: base + entry.name + (entry.isDirectory() ? '/' : '') }));
  for (const { name, path } of paths.sort((a, b) => compareKeys(a.path, b.path))) {
    if (!mayHold(path, bounds)) continue;
    if (path.endsWith('/')) yield* keysBelow(join(directory, name), path, bounds);
    else yield path;
  }
}

function mayHold(path: string, { prefix, after }: Bounds): boolean {
  const inPrefix = path.startsWith(prefix) || (path.endsWith('/') && prefix.startsWith(path));
  const isAfter = after === undefined || compareKeys(path, after) > 0 || (path.endsWith('/') && after.startsWith(path));
  return inPrefix && isAfter;
}

function noEntries(error: unknown): Dirent[] {
  return unlessMissing(error) ?? [];
}
