import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it, test } from 'vitest';
import { FilePayloadStore, fileBuckets } from '../../src/payload/stores/file-payload-store.ts';
import { testPayloadStore } from '../../src/testing.ts';

const root = await mkdtemp(join(tmpdir(), 'chronos-files-'));
afterAll(() => rm(root, { recursive: true, force: true }));

testPayloadStore({ test, create: () => new FilePayloadStore(join(root, 'conformance')) });

const separators = ['/', '\\', '//', '%2f', '%5c', '/./'];
const ups = ['..', '.', '%2e%2e', '..;', '....', '. .', '..%00', '\u2025', '~'];
const traversals = [
  ...ups.flatMap((up) => separators.map((separator) => `${up}${separator}secret`)),
  '/etc/passwd', 'C:\\secret', 'C:/secret', '\\\\host\\share', 'file:///etc/passwd', 'a/../../secret', 'a/b/../../../secret', 'secret\0.json',
]; // biome-ignore format: a line of them is enough

describe('the directory', () => {
  let base: string;
  let outside: string;
  let store: FilePayloadStore;

  beforeEach(async () => {
    const folder = await mkdtemp(join(root, 'case-'));
    base = join(folder, 'base');
    outside = join(folder, 'secret');
    await mkdir(base);
    await writeFile(outside, 'untouched');
    store = new FilePayloadStore(base);
  });

  it('is not left by any key', async () => {
    expect(traversals.length).toBeGreaterThanOrEqual(60);
    for (const key of traversals) {
      await store.put(key, Buffer.from('overwritten')).catch(() => {});
      const read = await store.get(key).then(
        (bytes) => Buffer.from(bytes).toString(),
        () => 'refused',
      );
      expect([key, read === 'refused' || read === 'overwritten']).toEqual([key, true]);
      await store.delete(key).catch(() => {});
      expect([key, await readFile(outside, 'utf8')]).toEqual([key, 'untouched']);
    }
    expect((await readdir(join(base, '..'))).sort()).toEqual(['base', 'secret']);
  });

  it('is not left by symbolic links', async () => {
    const folder = join(base, '..');
    await symlink(folder, join(base, 'link'));
    await symlink(outside, join(base, 'file'));
    await mkdir(join(base, 'inner'));
    await symlink(join(base, 'inner'), join(base, 'within'));
    const refused = { name: 'StorageError' };
    for (const key of ['link/secret', 'within/a']) {
      await expect(store.put(key, Buffer.from('x'))).rejects.toMatchObject(refused);
      await expect(store.get(key)).rejects.toMatchObject(refused);
      await expect(store.head(key)).rejects.toMatchObject(refused);
      await expect(store.delete(key)).rejects.toMatchObject(refused);
    }
    await expect(store.get('file')).rejects.toMatchObject(refused);
    await expect(store.stream('file')).rejects.toMatchObject(refused);
    expect(await store.head('file')).toBeUndefined();
    expect((await store.list('')).objects).toEqual([]);
    await store.put('file', Buffer.from('own'));
    expect(await readFile(outside, 'utf8')).toBe('untouched');
    expect((await readdir(folder)).sort()).toEqual(['base', 'secret']);
  });

  it('may itself be reached through one', async () => {
    await symlink(base, join(base, '..', 'alias'));
    const aliased = new FilePayloadStore(join(base, '..', 'alias'));
    await aliased.put('a/b', Buffer.from('x'));
    expect(Buffer.from(await store.get('a/b')).toString()).toBe('x');
  });

  it('does not keep what is half written, nor directories that are empty', async () => {
    const failing = async function* () {
      yield Buffer.from('half');
      expect(await readdir(join(base, '.partial'))).toHaveLength(1);
      throw new Error('stop');
    };
    await expect(store.put('a/b/c', failing())).rejects.toThrow('stop');
    expect(await readdir(join(base, '.partial'))).toEqual([]);
    await store.put('a/b/c', Buffer.from('x'));
    await store.delete('a/b/c');
    expect(await readdir(base)).toEqual(['.partial']);
  });

  it('is swept of what a crash left half written', async () => {
    await store.put('a', Buffer.from('x'));
    const [old, fresh] = ['old', 'fresh'].map((name) => join(base, '.partial', name)) as [string, string];
    await writeFile(old, 'half');
    await writeFile(fresh, 'half');
    await utimes(old, new Date(1000), new Date(1000));
    expect(await store.sweepInterrupted(new Date(2000))).toBe(1);
    expect(await readdir(join(base, '.partial'))).toEqual(['fresh']);
    expect(await store.sweepInterrupted(new Date(Date.now() + 60_000))).toBe(1);
  });

  it('keeps objects while others beside them are put and deleted', async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        await store.put(`a/b/${index}`, Buffer.from(String(index)));
        if (index % 2 === 0) await store.delete(`a/b/${index}`);
      }),
    );
    expect((await store.list('a/')).objects).toHaveLength(100);
  });

  it('gives an address that a person can open', async () => {
    const { url } = await store
      .put('a b/\u00e9#?.json', Buffer.from('x'))
      .then(() => store.presign('a b/\u00e9#?.json'));
    expect(url).toMatch(/^file:\/\/\//);
    expect(await readFile(fileURLToPath(url), 'utf8')).toBe('x');
  });
});

test('four directories lie below one', async () => {
  const base = join(root, 'buckets');
  const { json, content, versions, backup } = fileBuckets(base);
  for (const store of [json, content, versions, backup]) await store.put('a', Buffer.from('x'));
  expect((await readdir(base)).sort()).toEqual(['backup', 'content', 'json', 'versions']);
});
