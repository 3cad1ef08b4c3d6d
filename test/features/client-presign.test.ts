import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { ConfigError, PayloadMissingError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

interface Invoice {
  number?: string;
  status?: string;
  lines?: { text: string }[];
  pdf?: unknown;
  letters?: { scan: unknown }[];
}

const { init, mongoUri, prefix } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-client-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}own` },
      { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}shared`, tenantIds: ['c', 'd'] },
    ],
  },
  localStorage: { enabled: true, basePath },
  collectionMaps: {
    invoices: {
      indexedProps: ['number', 'status', 'tags[]'],
      base64Props: {
        pdf: { contentType: 'application/pdf' },
        'letters.scan': { contentType: 'text/plain', preferredText: true },
      },
      validation: { requiredIndexed: ['number'] },
    },
  },
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const read = (url: string) => readFile(fileURLToPath(url), 'utf8');
const invoice = {
  number: '1',
  status: 'open',
  lines: [{ text: 'x' }],
  pdf: base64('first'),
  letters: [{ scan: base64('dear') }],
};

for (const [where, route] of [
  ['a database of its own', { tenantId: 'a', collection: 'invoices' }],
  ['a shared collection', { tenantId: 'c', collection: 'invoices' }],
] as const) {
  const ops = chronos.with<Invoice>(route);

  test(`blobs of any version are presigned, and shown as references: ${where}`, async () => {
    const { id, createdAt } = await ops.create(invoice);
    await ops.update(id, { ...invoice, pdf: base64('second') });
    await ops.delete(id);
    await ops.restoreObject(id, { ov: 1 });
    // On their way, stored, and gone from MongoDB: the same.
    for (const settle of [
      async () => {},
      () => chronos.flush(),
      () => ops.model.markItemAsProcessed(id, { confirm: true }),
    ]) {
      await settle();
      const latest = await ops.getLatest(id, { presign: true });
      expect(latest?.item).toMatchObject({
        lines: [{ text: 'x' }],
        pdf: { ref: { contentBucket: 'content', blobKey: expect.stringContaining('/pdf/blob.bin') } },
        letters: [{ scan: { ref: { textKey: expect.stringContaining('text.txt') } } }],
      });
      expect(Object.keys(latest?.presigned ?? {}).sort()).toEqual(['letters.0.scan', 'pdf']);
      expect(latest?.presigned?.pdf).toEqual({ blobUrl: expect.stringMatching(/^file:/), expiresIn: 3600 });
      expect(await read(latest?.presigned?.pdf?.blobUrl ?? '')).toBe('second');
      for (const first of [
        await ops.getVersion(id, 0, { presign: true, ttlSeconds: 60, includeText: true }),
        await ops.getAsOf(id, createdAt, { presign: true, ttlSeconds: 60, includeText: true }),
      ]) {
        expect(await read(first?.presigned?.pdf?.blobUrl ?? '')).toBe('first');
        expect(await read(first?.presigned?.['letters.0.scan']?.textUrl ?? '')).toBe('dear');
        expect(first?.presigned?.pdf?.expiresIn).toBe(60);
      }
      const gone = await ops.getVersion(id, 2, { presign: true, includeDeleted: true });
      expect(await read(gone?.presigned?.pdf?.blobUrl ?? '')).toBe('second');
      expect((await ops.getLatest(id))?.item).toMatchObject({ ...invoice, pdf: base64('second') });
    }
    expect(await ops.getLatest(id, { presign: true, ttlSeconds: 10 ** 9 })).toMatchObject({
      presigned: { pdf: { expiresIn: 604_800 } },
    });
    await expect(ops.getLatest(id, { presign: true, ttlSeconds: -1 })).rejects.toThrow(ConfigError);
  });

  test(`a projection says which blobs are presigned: ${where}`, async () => {
    const { id } = await ops.create({ ...invoice, number: '2' });
    const some = await ops.getLatest(id, { presign: true, projection: ['number', 'letters'] });
    expect(some?.item).toEqual({
      number: '2',
      letters: [{ scan: { ref: expect.any(Object) } }],
      _system: expect.any(Object),
    });
    expect(Object.keys(some?.presigned ?? {})).toEqual(['letters.0.scan']);
    const none = await ops.getLatest(id, { presign: true, projection: ['number'] });
    expect(none).toMatchObject({ item: { number: '2' }, presigned: {} });
  });

  test(`lists presign each of their documents in the version that was found: ${where}`, async () => {
    for (const number of ['10', '11', '12'])
      await ops.create({ ...invoice, number, status: 'listed', pdf: base64(number) });
    const then = new Date();
    const filter = { status: 'listed' };
    const { items } = await ops.query(filter, { sort: { number: 1 } });
    for (const { id } of items.slice(0, 2))
      await ops.update(id, { number: '13', status: 'listed', pdf: base64('new') });
    const first = await ops.listByMeta({ filter, sort: { number: 1 }, limit: 2 }, { at: then, presign: true });
    const second = await ops.listByMeta(
      { filter, sort: { number: 1 }, limit: 2, pageToken: first.pageToken },
      { at: then, presign: true },
    );
    const listed = [...first.items, ...second.items];
    expect(await Promise.all(listed.map(({ presigned }) => read(presigned?.pdf?.blobUrl ?? '')))).toEqual([
      '10',
      '11',
      '12',
    ]);
    const now = await ops.query(filter, {
      presign: true,
      projection: ['number', 'pdf'],
      sort: { number: -1 },
      limit: 1,
    });
    expect(now.items).toMatchObject([{ item: { number: '13', pdf: { ref: {} } }, presigned: { pdf: {} } }]);
  });

  test(`what is not indexed is not searched by, and what is required is there: ${where}`, async () => {
    await expect(ops.query({ 'lines.text': 'x' })).rejects.toThrow(/lines\.text/);
    await expect(ops.create({ status: 'open' })).rejects.toThrow(/alidation failed/);
    const { id } = await ops.create({ number: '20' });
    for (const number of [null, '']) {
      await expect(ops.enrich(id, { number })).rejects.toThrow(/alidation failed/);
      await expect(ops.update(id, { number: number as string })).rejects.toThrow(/alidation failed/);
    }
    const indexes = await ops.model.collection.indexes();
    expect(indexes.flatMap(({ key }) => Object.keys(key))).toEqual(
      expect.arrayContaining(['number', 'status', 'tags']),
    );
  });

  test(`a document that was read with references is written back with its blobs: ${where}`, async () => {
    const { id } = await ops.create({ ...invoice, number: '30' });
    const { item } = (await ops.getLatest(id, { presign: true })) ?? {};
    await ops.update(id, { ...item, status: 'paid' });
    await ops.enrich(id, { pdf: item?.pdf });
    expect((await ops.getLatest(id))?.item).toMatchObject({ ...invoice, number: '30', status: 'paid' });
    const keys = async (ov: number) => (await ops.getVersion(id, ov, { presign: true }))?.item.pdf;
    expect(await keys(1)).toEqual(await keys(0));
    const forged = { ref: { contentBucket: 'content', blobKey: 'own/invoices/x/v0/pdf/blob.bin' } };
    await expect(ops.update(id, { ...invoice, pdf: forged })).rejects.toThrow(ConfigError);
    await expect(ops.enrich(id, { pdf: forged })).rejects.toThrow(ConfigError);
    await expect(ops.create({ ...invoice, pdf: item?.pdf })).rejects.toThrow(ConfigError);
  });
}

test('no blob is read to be presigned', async () => {
  const ops = chronos.with<Invoice>({ tenantId: 'a', collection: 'invoices' });
  const { id } = await ops.create({ ...invoice, number: '40', pdf: base64('never read') });
  await chronos.flush();
  await ops.model.markItemAsProcessed(id, { confirm: true });
  await rm(join(basePath, 'content'), { recursive: true });
  expect(await ops.getLatest(id, { presign: true })).toMatchObject({ item: { number: '40' }, presigned: { pdf: {} } });
  expect((await ops.query({ number: '40' }, { presign: true })).items).toHaveLength(1);
  await expect(ops.getLatest(id)).rejects.toThrow(PayloadMissingError);
});

test('where nothing is kept in object storage, nothing is presigned', async () => {
  const plain = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}plain` }] },
  }).with({ tenantId: 'a', collection: 'notes' });
  const { id } = await plain.create({ n: 1 });
  await expect(plain.getLatest(id, { presign: true })).rejects.toThrow(ConfigError);
  await expect(plain.query({}, { presign: true })).rejects.toThrow(ConfigError);
});
