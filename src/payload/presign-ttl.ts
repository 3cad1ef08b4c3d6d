import { ConfigError } from '../errors.ts';

const DEFAULT_TTL = 3600;
/** The longest that S3 signs for: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html */
const LONGEST_TTL = 604_800;

/** The time an address is good for, in whole seconds. */
export function presignTtl(ttlSeconds: number = DEFAULT_TTL): number {
  if (ttlSeconds >= 1) return Math.min(Math.floor(ttlSeconds), LONGEST_TTL);
  throw new ConfigError({ message: `Cannot presign for ${ttlSeconds} seconds: expected 1 to ${LONGEST_TTL}` });
}
