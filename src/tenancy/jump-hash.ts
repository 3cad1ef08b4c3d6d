import { hash64 } from './hash.ts';

const MULTIPLIER = 2862933555777941757n;
const TWO_31 = 2 ** 31;

/**
 * Jump consistent hash (Lamping and Veach, 2014, https://arxiv.org/abs/1406.2294): the number of the bucket, from 0 to
 * `buckets` - 1, that has the key. With a bucket more at the end, 1/n of the keys move, all of them to it. Buckets are
 * known by their place in the list: they can be added and removed at its end only.
 */
export function jumpHash(key: string, buckets: number): number {
  let state = hash64(key);
  let bucket = -1n;
  let next = 0n;
  while (next < buckets) {
    bucket = next;
    state = BigInt.asUintN(64, state * MULTIPLIER + 1n);
    next = BigInt(Math.floor((Number(bucket) + 1) * (TWO_31 / (Number(state >> 33n) + 1))));
  }
  return Number(bucket);
}
