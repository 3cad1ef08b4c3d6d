import { expect, test } from 'vitest';
import { KeyFilter } from '../../../src/offload/key-filter.ts';

const keys = (name: string, count: number) =>
  Array.from({ length: count }, (_, n) => `app/files/${name}/v${n}/item.json`);

test('a filter knows every key that was added, and takes hardly any other for one', () => {
  const filter = new KeyFilter(100_000);
  const added = keys('added', 100_000);
  for (const key of added) filter.add(key);
  expect(added.every((key) => filter.mayHave(key))).toBe(true);
  // One in 1,700 where it is full.
  expect(keys('other', 100_000).filter((key) => filter.mayHave(key)).length).toBeLessThan(200);
});

test('what one filter takes for a key the next one does not', () => {
  const mistaken = () => {
    const filter = new KeyFilter(0);
    for (const key of keys('added', 150_000)) filter.add(key);
    return keys('other', 20_000).filter((key) => filter.mayHave(key));
  };
  const both = new Set(mistaken());
  const again = mistaken().filter((key) => both.has(key));
  expect(both.size).toBeGreaterThan(100);
  expect(again.length).toBeLessThan(both.size / 2);
});
