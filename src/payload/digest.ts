import { createHash } from 'node:crypto';

/** What was stored, told by its bytes. */
export interface Digest {
  /** SHA-256 in lower-case hexadecimal digits. */
  readonly sha256: string;
  /** In bytes. */
  readonly length: number;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function digestOf(bytes: Uint8Array): Digest {
  return { sha256: sha256(bytes), length: bytes.length };
}

export function sameDigest(a: Digest, b: Digest): boolean {
  return a.length === b.length && a.sha256 === b.sha256;
}

/** Adds up the digest of bytes that pass by. */
export class RunningDigest {
  readonly #hash = createHash('sha256');
  #length = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /** Ends it: nothing can be added afterwards. */
  end(): Digest {
    return { sha256: this.#hash.digest('hex'), length: this.#length };
  }
}
