import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestOf, RunningDigest } from '../../src/payload/digest.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { type FaultyProxy, faultyProxy, type SeenRequest } from '../support/faulty-proxy.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { S3_ACCESS_KEY, S3_SECRET_KEY } from '../support/s3-servers.ts';

/** Short, so that what hangs is soon seen to; long enough for a busy machine. */
const TIMEOUT_MS = 1500;
const PATIENT = { timeoutMs: 20_000 };
const MIB = 2 ** 20;
const small = randomBytes(100_000);
const large = randomBytes(6 * MIB);

describeS3('S3PayloadStore before a service that fails', (server) => {
  const client = s3Client(server);
  let proxy: FaultyProxy;
  let bucket: string;

  beforeAll(async () => {
    bucket = await newBucket(client);
    proxy = await faultyProxy(server.endpoint);
  });
  afterAll(() => proxy.close());
  beforeEach(() => proxy.reset());

  /** A store of its own for each test: the circuit remembers. */
  const store = (options = {}) =>
    new S3PayloadStore(bucket, { ...s3Options(proxy.endpoint), timeoutMs: TIMEOUT_MS, partSize: 5 * MIB, ...options });
  const times =
    (count: number, fault: ReturnType<FaultyProxy['fault']>) =>
    ({ number }: SeenRequest) =>
      number < count ? fault : 'pass';
  const partsOf = async (key: string) => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }));
    return Uploads;
  };

  describe.each(['stall', 'cut', 'corrupt', 'swallow', 'lose-answer', 'refuse', 'busy'] as const)(
    'with %s',
    (fault) => {
      // Only what hangs needs to be given up soon.
      const patience = fault === 'stall' || fault === 'swallow' ? {} : PATIENT;

      it('reads whole objects all the same', async () => {
        const reader = store(patience);
        await reader.put('small', small);
        proxy.reset();
        proxy.fault = times(2, fault);
        expect(digestOf(await reader.get('small', { expected: digestOf(small) }))).toEqual(digestOf(small));
        expect(proxy.requests.length).toBeGreaterThanOrEqual(3);
      });

      it('stores whole objects all the same', async () => {
        proxy.fault = times(2, fault);
        const writer = store(patience);
        expect(await writer.put(`put-${fault}`, small)).toEqual(digestOf(small));
        proxy.reset();
        expect(digestOf(await writer.get(`put-${fault}`))).toEqual(digestOf(small));
      });

      // Nothing tells that a byte of an answer is wrong, but for the bodies of objects: that is for TLS to see.
      if (fault === 'corrupt') return;

      it('stores large objects all the same', async () => {
        // Every second request fails: the beginning, the parts and the end of the upload.
        proxy.fault = ({ number }) => (number % 2 === 0 ? fault : 'pass');
        const writer = store(patience);
        expect(await writer.put(`large-${fault}`, large)).toEqual(digestOf(large));
        proxy.reset();
        expect(digestOf(await writer.get(`large-${fault}`))).toEqual(digestOf(large));
      });
    },
  );

  it('stores nothing of a body that is damaged on its way', async () => {
    const writer = store({ ...PATIENT, attempts: 2 });
    proxy.fault = ({ method }) => (method === 'PUT' ? 'corrupt-upload' : 'pass');
    await expect(writer.put('damaged', small)).rejects.toMatchObject({ name: 'StorageError', status: 400 });
    await expect(writer.put('large-damaged', large)).rejects.toMatchObject({ name: 'StorageError', status: 400 });
    proxy.reset();
    expect(await writer.head('damaged')).toBeUndefined();
    expect(await writer.head('large-damaged')).toBeUndefined();
    proxy.fault = times(1, 'corrupt-upload');
    expect(await writer.put('damaged', small)).toEqual(digestOf(small));
  });

  it('returns no body that is not the one that was stored, and names it', async () => {
    const reader = store({ ...PATIENT, attempts: 2 });
    const expected = digestOf(small);
    for (const key of ['a', 'b', 'c']) await reader.put(`damage/${key}`, small);
    proxy.fault = () => 'corrupt';
    for (const key of ['a', 'b', 'c']) {
      await expect(reader.get(`damage/${key}`, { expected })).rejects.toMatchObject({
        name: 'PayloadIntegrityError',
        key: `damage/${key}`,
      });
      const streamed = reader.stream(`damage/${key}`, { expected }).then((stream) => buffer(stream));
      await expect(streamed).rejects.toMatchObject({ name: 'PayloadIntegrityError', key: `damage/${key}` });
    }
  });

  it.each(['stall', 'cut'] as const)('fails a stream with %s, and keeps no connection', async (fault) => {
    const reader = store();
    await reader.put('small', small);
    const before = proxy.waiting();
    proxy.fault = () => fault;
    const streamed = reader.stream('small').then((stream) => buffer(stream));
    await expect(streamed).rejects.toMatchObject({ name: 'StorageError', retryable: true, key: 'small' });
    await expect.poll(() => proxy.waiting()).toBeLessThanOrEqual(before);
  });

  it('gives up what stalls for ever, and keeps no connection', async () => {
    const reader = store({ attempts: 3 });
    await reader.put('small', small);
    proxy.reset();
    const before = proxy.waiting();
    proxy.fault = () => 'stall';
    await expect(reader.get('small')).rejects.toMatchObject({ name: 'StorageError', retryable: true });
    expect(proxy.requests).toHaveLength(3);
    await expect.poll(() => proxy.waiting()).toBeLessThanOrEqual(before);
  });

  it('reads on beside objects that are damaged', async () => {
    const reader = store(PATIENT);
    for (const key of ['good', 'bad']) await reader.put(`beside/${key}`, small);
    const expected = { ...digestOf(small), length: 1 };
    const damaged = Array.from({ length: 4 }, () => reader.get('beside/bad', { expected }));
    for (const read of await Promise.allSettled(damaged)) {
      expect(read).toMatchObject({ status: 'rejected', reason: { name: 'PayloadIntegrityError' } });
    }
    expect(digestOf(await reader.get('beside/good'))).toEqual(digestOf(small));
  });

  it('lets whoever reads a stream take their time', async () => {
    const reader = store({ timeoutMs: 300 });
    await store(PATIENT).put('unhurried', large);
    const digest = new RunningDigest();
    let isFirst = true;
    for await (const piece of await reader.stream('unhurried')) {
      digest.add(piece as Uint8Array);
      if (isFirst) await sleep(1000);
      isFirst = false;
    }
    expect(digest.end()).toEqual(digestOf(large));
  });

  it('ends by the deadline of its caller, however it stands', async () => {
    const reader = store({ timeoutMs: 60_000 });
    await reader.put('small', small);
    for (const fault of ['stall', 'swallow'] as const) {
      proxy.fault = () => fault;
      const signal = AbortSignal.timeout(300);
      await expect(reader.get('small', { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(signal.aborted).toBe(true);
    }
  });

  it('succeeds where one answer in five is a failure, with hardly more requests', async () => {
    const writer = store({ ...PATIENT, attempts: 6 });
    let seed = 1;
    // Park and Miller: the same failures in every run.
    const fails = () => {
      seed = (seed * 48271) % 2147483647;
      return seed % 5 === 0;
    };
    proxy.fault = () => (fails() ? 'busy' : 'pass');
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 16 }, (_, index) => writer.put(`fifth/${round}-${index}`, Buffer.from('x'))),
      );
    }
    expect(proxy.requests.length).toBeLessThan(2 * 320);
  });

  it('leaves a service alone that answers nothing but failures, and comes back to it', async () => {
    const writer = store(PATIENT);
    await writer.put('circuit', small);
    proxy.reset();
    proxy.fault = () => 'busy';
    const burst = () => Promise.allSettled(Array.from({ length: 100 }, () => writer.put('circuit', small)));
    await burst();
    proxy.reset();
    proxy.fault = () => 'busy';
    const rejection = { status: 'rejected', reason: { name: 'StorageError', retryable: true } };
    for (const outcome of await burst()) expect(outcome).toMatchObject(rejection);
    expect(proxy.requests.length).toBeLessThan(10);
    proxy.reset();
    await expect.poll(() => writer.put('circuit', small), { timeout: 10_000 }).toEqual(digestOf(small));
  });

  it('is not stopped by failures that are the request itself', async () => {
    const reader = store(PATIENT);
    await Promise.allSettled(Array.from({ length: 50 }, () => reader.get('none')));
    expect(await reader.put('after', small)).toEqual(digestOf(small));
  });

  it('keeps no parts of an upload that fails, and sweeps those of one that was killed', async () => {
    const writer = store({ ...PATIENT, attempts: 1 });
    proxy.fault = ({ method, path }) => (method === 'PUT' && path.includes('partNumber=2') ? 'busy' : 'pass');
    await expect(writer.put('kept', large)).rejects.toMatchObject({ name: 'StorageError' });
    expect(await partsOf('kept')).toEqual([]);
    // Nothing can be given up while the service is away: what stays is swept.
    proxy.fault = ({ method, path }) => (method === 'POST' && path.includes('uploads') ? 'pass' : 'refuse');
    await expect(writer.put('kept', large)).rejects.toMatchObject({ name: 'StorageError' });
    proxy.reset();
    const left = await partsOf('kept');
    const swept = await store(PATIENT).sweepInterrupted(new Date(Date.now() + 60_000));
    // MinIO lists uploads of one key alone, and sweeps them itself after a day.
    if (server.name !== 'minio') expect([left.length, swept > 0, await partsOf('kept')]).toEqual([1, true, []]);
  });

  it('says nothing of keys, addresses and contents in its errors', async () => {
    const canary = `canary-${randomBytes(8).toString('hex')}`;
    const stranger = store({ accessKey: canary, secretKey: canary, attempts: 1 });
    const errors: unknown[] = [];
    const keep = (error: unknown) => void errors.push(error);
    for (const fault of ['pass', 'stall', 'cut', 'swallow', 'refuse', 'busy'] as const) {
      proxy.fault = () => fault;
      await stranger.put('secret', Buffer.from(canary)).catch(keep);
      await stranger.get('secret').catch(keep);
      await stranger.list('').catch(keep);
    }
    expect(errors.length).toBeGreaterThan(12);
    const told = inspect(errors, { depth: 12, showHidden: true });
    for (const secret of [canary, S3_ACCESS_KEY, S3_SECRET_KEY, new URL(proxy.endpoint).port])
      expect(told).not.toContain(secret);
  });
});
