import { LRUCache } from 'lru-cache';
import { encodeBase64 } from '../payload/base64-text.ts';
import { decodeBody } from '../payload/body-codec.ts';
import type { Digest } from '../payload/digest.ts';
import { joinDocument, referencesIn } from '../payload/join-document.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { BlobReference, Bson, PayloadReference, SystemFields } from '../types.ts';
import { AtOnce } from './at-once.ts';
import type { PayloadStores } from './payload-stores.ts';
import { underIdOf } from './row.ts';

const READS_AT_ONCE = 32;
const CACHED_BYTES = 64 * 2 ** 20;

/** Puts rows of which a part is in object storage together again. */
export class PayloadReader {
  readonly #bson: Bson;
  readonly #stores: PayloadStores;
  readonly #reads = new AtOnce(READS_AT_ONCE);
  /** What was read last, by the digest of what was stored: bodies as BSON, and blobs. */
  readonly #cache = new LRUCache<string, Uint8Array>({
    maxSize: CACHED_BYTES,
    sizeCalculation: ({ length }, key) => length + key.length,
  });

  constructor(bson: Bson, stores: PayloadStores) {
    this.#bson = bson;
    this.#stores = stores;
  }

  /**
   * The row with all of its document.
   *
   * @throws PayloadMissingError; PayloadIntegrityError for an object that is not the one that was stored; StorageError
   */
  async whole(row: Uint8Array, system: SystemFields = systemOfBytes(this.#bson, row)): Promise<Uint8Array> {
    if (system.state !== 'processed' || system.payload === undefined) return row;
    const { blobs: references = [], payload } = system;
    const [body, ...blobs] = await Promise.all([
      this.#body(payload),
      ...references.map(async (reference) => ({ reference, bytes: await this.#blob(reference.blobKey, reference) })),
    ]);
    return underIdOf(row, joinDocument({ inline: row, body, blobs }));
  }

  /** The same, but for the blobs: in their places stand their references, and none of them is read. */
  async withReferences(row: Uint8Array): Promise<Uint8Array> {
    const { state, payload, blobs = [] } = systemOfBytes(this.#bson, row);
    if (state !== 'processed' || payload === undefined) return referencesIn(row, blobs);
    return underIdOf(row, joinDocument({ inline: row, body: await this.#body(payload), blobs: [] }));
  }

  /** A blob as the property that it was taken from had it. */
  async base64Of(reference: BlobReference): Promise<string> {
    const bytes = await this.#blob(reference.blobKey, reference);
    return encodeBase64({ bytes, head: reference.head ?? '' });
  }

  /** Forgets what was read. */
  forget(): void {
    this.#cache.clear();
  }

  async #body(reference: PayloadReference): Promise<Uint8Array> {
    return this.#cached(`json:${reference.key}`, reference, async () => {
      const stored = await this.#stores.json.get(reference.key, { expected: reference });
      return decodeBody(this.#bson, stored, reference);
    });
  }

  async #blob(key: string, digest: Digest): Promise<Uint8Array> {
    return this.#cached(`blob:${key}`, digest, () => this.#stores.content.get(key, { expected: digest }));
  }

  async #cached(key: string, { sha256 }: Digest, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const name = `${key} ${sha256}`;
    const known = this.#cache.get(name);
    if (known !== undefined) return known;
    const bytes = await this.#reads.run(read);
    this.#cache.set(name, bytes);
    return bytes;
  }
}
