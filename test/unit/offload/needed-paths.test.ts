import { expect, it } from 'vitest';
import { pathsOfSort } from '../../../src/offload/needed-paths.ts';

it.each([
  [{ a: 1, 'b.c': -1 }, ['a', 'b.c']],
  [new Map([['a', -1]]), ['a']],
  [
    [
      ['a', 1],
      ['b', -1],
    ],
    ['a', 'b'],
  ],
  ['a', ['a']],
  [{ score: { $meta: 'textScore' } }, []],
  [undefined, []],
])('the sort %j looks at the paths %j', (sort, paths) => {
  expect(pathsOfSort(sort)).toEqual(paths);
});
