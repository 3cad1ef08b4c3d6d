import { gunzipSync } from 'node:zlib';
import {
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { newBucket } from './s3-bucket.ts';

/** A bucket that keeps older versions of its objects. */
export async function versionedBucket(client: S3Client): Promise<string> {
  const Bucket = await newBucket(client);
  const VersioningConfiguration = { Status: 'Enabled' as const };
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  return Bucket;
}

/** All versions of all objects, and markers of deletions, which have no length. */
export async function versionsIn(client: S3Client, Bucket: string) {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  const markers = DeleteMarkers.map(({ Key = '', VersionId }) => ({ key: Key, version: VersionId, isMarker: true }));
  return [
    ...Versions.map(({ Key = '', VersionId }) => ({ key: Key, version: VersionId, isMarker: false })),
    ...markers,
  ];
}

/** What is in all versions of all objects, decompressed. */
export async function everyVersion(client: S3Client, buckets: readonly string[]): Promise<Buffer[]> {
  const bodies: Buffer[] = [];
  for (const bucket of buckets) {
    for (const { key, version, isMarker } of await versionsIn(client, bucket)) {
      if (isMarker) continue;
      const object = { Bucket: bucket, Key: key, VersionId: version };
      const { Body } = await client.send(new GetObjectCommand(object));
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      bodies.push(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes);
    }
  }
  return bodies;
}
