import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { installS3Servers, S3_ACCESS_KEY, S3_SECRET_KEY, startS3 } from '../support/s3-servers.ts';
import type { Bench } from './bench-case.ts';
import type { SlowProxyTasks } from './children/slow-proxy.ts';

const REGION = 'us-east-1';

/** A bucket, for the time of a case. */
export interface Bucket {
  readonly bucket: string;
  readonly endpoint: string;
  /** The address from which it answers so much later. */
  readonly slow: (delayMs: number) => Promise<string>;
  readonly stop: () => Promise<void>;
}

const IN_MEMORY = '/dev/shm';

/**
 * A bucket on an S3 server of its own, or undefined where there is none. It would be another machine: so it runs at the
 * lowest priority, and off the disk that MongoDB writes its journal to.
 */
export async function startBucket(bench: Bench): Promise<Bucket | undefined> {
  const [installed] = await installS3Servers(() => {});
  if (installed === undefined) return undefined;
  const { endpoint, pid, stop } = await startS3(installed, existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir());
  setPriority(pid, constants.priority.PRIORITY_LOW);
  const bucket = `bench-${randomBytes(6).toString('hex')}`;
  const client = s3ClientOf(endpoint);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  const slow = async (delayMs: number) => {
    const proxy = bench.startChild<SlowProxyTasks>(new URL('children/slow-proxy.ts', import.meta.url));
    const port = await proxy.ask('listen', { port: Number(new URL(endpoint).port), delayMs });
    return `http://127.0.0.1:${port}`;
  };
  return { bucket, endpoint, slow, stop };
}

/** What the library is told of the server. */
export function s3OptionsOf(endpoint: string) {
  return { endpoint, region: REGION, accessKey: S3_ACCESS_KEY, secretKey: S3_SECRET_KEY, forcePathStyle: true };
}

/** The SDK's own client. */
export function s3ClientOf(endpoint: string): S3Client {
  const credentials = { accessKeyId: S3_ACCESS_KEY, secretAccessKey: S3_SECRET_KEY };
  return new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
}
