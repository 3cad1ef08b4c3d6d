import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, inject, test } from 'vitest';
import type { S3Options } from '../../src/payload/stores/s3-options.ts';
import { S3_ACCESS_KEY, S3_SECRET_KEY, type S3Server } from './s3-servers.ts';

/** What reaches a test server: at its own address, or at that of a proxy before it. */
export function s3Options(endpoint: string): S3Options & { readonly endpoint: string } {
  return { endpoint, region: 'us-east-1', accessKey: S3_ACCESS_KEY, secretKey: S3_SECRET_KEY, forcePathStyle: true };
}

/** The SDK's own client, to arrange and to look at what the library does. */
export function s3Client({ endpoint }: S3Server): S3Client {
  const credentials = { accessKeyId: S3_ACCESS_KEY, secretAccessKey: S3_SECRET_KEY };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  afterAll(() => client.destroy());
  return client;
}

/** A bucket of its own for a file. */
export async function newBucket(client: S3Client): Promise<string> {
  const bucket = `chronos-${randomBytes(6).toString('hex')}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}

/** The same tests for each S3 server there is. Where there is none they are skipped, and seen to be; in CI they fail. */
export function describeS3(title: string, tests: (server: S3Server) => void | Promise<void>): void {
  const servers = inject('s3Servers');
  if (servers.length === 0) {
    describe.runIf(process.env.CI)(title, () => test('there is an S3 server', () => expect(servers).not.toEqual([])));
  }
  for (const server of servers) describe(`${title} on ${server.name}`, () => tests(server));
}
