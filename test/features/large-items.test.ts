import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { testRegistries } from '../support/registry.ts';
import { shortened } from '../support/shortened.ts';

interface Invoice {
  number?: string;
  note?: string;
  pdf?: unknown;
}

const { init, mongoUri, prefix } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-large-'));
afterAll(() => rm(basePath, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

/** A client whose writes wait for object storage, and count what they write. */
function client(name: string, versioning = true) {
  const chronos = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: name, mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}${name}` }] },
    localStorage: { enabled: true, basePath: join(basePath, name) },
    collectionMaps: {
      invoices: { indexedProps: ['number'], base64Props: { pdf: { contentType: 'application/pdf' } } },
    },
    counters: { mongoUri, dbName: `${prefix}${name}_counters` },
    writeOptimization: { ack: 'stored' },
    versioning: { enabled: versioning },
  });
  const route = { tenantId: 'a', collection: 'invoices' };
  const blobs = async () => {
    const files = await readdir(join(basePath, name), { recursive: true });
    return files.filter((file) => file.endsWith('blob.bin')).length;
  };
  return { chronos, route, blobs, ops: chronos.with<Invoice>(route) };
}

const bytes = (fill: string) => Buffer.alloc(9_100_000, fill);
const large = bytes('large').toString('base64');
const other = bytes('other').toString('base64');
const confirm = true;

test('items above 12 MB are made, changed, counted, presigned and brought back like others', async () => {
  const { chronos, route, blobs, ops } = client('large');
  const { id, ov } = await ops.create({ number: '1', note: 'x', pdf: large });
  expect(ov).toBe(0);
  expect(await ops.update(id, { number: '2', note: 'y', pdf: large })).toMatchObject({ ov: 1, cv: 1 });
  expect(await blobs()).toBe(1);
  expect(await ops.update(id, { number: '2', pdf: other })).toMatchObject({ ov: 2, cv: 2 });
  expect(await ops.enrich(id, { note: 'z' })).toMatchObject({ ov: 3, cv: 3 });
  expect(shortened((await ops.getLatest(id))?.item)).toMatchObject({ number: '2', note: 'z', pdf: shortened(other) });
  expect(await blobs()).toBe(2);

  const first = await ops.getVersion(id, 0, { presign: true });
  const [url = ''] = Object.values(first?.presigned ?? {}).map((one) => (one as { blobUrl: string }).blobUrl);
  expect((await readFile(fileURLToPath(url))).equals(bytes('large'))).toBe(true);
  // What was read with references is written back by them.
  await ops.update(id, { ...(first?.item as Invoice), number: '4' });
  expect(shortened((await ops.getLatest(id))?.item)).toMatchObject({ number: '4', note: 'x', pdf: shortened(large) });

  // All of them left MongoDB as they were made.
  expect(await ops.model.markItemAsProcessed(id, { confirm })).toBe(false);
  expect(await ops.delete(id)).toMatchObject({ ov: 5 });
  expect(await ops.restoreObject(id, { ov: 2 })).toMatchObject({ ov: 6 });
  expect(shortened((await ops.getLatest(id))?.item)).toMatchObject({ number: '2', pdf: shortened(other) });
  expect(await chronos.counters.getTotals(route)).toMatchObject({ created: 1, updated: 5, deleted: 1 });
  await chronos.flush();
  expect(await ops.model.verify({ objects: true })).toMatchObject({ ok: true, findings: [] });
});

test('where no versions are kept, of a large item only what is current is stored', async () => {
  const { blobs, ops } = client('bare', false);
  const { id } = await ops.create({ number: '1', pdf: large });
  await ops.update(id, { number: '2', pdf: other });
  expect(await blobs()).toBe(1);
  await ops.update(id, { number: '3', pdf: other });
  expect(await blobs()).toBe(1);
  expect(shortened((await ops.getLatest(id))?.item)).toMatchObject({ number: '3', pdf: shortened(other) });
  await ops.update(id, { number: '4' });
  expect(await blobs()).toBe(0);
  await ops.update(id, { number: '5', pdf: other });
  await ops.delete(id);
  await ops.model.flush();
  expect(await blobs()).toBe(0);
});
