import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BeyondRetentionError, type ItemListOptions, VersioningDisabledError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, mongoose, prefix } = await testRegistries();
const { ObjectId } = mongoose.Types;

const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}own` },
      { key: 'other', mongoConnKey: 'main', tenantId: 'b', dbName: `${prefix}other` },
      { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}shared`, tenantIds: ['c', 'd'] },
    ],
  },
  hardDeleteEnabled: true,
});

interface Note {
  n: number;
  status?: string;
}

describe.each([
  ['a database of its own', { tenantId: 'a', collection: 'bin' }],
  ['a shared collection', { tenantId: 'c', collection: 'bin' }],
] as const)('includeDeleted, in %s', (_, route) => {
  const bin = chronos.with<Note>(route);
  const numbers = ({ items }: { readonly items: readonly { readonly item: { readonly n: number } }[] }) =>
    items.map(({ item }) => item.n);

  async function everyPage(options: ItemListOptions): Promise<string[]> {
    const { items, pageToken } = await bin.query({}, options);
    const rest = pageToken === undefined ? [] : await everyPage({ ...options, pageToken });
    return [...items.map(({ id }) => id), ...rest];
  }

  test('lists deleted documents as they last were, beside the others and in one order', async () => {
    const foreign = chronos.with<{ n: number }>({ ...route, tenantId: route.tenantId === 'a' ? 'b' : 'd' });
    await foreign.delete((await foreign.create({ n: 7 })).id);
    const ids = new Map<number, string>();
    for (let n = 0; n < 8; n++) ids.set(n, (await bin.create({ n, status: 'new' })).id);
    for (const n of [1, 4, 5]) await bin.update(ids.get(n), { n, status: 'last' });
    for (const n of [1, 4, 5, 6]) await bin.delete(ids.get(n), undefined, 'ana', 'old');
    await bin.restoreObject(ids.get(5), { ov: 1 });
    await bin.restoreObject(ids.get(6), { ov: 0 });
    const { deletedAt } = await bin.delete(ids.get(6), 2, 'ben', 'again');

    const options = { sort: { n: -1 }, includeDeleted: true } as const;
    expect(numbers(await bin.query({}, options))).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
    expect(numbers(await bin.query({ status: 'last' }, options))).toEqual([5, 4, 1]);
    expect(numbers(await bin.query({ '_system.deleted': true }, options))).toEqual([6, 4, 1]);
    expect(numbers(await bin.query({}, { sort: { n: -1 } }))).toEqual([7, 5, 3, 2, 0]);
    const [gone] = (await bin.listByMeta({ filter: { n: 6 } }, { includeDeleted: true, includeMeta: true })).items;
    expect(gone).toMatchObject({
      id: ids.get(6),
      item: { n: 6, status: 'new', _system: { ov: 3, deleted: true, deletedAt } },
      _meta: { op: 'DELETE', actor: 'ben', reason: 'again' },
    });
    expect(gone).toEqual(await bin.getLatest(ids.get(6), { includeDeleted: true, includeMeta: true }));
    expect((await bin.query({ n: 6 }, { includeDeleted: true, projection: ['n'] })).items[0]?.item).toEqual({
      n: 6,
      _system: expect.any(Object),
    });
    const after = await bin.listByMeta({ sort: { n: -1 }, afterId: ids.get(4) }, { includeDeleted: true });
    expect(numbers(after)).toEqual([3, 2, 1, 0]);
  });

  test('pages of any sort hold each document once, deleted or not', async () => {
    for (const sort of [
      {},
      { n: -1 },
      { status: 1, n: 1 },
      { updatedAt: -1 },
      { createdAt: 1 },
      { _id: -1 },
    ] as const) {
      const options = { sort, includeDeleted: true } as const;
      const whole = (await bin.query({}, options)).items.map(({ id }) => id);
      expect(new Set(whole).size).toBe(8);
      for (const limit of [1, 3]) expect(await everyPage({ ...options, limit })).toEqual(whole);
    }
    const { pageToken } = await bin.query({}, { limit: 1, includeDeleted: true });
    await expect(bin.query({}, { pageToken })).rejects.toThrow(/of another listing/);
  });

  test('documents as of an instant are those that were deleted by then', async () => {
    const notes = chronos.with<{ n: number }>({ ...route, collection: 'bin-past' });
    const [one, two] = [await notes.create({ n: 1 }), await notes.create({ n: 2 })];
    const { deletedAt, cv } = await notes.delete(one.id);
    await notes.restoreObject(one.id, { ov: 0 });
    await notes.delete(two.id);
    const listed = async (at: Date | { readonly cv: number }, includeDeleted: boolean) =>
      (await notes.query({}, { at, sort: { n: 1 }, includeDeleted })).items.map(({ item }) => [
        item.n,
        item._system.deleted,
      ]);
    const before = new Date(two.createdAt.getTime());
    if (deletedAt > before) expect(await listed(before, true)).toEqual(await listed(before, false));
    expect(await listed({ cv: cv as number }, true)).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(await listed({ cv: cv as number }, false)).toEqual([[2, false]]);
    expect(await listed(new Date(), true)).toEqual([
      [1, false],
      [2, true],
    ]);
  });

  test('what was erased is not listed', async () => {
    const notes = chronos.with<{ n: number }>({ ...route, collection: 'bin-erased' });
    const { id } = await notes.create({ n: 1 });
    await notes.delete(id);
    await notes.model.hardDelete({ id }, { confirm: true });
    expect((await notes.query({}, { includeDeleted: true })).items).toEqual([]);
  });
});

test('documents from before the library are listed with deleted ones', async () => {
  const old = chronos.with({ tenantId: 'a', collection: 'bin-old' });
  await old.model.db.collection('bin-old').insertMany([{ n: 1 }, { n: 2 }]);
  const listed = (await old.query({}, { sort: { n: 1 } })).items;
  expect((await old.query({}, { sort: { n: 1 }, includeDeleted: true })).items).toEqual(listed);
  await old.delete(listed[0]?.id);
  expect((await old.query({}, { sort: { n: 1 }, includeDeleted: true })).items).toMatchObject([
    { item: { n: 1, _system: { deleted: true } } },
    { item: { n: 2, _system: { deleted: false } } },
  ]);
});

test('where no versions are kept there are no deleted documents to list', async () => {
  const unversioned = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}unversioned` }] },
    versioning: { enabled: false },
  }).with({ tenantId: 'a', collection: 'notes' });
  await expect(unversioned.query({}, { includeDeleted: true })).rejects.toThrow(VersioningDisabledError);
});

test.each([true, false])(
  'content that left the collection is listed as long as it is kept: rollup %s',
  async (enabled) => {
    const basePath = await mkdtemp(join(tmpdir(), 'chronos-deleted-'));
    const kept = init({
      mongoConns: [{ key: 'main', mongoUri }],
      databases: { runtime: [{ key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}kept-${enabled}` }] },
      localStorage: { enabled: true, basePath },
      collectionMaps: { files: { indexedProps: ['name'], base64Props: { body: { contentType: 'text/plain' } } } },
      retention: { ver: { maxPerItem: 1 } },
      rollup: { enabled },
    });
    const route = { tenantId: 'a', collection: 'files' };
    const files = kept.with<{ name: string; body: string; more: number }>(route);
    const body = Buffer.from('text').toString('base64');
    const longAgo = (minutes: number) => ({ chronos: { at: new Date(Date.now() - minutes * 60_000) } });
    const _id = new ObjectId();
    await files.model.insertMany([{ _id, name: 'x', body, more: 1 }], longAgo(60));
    await files.model.deleteOne({ _id }, longAgo(30));
    const id = _id.toHexString();
    await kept.flush();
    await kept.admin.markItemsAsProcessedByTTL(route, 0, { confirm: true });
    const options = { includeDeleted: true } as const;
    const found = { items: [{ id, item: { name: 'x', body, more: 1, _system: { deleted: true } } }] };
    expect(await files.query({ name: 'x' }, options)).toMatchObject(found);
    const [presigned] = (await files.query({ name: 'x' }, { ...options, presign: true })).items;
    expect(presigned?.presigned?.body?.blobUrl).toMatch(/^file:/);
    await expect(files.query({ more: 1 }, options)).rejects.toThrow(/more/);
    const gone = { rolledUp: enabled ? 1 : 0, dropped: enabled ? 0 : 1 };
    expect(await kept.admin.applyRetention(route, { confirm: true })).toMatchObject(gone);
    expect(await files.query({ name: 'x' }, options)).toMatchObject(enabled ? found : { items: [] });
    const then = files.query({ name: 'x' }, { ...options, at: longAgo(45).chronos.at });
    if (enabled) expect(await then).toMatchObject({ items: [{ id, item: { more: 1, _system: { deleted: false } } }] });
    else await expect(then).rejects.toThrow(BeyondRetentionError);
    await kept.close();
    await rm(basePath, { recursive: true, force: true });
  },
);

test('beside writers that delete and bring back, each list has every document once', async () => {
  const busy = chronos.with<Note>({ tenantId: 'a', collection: 'bin-busy' });
  const ids: string[] = [];
  for (let n = 0; n < 12; n++) ids.push((await busy.create({ n })).id);
  let isOver = false;
  const writers = [0, 1, 2].map(async (writer) => {
    for (let turn = writer; !isOver; turn += 3) {
      const id = ids[turn % ids.length];
      await busy.delete(id);
      await busy.restoreObject(id, { ov: 0 });
    }
  });
  for (let list = 0; list < 15; list++) {
    const { items } = await busy.query({}, { includeDeleted: true });
    expect(items.map(({ id }) => id).sort()).toEqual([...ids].sort());
    for (const { id, item } of items) expect(ids[item.n]).toBe(id);
  }
  isOver = true;
  await Promise.all(writers);
});
