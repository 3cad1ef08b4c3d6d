import type { SystemFields } from '../types.ts';

/** Above it a document does not go into MongoDB as a whole: at 16 MiB the server refuses it. */
export const LARGE_BYTES = 12_000_000;

/** About how long a document is with what is in object storage; blobs are base64 in it. */
export function wholeLength(length: number, { state, payload, blobs = [] }: SystemFields): number {
  if (state !== 'processed' || payload === undefined) return length;
  return blobs.reduce((sum, blob) => sum + (blob.length * 4) / 3, length + payload.size);
}

/** Whether a document that has left MongoDB is too large to come back as a whole. Without blobs it has to. */
export function isTooLong(length: number, system: SystemFields): boolean {
  const { state, blobs = [] } = system;
  return state === 'processed' && blobs.length > 0 && wholeLength(length, system) > LARGE_BYTES;
}
