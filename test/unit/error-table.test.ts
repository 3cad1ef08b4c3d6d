import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as errors from '../../src/errors.ts';

test('the table of errors in the README has each error of the library once', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const listed = [...readme.matchAll(/^\| `(\w+Error)` \|/gm)].map(([, name]) => name);
  const exported = Object.keys(errors).filter((name) => name.endsWith('Error') && name !== 'ChronosError');
  expect(listed.toSorted()).toEqual(exported.toSorted());
});
