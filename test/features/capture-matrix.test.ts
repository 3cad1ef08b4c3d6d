import { describe, expect, test } from 'vitest';
import { UnversionedWriteError } from '../../src/index.ts';
import { probe } from '../support/capture-matrix.ts';
import { testDatabase } from '../support/database.ts';
import { WRITE_PATHS } from '../support/write-paths.ts';

const mongoose = await testDatabase();

test('the 24 paths by which the peers were measured are all there', () => {
  expect(WRITE_PATHS.filter(({ core }) => core)).toHaveLength(24);
});

describe.each([
  ['', { adopted: false }],
  ['from before the plugin: ', { adopted: true }],
])('%sone version per changed document, the result of plain Mongoose', (_title, options) => {
  test.each(
    WRITE_PATHS.filter(({ refused }) => !refused).map((path) => [`${path.group}: ${path.name}`, path] as const),
  )('%s', async (_name, path) => {
    const { plain, versioned, gapless } = await probe(mongoose, path, options);
    expect(versioned.result).toEqual(plain.result);
    expect(versioned.documents).toEqual(plain.documents);
    expect(versioned.changes).toEqual(plain.changes);
    expect(gapless).toBe(true);
  });
});

test.each(WRITE_PATHS.filter(({ refused }) => refused).map((path) => [path.name, path] as const))(
  '%s is refused',
  async (_name, path) => {
    await expect(probe(mongoose, path)).rejects.toThrow(UnversionedWriteError);
  },
);
