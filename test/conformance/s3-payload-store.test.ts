import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import {
  CreateBucketCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { Client } from 'minio';
import { beforeAll, expect, it, test } from 'vitest';
import { oddKeys } from '../../src/payload/conformance/keys.ts';
import { digestOf } from '../../src/payload/digest.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { testPayloadStore } from '../../src/testing.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { S3_ACCESS_KEY, S3_SECRET_KEY } from '../support/s3-servers.ts';

const text = (content: string) => Buffer.from(content, 'utf8');

describeS3('S3PayloadStore', (server) => {
  const client = s3Client(server);
  const options = s3Options(server.endpoint);
  let store: S3PayloadStore;

  beforeAll(async () => {
    store = new S3PayloadStore(await newBucket(client), options);
  });

  testPayloadStore({ test, create: () => store });

  it('presigns addresses that anyone can read from, and no longer than they are good for', async () => {
    await store.put('a b/\u00e9.png', text('png'), { contentType: 'image/png' });
    const { url } = await store.presign('a b/\u00e9.png', { fileName: "d\u00e9j\u00e0 'vu'.png" });
    const answer = await fetch(url);
    expect(await answer.text()).toBe('png');
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(answer.headers.get('content-disposition')).toBe(
      "attachment; filename*=UTF-8''d%C3%A9j%C3%A0%20%27vu%27.png",
    );
    const shown = await fetch((await store.presign('a b/\u00e9.png', { contentType: 'text/plain' })).url);
    expect(shown.headers.get('content-type')).toBe('text/plain');
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('3600');
    const forged = new URL(url);
    forged.searchParams.set('X-Amz-Expires', '7200');
    expect((await fetch(forged)).status).toBe(403);
    expect(decodeURIComponent(url)).not.toContain(S3_SECRET_KEY);
  });

  it('keeps the kind and the compression of objects, whole and in parts', async () => {
    for (const [key, length] of [
      ['small', 10],
      ['large', 9 * 2 ** 20],
    ] as const) {
      // biome-ignore format: a table
      await store.put(key, randomBytes(length), { contentType: 'application/json', contentEncoding: 'gzip' });
      const head = await client.send(new HeadObjectCommand({ Bucket: store.bucket, Key: key }));
      expect([head.ContentType, head.ContentEncoding]).toEqual(['application/json', 'gzip']);
    }
  });

  it('has the service check what arrives, and keep its digest', async () => {
    await store.put('checked', text('x'));
    const head = { Bucket: store.bucket, Key: 'checked', ChecksumMode: 'ENABLED' as const };
    const { ChecksumSHA256 } = await client.send(new HeadObjectCommand(head));
    expect(Buffer.from(ChecksumSHA256 ?? '', 'base64').toString('hex')).toBe(digestOf(text('x')).sha256);
  });

  it('tags objects, whole and in parts', async () => {
    const tagging = new S3PayloadStore(store.bucket, { ...options, tags: { app: 'chronos + co', kind: 'payload' } });
    for (const [key, length] of [
      ['tagged', 10],
      ['tagged-large', 9 * 2 ** 20],
    ] as const) {
      // biome-ignore format: a table
      await tagging.put(key, randomBytes(length));
      const { TagSet = [] } = await client.send(new GetObjectTaggingCommand({ Bucket: store.bucket, Key: key }));
      expect(Object.fromEntries(TagSet.map(({ Key, Value }) => [Key, Value]))).toEqual({
        app: 'chronos + co',
        kind: 'payload',
      });
    }
  });

  it('asks for encryption, and says so where the service has none', async () => {
    const encrypting = new S3PayloadStore(store.bucket, { ...options, encryption: { algorithm: 'AES256' } });
    const put = encrypting.put('encrypted', text('x'));
    // MinIO has it only with a key service beside it.
    if (server.name === 'minio') await expect(put).rejects.toMatchObject({ name: 'StorageError', status: 501 });
    else expect(await put).toEqual(digestOf(text('x')));
  });

  it('deletes all versions of an object, where asked', async () => {
    const versioned = new S3PayloadStore(await newBucket(client), options);
    const versioning = { Bucket: versioned.bucket, VersioningConfiguration: { Status: 'Enabled' as const } };
    await client.send(new PutBucketVersioningCommand(versioning));
    const { ListObjectVersionsCommand } = await import('@aws-sdk/client-s3');
    const left = async () => {
      const { Versions = [], DeleteMarkers = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket: versioned.bucket }),
      );
      return [...Versions, ...DeleteMarkers].map(({ Key }) => Key).sort();
    };
    for (const key of ['a', 'ab', 'a']) await versioned.put(key, text(key));
    await versioned.delete('a');
    expect(await left()).toEqual(['a', 'a', 'a', 'ab']);
    await versioned.delete('a', { allVersions: true });
    expect(await left()).toEqual(['ab']);
  });

  it('lists keys of which only older versions are left, where asked', async () => {
    const versioned = new S3PayloadStore(await newBucket(client), options);
    const versioning = { Bucket: versioned.bucket, VersioningConfiguration: { Status: 'Enabled' as const } };
    await client.send(new PutBucketVersioningCommand(versioning));
    const keys = Array.from({ length: 12 }, (_, n) => `a/${String(n).padStart(2, '0')}`);
    for (const key of keys) for (const body of ['x', 'xy']) await versioned.put(key, text(body));
    for (const key of keys.slice(0, 6)) await versioned.delete(key);
    const listed = async (limit: number, allVersions: boolean) => {
      const found: string[] = [];
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await versioned.list('a/', { limit, after, allVersions });
        found.push(...page.objects.map(({ key }) => key));
        after = page.next;
      }
      return found;
    };
    expect(await listed(5, false)).toEqual(keys.slice(6));
    for (const limit of [1, 2, 5, 1000]) expect(await listed(limit, true)).toEqual(keys);
    expect((await versioned.list('a/11', { allVersions: true })).objects).toMatchObject([{ key: 'a/11', length: 2 }]);
  });

  it('says that an object is retained by a lock', async () => {
    const bucket = `chronos-lock-${randomBytes(6).toString('hex')}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const locked = new S3PayloadStore(bucket, options);
    await locked.put('kept', text('x'));
    const retention = { Mode: 'GOVERNANCE' as const, RetainUntilDate: new Date(Date.now() + 3_600_000) };
    await client.send(new PutObjectRetentionCommand({ Bucket: bucket, Key: 'kept', Retention: retention }));
    await expect(locked.delete('kept', { allVersions: true })).rejects.toMatchObject({
      name: 'StorageError',
      retained: true,
      retryable: false,
      key: 'kept',
      message: expect.stringMatching(/retained until \d{4}-/),
    });
    expect(Buffer.from(await locked.get('kept')).toString()).toBe('x');
  });

  it('names what is wrong with a bucket and with keys', async () => {
    const nowhere = new S3PayloadStore('chronos-nowhere', options);
    await expect(nowhere.put('a', text('x'))).rejects.toMatchObject({
      name: 'StorageError',
      status: 404,
      retryable: false,
    });
    await expect(nowhere.get('a')).rejects.toThrow('no such bucket');
    const stranger = new S3PayloadStore(store.bucket, { ...options, secretKey: 'wrong-but-long-enough' });
    await expect(stranger.put('a', text('x'))).rejects.toMatchObject({
      name: 'StorageError',
      status: 403,
      retryable: false,
    });
  });

  it('writes what the minio client reads, and reads what it writes', async () => {
    const { hostname, port } = new URL(server.endpoint);
    const minio = new Client({
      endPoint: hostname,
      port: Number(port),
      useSSL: false,
      accessKey: S3_ACCESS_KEY,
      secretKey: S3_SECRET_KEY,
    });
    const large = randomBytes(12 * 2 ** 20);
    await store.put('second/large', large);
    expect(digestOf(await buffer(await minio.getObject(store.bucket, 'second/large')))).toEqual(digestOf(large));
    await minio.putObject(store.bucket, 'second/theirs', text('theirs'));
    expect(Buffer.from(await store.get('second/theirs')).toString()).toBe('theirs');
    for (const key of oddKeys) {
      await store.put(`second/${key}`, text(key));
      const read = await buffer(await minio.getObject(store.bucket, `second/${key}`));
      expect([key, read.toString('utf8')]).toEqual([key, key]);
    }
  });
});
