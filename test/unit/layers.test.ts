import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

/**
 * The folders of `src/`, from the top down: each may import those in the lines below its own, and not those beside it.
 * Files that lie in `src/` itself are leaves, but for the entries and the plugin.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['(index)'],
  ['client'],
  ['tenancy'],
  ['entity'],
  ['(plugin)'],
  ['api'],
  ['admin'],
  ['capture'],
  ['restore', 'enrich'],
  ['counters'],
  ['history'],
  ['retention'],
  ['commit'],
  ['offload'],
  ['config'],
  ['payload'],
  ['system'],
  ['bson'],
  ['(leaf)'],
];

/** What the package offers to import. */
const ENTRIES = new Set(['index.ts', 's3.ts', 'testing.ts']);

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function folderOf(file: string): string {
  const [folder, inside] = file.split('/');
  if (inside !== undefined) return folder as string;
  return ENTRIES.has(file) ? '(index)' : file === 'plugin.ts' ? '(plugin)' : '(leaf)';
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map(([, path]) => relative(SRC, join(SRC, dirname(file), path as string)));
}

const levelOf = (folder: string) => LAYERS.findIndex((layer) => layer.includes(folder));

test('each folder has its place', () => {
  const folders = new Set(files.map(folderOf));
  expect([...folders].filter((folder) => levelOf(folder) === -1)).toEqual([]);
});

test('imports point downwards', () => {
  const upward = files.flatMap((file) =>
    importsOf(file)
      .filter((imported) => isUpward(file, imported))
      .map((imported) => `${file} imports ${imported}`),
  );
  expect(upward).toEqual([]);
});

function isUpward(file: string, imported: string): boolean {
  const [from, to] = [folderOf(file), folderOf(imported)];
  return imported.startsWith('..') || (from !== to && levelOf(to) <= levelOf(from));
}

test('payload/ knows bytes and keys, and no Mongoose', () => {
  const knowing = files.filter(
    (file) => file.startsWith('payload/') && /from 'mongoose'/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  expect(knowing).toEqual([]);
});
