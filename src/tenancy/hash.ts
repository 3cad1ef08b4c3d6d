import { createHash } from 'node:crypto';

/** 64 bits of SHA-256: evenly spread, the same in every process, and there without waiting for a module to load. */
export function hash64(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE();
}
