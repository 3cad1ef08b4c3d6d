import { expect, it } from 'vitest';
import { formatPath } from '../../src/format-path.ts';

it.each([
  [[], ''],
  [['a', 'b', 0, 'c'], 'a.b[0].c'],
  [['a', 1, 2], 'a[1][2]'],
  [['prices', '10.5', 'é'], 'prices["10.5"].é'],
  [['', 'a"b', 'x[0]'], '[""]["a\\"b"]["x[0]"]'],
  [['1'], '1'],
])('formatPath(%j) is %s', (path, text) => {
  expect(formatPath(path)).toBe(text);
});
