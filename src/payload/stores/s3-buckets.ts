import type { PayloadBuckets } from '../payload-store.ts';
import { S3Connection } from './s3-connection.ts';
import type { S3Options } from './s3-options.ts';
import { S3PayloadStore } from './s3-payload-store.ts';

/** The names of the four buckets. Some may be the same. */
export interface BucketNames {
  readonly json: string;
  readonly content: string;
  readonly versions: string;
  readonly backup: string;
}

export interface S3BucketsOptions extends S3Options {
  readonly buckets: BucketNames;
}

/**
 * Four buckets of one service. Nothing is asked of it yet, and the SDK not loaded.
 *
 * @throws ConfigError for an option out of its range
 */
export function s3Buckets({ buckets, ...options }: S3BucketsOptions): PayloadBuckets {
  const connection = new S3Connection(options);
  return {
    json: new S3PayloadStore(buckets.json, connection),
    content: new S3PayloadStore(buckets.content, connection),
    versions: new S3PayloadStore(buckets.versions, connection),
    backup: new S3PayloadStore(buckets.backup, connection),
    close: () => connection.close(),
  };
}
