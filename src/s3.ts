export { type BucketNames, type S3BucketsOptions, s3Buckets } from './payload/stores/s3-buckets.ts';
export type { S3Options } from './payload/stores/s3-options.ts';
export { S3PayloadStore } from './payload/stores/s3-payload-store.ts';
