import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eachAtOnce } from '../../../src/offload/at-once.ts';
import { gate } from '../../support/gate.ts';

const numbers = (length: number) => Array.from({ length }, (_, n) => n);

test('eachAtOnce does something with each item, with no more of them at once than it may', async () => {
  const done: number[] = [];
  let [running, most] = [0, 0];
  await eachAtOnce(numbers(20), 3, async (n) => {
    most = Math.max(most, ++running);
    await setImmediate();
    running -= 1;
    done.push(n);
  });
  expect(done).toEqual(numbers(20));
  expect(most).toBe(3);
});

test('eachAtOnce ends with the first error, also of an item that fails while the next one is awaited', async () => {
  const failed = gate();
  async function* items() {
    yield 0;
    await failed.opened;
    yield 1;
    yield 2;
  }
  const begun: number[] = [];
  const all = eachAtOnce(items(), 3, async (n) => {
    begun.push(n);
    if (n > 0) return;
    queueMicrotask(failed.open);
    throw new Error('The first one');
  });
  await expect(all).rejects.toThrow('The first one');
  expect(begun).toEqual([0]);
});
