import { expect, test } from 'vitest';
import { Lane, type Waiting } from '../../../src/commit/lane.ts';

interface Write {
  readonly id: number;
  readonly value: string;
}

/** A lane whose waves are carried out when the test says so. */
function lane() {
  const waves: string[][] = [];
  const pending: (() => void)[] = [];
  const carryOut = async (wave: readonly Waiting<Write, string>[]) => {
    waves.push(wave.map(({ write }) => write.value));
    await new Promise<void>((resolve) => pending.push(resolve));
    for (const { write, resolve } of wave) resolve(write.value);
  };
  const subject = new Lane<Write, string>(({ id }) => {
    if (Number.isNaN(id)) throw new TypeError('No key');
    return String(id);
  }, carryOut);
  return { subject, waves, finish: () => pending.shift()?.() };
}

const write = (id: number, value: string): Write => ({ id, value });

test('who arrives while a wave is on its way travels in the next one', async () => {
  const { subject, waves, finish } = lane();
  const first = subject.submit(write(1, 'a'));
  const later = [subject.submit(write(2, 'b')), subject.submit(write(3, 'c'))];
  expect(waves).toEqual([['a']]);
  finish();
  await first;
  await expect.poll(() => waves).toEqual([['a'], ['b', 'c']]);
  finish();
  expect(await Promise.all(later)).toEqual(['b', 'c']);
});

test('writes of one document never share a wave and keep their order', async () => {
  const { subject, waves, finish } = lane();
  const all = [write(0, 'go'), write(1, 'a1'), write(1, 'a2'), write(2, 'b1'), write(1, 'a3')].map((one) =>
    subject.submit(one),
  );
  for (const expected of [1, 2, 3, 4]) {
    await expect.poll(() => waves.length).toBe(expected);
    finish();
  }
  await Promise.all(all);
  expect(waves).toEqual([['go'], ['a1', 'b1'], ['a2'], ['a3']]);
});

test('a write without a key is refused alone, and the lane goes on', async () => {
  const { subject, finish } = lane();
  await expect(subject.submit(write(Number.NaN, 'bad'))).rejects.toThrow('No key');
  const next = subject.submit(write(1, 'good'));
  finish();
  expect(await next).toBe('good');
});
