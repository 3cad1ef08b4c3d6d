import type { Readable } from 'node:stream';
import type { Digest } from './digest.ts';

/** What every call may be given. */
export interface CallOptions {
  /** Ends the call, wherever it stands: `AbortSignal.timeout(5_000)` is a deadline. */
  readonly signal?: AbortSignal | undefined;
}

export interface PutOptions extends CallOptions {
  /** The media type, such as `image/png`. @default 'application/octet-stream' */
  readonly contentType?: string | undefined;
  /** How the bytes are compressed, if they are. */
  readonly contentEncoding?: 'gzip' | undefined;
  /** Only where there is no such object: of several puts at the same time one succeeds. @default false */
  readonly ifAbsent?: boolean | undefined;
  /** What the caller knows of the body. Where the service checks what arrives against it, it is not worked out again. */
  readonly digest?: Digest | undefined;
}

export interface GetOptions extends CallOptions {
  /** Bytes from `start`, inclusive, up to `end`, exclusive; what lies beyond the object's end is left out. */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
  /** What was stored: anything else is `PayloadIntegrityError`. Not together with a range. */
  readonly expected?: Digest | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Deletes older versions of the object too, where the store keeps such. @default false */
  readonly allVersions?: boolean | undefined;
}

export interface ListOptions extends CallOptions {
  /** Only keys after this one. */
  readonly after?: string | undefined;
  /** 1 to 1,000. @default 1000 */
  readonly limit?: number | undefined;
  /** Also keys of which only older versions are left, where the store keeps such. @default false */
  readonly allVersions?: boolean | undefined;
}

export interface SweepInterruptedOptions extends CallOptions {
  /** Only puts of keys that begin so, where the store can tell. */
  readonly prefix?: string | undefined;
}

export interface PresignOptions {
  /** From 1; more than 604,800, a week, is taken for a week. @default 3600 */
  readonly ttlSeconds?: number | undefined;
  /** The media type that the answer has. */
  readonly contentType?: string | undefined;
  /** Makes a browser save the object under this name instead of showing it. */
  readonly fileName?: string | undefined;
}

/** What a store knows of an object without reading it. */
export interface ObjectFacts {
  readonly key: string;
  /** In bytes. */
  readonly length: number;
  readonly modified: Date;
}

export interface ObjectPage {
  /** In the order of the UTF-8 bytes of their keys. */
  readonly objects: readonly ObjectFacts[];
  /** What to pass as `after` for the next page; undefined on the last one. */
  readonly next: string | undefined;
}

export interface PresignedUrl {
  readonly url: string;
  /** In seconds. */
  readonly expiresIn: number;
}

/**
 * A place where objects are kept by key, such as a bucket. Keys are what `assertObjectKey` accepts; an object is never
 * seen half written; reads see the last completed write.
 *
 * To write one of your own, implement these methods and run `testPayloadStore` of `mongoose-chronos/testing` on it.
 *
 * All calls throw `ConfigError` for a key that is none, and `StorageError` where the store does not do what it is asked.
 */
export interface PayloadStore {
  /** What it is called in errors, such as `s3 bucket app-json`: no address and no credentials. */
  readonly name: string;
  /** The bucket's own name, where it has one. */
  readonly bucket?: string | undefined;

  /**
   * Stores an object, or replaces it, once all of it has arrived. A body that throws stores nothing.
   *
   * @returns the digest of what was stored
   * @throws StorageError with the status 412 where there is such an object, with `ifAbsent`
   */
  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<Digest>;

  /**
   * @throws PayloadMissingError
   * @throws PayloadIntegrityError
   */
  get(key: string, options?: GetOptions): Promise<Uint8Array>;

  /**
   * The object piece by piece. With `expected`, the stream fails at its end if it was another object.
   *
   * @throws PayloadMissingError
   */
  stream(key: string, options?: GetOptions): Promise<Readable>;

  /** What is known of an object; undefined where there is none. */
  head(key: string, options?: CallOptions): Promise<ObjectFacts | undefined>;

  /**
   * Deletes an object. There need not be one.
   *
   * @throws StorageError that is `retained`, where the store is not allowed to delete some version yet
   */
  delete(key: string, options?: DeleteOptions): Promise<void>;

  /** A page of the objects whose keys begin with a prefix, which may end within a segment. */
  list(prefix: string, options?: ListOptions): Promise<ObjectPage>;

  /** An address from which anyone can read the object, for a while. The object need not be there yet. */
  presign(key: string, options?: PresignOptions): Promise<PresignedUrl>;

  /**
   * Removes what puts left behind that were interrupted before an instant.
   *
   * @returns how many of them there were
   */
  sweepInterrupted(before: Date, options?: SweepInterruptedOptions): Promise<number>;
}

/** The four places of the payload tier. */
export interface PayloadBuckets {
  /** Bodies of documents. */
  readonly json: PayloadStore;
  /** Blobs and their texts. */
  readonly content: PayloadStore;
  /** Versions that have left Mongo. */
  readonly versions: PayloadStore;
  /** Exports. */
  readonly backup: PayloadStore;

  /** Gives back what is held open. Nothing can be stored or read afterwards. */
  close(): Promise<void>;
}

/** All objects whose keys begin with a prefix, in the order of their keys. */
export async function* listAll(
  store: PayloadStore,
  prefix: string,
  options: Omit<ListOptions, 'after' | 'limit'> = {},
): AsyncGenerator<ObjectFacts> {
  let after: string | undefined;
  do {
    const page = await store.list(prefix, { ...options, after });
    yield* page.objects;
    after = page.next;
  } while (after !== undefined);
}
