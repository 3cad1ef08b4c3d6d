export {
  type BucketStatus,
  type EnsureBucketsOptions,
  type EnsuredBuckets,
  S3Admin,
  type S3Connectivity,
  type SpacesValidation,
} from './payload/stores/s3-admin.ts';
export { type BucketNames, type S3BucketsOptions, s3Buckets } from './payload/stores/s3-buckets.ts';
export type { S3Options } from './payload/stores/s3-options.ts';
export { S3PayloadStore } from './payload/stores/s3-payload-store.ts';
