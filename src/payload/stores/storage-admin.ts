import type { CallOptions } from '../payload-store.ts';
import type { EnsureBucketsOptions, EnsuredBuckets, S3Connectivity, SpacesValidation } from './s3-admin.ts';

/** Looks after the buckets of a configuration, be they of a service or directories. */
export interface StorageAdmin {
  testS3Connectivity(options?: CallOptions): Promise<S3Connectivity>;
  validateSpacesConfiguration(options?: CallOptions): Promise<SpacesValidation>;
  ensureBucketsExist(options?: EnsureBucketsOptions): Promise<EnsuredBuckets>;
  close(): Promise<void>;
}
