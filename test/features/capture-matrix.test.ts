import { describe, expect, test } from 'vitest';
import { UnversionedWriteError } from '../../src/index.ts';
import { probe } from '../support/capture-matrix.ts';
import { testDatabase } from '../support/database.ts';
import { WRITE_PATHS, type WritePath } from '../support/write-paths.ts';

const mongoose = await testDatabase();

const titled = (paths: readonly WritePath[]) => paths.map((path) => [`${path.group}: ${path.name}`, path] as const);
const captured = WRITE_PATHS.filter(({ refused, atomic }) => !refused && !atomic);

test('the 24 paths that are taken with other libraries too are all there', () => {
  expect(WRITE_PATHS.filter(({ core }) => core)).toHaveLength(24);
});

describe('one version per changed document, and the result of plain Mongoose', () => {
  test.each(titled(captured))('%s', async (_title, path) => {
    const { plain, versioned, gapless } = await probe(mongoose, path);
    expect(versioned.result).toEqual(plain.result);
    expect(versioned.documents).toEqual(plain.documents);
    expect(versioned.changes).toEqual(plain.changes);
    expect(gapless).toBe(true);
  });
});

describe('the same for documents from before the plugin', () => {
  test.each(titled(captured.filter(({ core, group }) => core || group === 'bulk')))('%s', async (_title, path) => {
    const { plain, versioned, gapless } = await probe(mongoose, path, { adopted: true });
    expect(versioned).toEqual(plain);
    expect(gapless).toBe(true);
  });
});

test.each(titled(WRITE_PATHS.filter(({ atomic }) => atomic)))('%s: fails as a whole', async (_title, path) => {
  const { plain, versioned, records } = await probe(mongoose, path);
  expect(versioned.result).toEqual(plain.result);
  expect(versioned.changes).toEqual([]);
  expect(records).toBe(0);
});

test.each(titled(WRITE_PATHS.filter(({ refused }) => refused)))('%s: refused', async (_title, path) => {
  await expect(probe(mongoose, path)).rejects.toThrow(UnversionedWriteError);
});
