import { createHash, randomBytes } from 'node:crypto';

/** Positions of a key: one for each four bytes of a SHA-256. */
const POSITIONS = 8;
const BITS_PER_KEY = 16;
const SMALLEST = 2 ** 20;
const LARGEST = 2 ** 28;

/**
 * A set of keys in little memory (a Bloom filter): it knows all keys that were added, and takes a few others for such,
 * one in 1,700 as long as it has 16 bits for each. Which ones differs from one filter to the next. It takes 32 MiB at the
 * most, which is enough for 16 million keys.
 */
export class KeyFilter {
  readonly #bits: Uint8Array;
  readonly #salt = randomBytes(16);

  /** @param expected about how many keys are going to be added */
  constructor(expected: number) {
    let bits = SMALLEST;
    while (bits < expected * BITS_PER_KEY && bits < LARGEST) bits *= 2;
    this.#bits = new Uint8Array(bits / 8);
  }

  add(key: string): void {
    for (const position of this.#positions(key)) this.#bits[position >>> 3]! |= 1 << (position & 7);
  }

  mayHave(key: string): boolean {
    return this.#positions(key).every((position) => (this.#bits[position >>> 3]! & (1 << (position & 7))) !== 0);
  }

  #positions(key: string): number[] {
    const hash = createHash('sha256').update(this.#salt).update(key).digest();
    const size = this.#bits.length * 8;
    return Array.from({ length: POSITIONS }, (_, index) => hash.readUInt32LE(index * 4) % size);
  }
}
