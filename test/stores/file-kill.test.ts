import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { listAll } from '../../src/payload/payload-store.ts';
import { FilePayloadStore } from '../../src/payload/stores/file-payload-store.ts';

const KILLS = 10;
const folder = await mkdtemp(join(tmpdir(), 'chronos-kill-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Kills a process that puts objects, a little later each time. */
async function putAndKill(afterMs: number): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--import', './test/support/typescript.mjs', fileURLToPath(new URL('put-forever.ts', import.meta.url)), folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  setTimeout(() => child.kill('SIGKILL'), afterMs);
  await exit;
}

test('a directory whose writers are killed holds whole objects only, and can be swept', async () => {
  const store = new FilePayloadStore(folder);
  for (let kill = 0; kill < KILLS; kill++) {
    await putAndKill(kill * 7);
    for await (const { key, length } of listAll(store, 'folder/')) {
      const content = Buffer.from(await store.get(key)).toString();
      expect(length).toBe(300_000 + Number(key.at(-1)));
      expect(content === content[0]?.repeat(length)).toBe(true);
    }
  }
  const swept = await store.sweepInterrupted(new Date(Date.now() + 60_000));
  expect(swept).toBeGreaterThan(0);
  expect(await store.sweepInterrupted(new Date(Date.now() + 60_000))).toBe(0);
});
