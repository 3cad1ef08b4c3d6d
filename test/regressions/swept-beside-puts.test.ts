import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FilePayloadStore } from '../../src/payload/stores/file-payload-store.ts';

test('files that are finished while interrupted ones are looked for are none of them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'chronos-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const store = new FilePayloadStore(directory);
  let isWriting = true;
  const writers = Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 40; n++) await store.put(`${writer}/${n}`, Buffer.from('x'));
    }),
  ).finally(() => {
    isWriting = false;
  });
  while (isWriting) expect(await store.sweepInterrupted(new Date(0))).toBe(0);
  await writers;
});
