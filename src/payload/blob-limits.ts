import { ExternalizationError } from '../errors.ts';

/** How large the blobs of a document may be. */
export interface BlobLimits {
  /** In bytes. @default 16 MiB */
  readonly maxBlobBytes?: number | undefined;
  /** Of all blobs of the document together, in bytes. @default 64 MiB */
  readonly maxTotalBytes?: number | undefined;
}

const MIB = 2 ** 20;

/**
 * Refuses one more blob of a document that is too large, or too much with those before it. To be asked before it is
 * decoded.
 *
 * @param total of those before it, in bytes
 * @throws ExternalizationError
 */
export function requireBlobFits(length: number, total: number, path: readonly string[], limits: BlobLimits = {}): void {
  const { maxBlobBytes = 16 * MIB, maxTotalBytes = 64 * MIB } = limits;
  if (length > maxBlobBytes) throw new ExternalizationError(path.join('.'), length, maxBlobBytes);
  if (total + length > maxTotalBytes) throw new ExternalizationError(path.join('.'), total + length, maxTotalBytes);
}
