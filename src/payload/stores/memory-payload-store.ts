import { Readable } from 'node:stream';
import { PayloadMissingError } from '../../errors.ts';
import { partsOf, rangeOf } from '../byte-stream.ts';
import { checkedBytes, checkedStream } from '../check-digest.ts';
import { type Digest, digestOf } from '../digest.ts';
import { existsAlready } from '../object-exists.ts';
import { assertKeyPrefix, assertObjectKey, compareKeys } from '../object-key.ts';
import type {
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectFacts,
  ObjectPage,
  PayloadBuckets,
  PayloadStore,
  PresignedUrl,
  PresignOptions,
  PutOptions,
} from '../payload-store.ts';
import { presignTtl } from '../presign-ttl.ts';

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modified: Date;
  readonly contentType: string;
}

/** Keeps objects in memory, for tests: they are gone with it. */
export class MemoryPayloadStore implements PayloadStore {
  readonly name: string;
  readonly #objects = new Map<string, StoredObject>();

  constructor(name = 'memory') {
    this.name = name;
  }

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<Digest> {
    assertObjectKey(key);
    options.signal?.throwIfAborted();
    const parts: Uint8Array[] = [];
    for await (const part of partsOf(body, Number.POSITIVE_INFINITY)) parts.push(part);
    const bytes = new Uint8Array(Buffer.concat(parts));
    const { contentType = 'application/octet-stream', ifAbsent = false } = options;
    if (ifAbsent && this.#objects.has(key)) throw existsAlready(this.name, key);
    this.#objects.set(key, { bytes, modified: new Date(), contentType });
    return digestOf(bytes);
  }

  async get(key: string, { range, expected, signal }: GetOptions = {}): Promise<Uint8Array> {
    assertObjectKey(key);
    signal?.throwIfAborted();
    const { bytes } = this.#find(key);
    const whole = checkedBytes({ store: this.name, key }, bytes, range === undefined ? expected : undefined);
    const { start, end } = rangeOf(whole.length, range ?? { start: 0 });
    return whole.slice(start, end);
  }

  async stream(key: string, options: GetOptions = {}): Promise<Readable> {
    const { expected, ...rest } = options;
    const source = Readable.from([await this.get(key, rest)], { objectMode: false });
    return checkedStream({ store: this.name, key }, source, expected);
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectFacts | undefined> {
    assertObjectKey(key);
    signal?.throwIfAborted();
    const found = this.#objects.get(key);
    return found === undefined ? undefined : { key, length: found.bytes.length, modified: found.modified };
  }

  async delete(key: string): Promise<void> {
    assertObjectKey(key);
    this.#objects.delete(key);
  }

  async list(prefix: string, { after, limit = 1000 }: ListOptions = {}): Promise<ObjectPage> {
    assertKeyPrefix(prefix);
    const keys = [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0))
      .sort(compareKeys);
    const page = keys.slice(0, limit);
    const objects = page.map((key) => {
      const { bytes, modified } = this.#find(key);
      return { key, length: bytes.length, modified };
    });
    return { objects, next: keys.length > limit ? page.at(-1) : undefined };
  }

  /** A `data:` URL, which holds the object itself. */
  async presign(key: string, { ttlSeconds, contentType }: PresignOptions = {}): Promise<PresignedUrl> {
    assertObjectKey(key);
    const expiresIn = presignTtl(ttlSeconds);
    const found = this.#find(key);
    const base64 = Buffer.from(found.bytes).toString('base64');
    return { url: `data:${contentType ?? found.contentType};base64,${base64}`, expiresIn };
  }

  /** Nothing is left behind here. */
  async sweepInterrupted(): Promise<number> {
    return 0;
  }

  #find(key: string): StoredObject {
    const found = this.#objects.get(key);
    if (found === undefined) throw new PayloadMissingError(this.name, key);
    return found;
  }
}

/** Four stores in memory. */
export function memoryBuckets(): PayloadBuckets {
  return {
    json: new MemoryPayloadStore('memory bucket json'),
    content: new MemoryPayloadStore('memory bucket content'),
    versions: new MemoryPayloadStore('memory bucket versions'),
    backup: new MemoryPayloadStore('memory bucket backup'),
    close: async () => {},
  };
}
