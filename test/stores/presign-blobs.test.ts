import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PayloadStore } from '../../src/payload/payload-store.ts';
import { presignBlobs } from '../../src/payload/presign-blobs.ts';
import { FilePayloadStore } from '../../src/payload/stores/file-payload-store.ts';
import { MemoryPayloadStore } from '../../src/payload/stores/memory-payload-store.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import type { BlobReference } from '../../src/types.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';

function presigning(open: () => Promise<PayloadStore>): void {
  let store: PayloadStore;
  let blobs: readonly BlobReference[];

  beforeAll(async () => {
    store = await open();
    blobs = await Promise.all([
      stored(['note'], 'text/plain', '\u20ac', true),
      stored(['avatar'], 'image/png', 'png', false),
      stored(['files', '0', 'data'], 'application/pdf', 'pdf', false),
    ]);
  });

  async function stored(
    path: string[],
    contentType: string,
    content: string,
    hasText: boolean,
  ): Promise<BlobReference> {
    const blobKey = `app/users/1/v0/${path.join('.')}/blob.bin`;
    const textKey = blobKey.replace('blob.bin', 'text.txt');
    const digest = await store.put(blobKey, Buffer.from(content), { contentType });
    if (hasText)
      await store.put(textKey, Buffer.from(`text: ${content}`), { contentType: 'text/plain; charset=utf-8' });
    return { contentBucket: 'content', blobKey, ...(hasText ? { textKey } : {}), path, contentType, ...digest };
  }

  it('gives the addresses of blobs, and of their texts where asked', async () => {
    const all = await presignBlobs(store, blobs, { ttlSeconds: 60, includeText: true });
    expect(all).toEqual({
      note: { blobUrl: expect.any(String), textUrl: expect.any(String), expiresIn: 60 },
      avatar: { blobUrl: expect.any(String), expiresIn: 60 },
      'files.0.data': { blobUrl: expect.any(String), expiresIn: 60 },
    });
    expect(await opened(all.avatar!.blobUrl)).toBe('png');
    expect(await opened(all.note!.textUrl!)).toBe('text: \u20ac');
    expect((await presignBlobs(store, blobs)).note).toEqual({ blobUrl: expect.any(String), expiresIn: 3600 });
  });

  it.each([
    [['files'], ['files.0.data']],
    [['files.data', 'name'], ['files.0.data']],
    [['files.0.data'], ['files.0.data']],
    [
      ['note', 'avatar'],
      ['note', 'avatar'],
    ],
    [['name', 'not'], []],
  ])('of the projection %j gives %j', async (projection, expected) => {
    expect(Object.keys(await presignBlobs(store, blobs, { projection }))).toEqual(expected);
  });

  it('tells what is wrong with a time', async () => {
    await expect(presignBlobs(store, blobs, { ttlSeconds: 0 })).rejects.toMatchObject({ name: 'ConfigError' });
  });
}

/** What a browser shows at an address. */
async function opened(url: string): Promise<string> {
  if (url.startsWith('file:')) return readFile(fileURLToPath(url), 'utf8');
  return (await fetch(url)).text();
}

describe('presignBlobs in memory', () => presigning(async () => new MemoryPayloadStore()));

describe('presignBlobs in files', () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));
  presigning(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chronos-presign-'));
    return new FilePayloadStore(folder);
  });
});

describeS3('presignBlobs', (server) => {
  const client = s3Client(server);
  presigning(async () => new S3PayloadStore(await newBucket(client), s3Options(server.endpoint)));
});
