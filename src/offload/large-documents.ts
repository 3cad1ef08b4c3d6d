import type { mongo } from 'mongoose';
import { withoutField } from '../bson/rebuild.ts';
import { type Mark, marksIn } from '../payload/join-document.ts';
import type { PayloadMap } from '../payload/payload-map.ts';
import type { Fields } from '../payload/take-blobs.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import { plainProjection, projected } from './project.ts';
import {
  type ComingVersion,
  type Encoding,
  isLarge,
  PutBefore,
  type Standing,
  type StoredFirst,
  type StoredSystem,
  storeFirst,
} from './store-first.ts';
import { type Offloading, removeReplaced } from './upload-row.ts';
import { isTooLong, LARGE_BYTES, wholeLength } from './whole-length.ts';

type Configured = mongo.Collection<RawDocument> & { readonly bsonOptions?: object };

/** What it takes of the tier that it belongs to. */
export interface LargeContext {
  readonly whole: (row: Uint8Array) => Promise<Uint8Array>;
  readonly withReferences: (row: Uint8Array) => Promise<Uint8Array>;
  readonly owned: () => Promise<void>;
  /** What the server gives of a document for a projection. */
  readonly project: (document: Uint8Array, projection: RawDocument) => Promise<Uint8Array>;
}

/** Documents that are too large to be committed as a whole: their payload is stored first. */
export class LargeDocuments {
  readonly #target: Offloading;
  readonly #context: LargeContext;
  readonly #calls = new WeakMap<object, PutBefore>();

  constructor(target: Offloading, context: LargeContext) {
    this.#target = target;
    this.#context = context;
  }

  /** Whether a document that is to be written is one. */
  isLarge(document: Fields, options: object, standing?: Standing): boolean {
    return isLarge(this.#target, document, this.#encoding(options), standing);
  }

  /** What of documents are blobs. */
  get map(): PayloadMap {
    return this.#target.map;
  }

  /** Whether a row is one, as a whole, together with so many characters more. */
  isLargeWith(row: Uint8Array | undefined, more: number): boolean {
    const length = row === undefined ? 0 : wholeLength(row.length, systemOfBytes(this.#target.bson, row));
    return length + more > LARGE_BYTES;
  }

  /** The row with all of its document, but for the blobs: in their places stand marks. */
  async withMarks(row: Uint8Array, marks: readonly Mark[]): Promise<Uint8Array> {
    return marksIn(await this.#context.withReferences(row), marks);
  }

  /** Whether a document of which a part is in object storage is one, as a whole. */
  wasLarge(row: Uint8Array): boolean {
    return isTooLong(row.length, systemOfBytes(this.#target.bson, row));
  }

  /**
   * Stores the payload of a document that is to be committed.
   *
   * @param call stands for the call that does so: what it has put once it does not put again
   * @throws StorageError; ExternalizationError; DocumentTooLargeError
   */
  async store(
    coming: Omit<ComingVersion, 'before'>,
    document: Fields,
    options: object,
    call: object,
  ): Promise<StoredFirst> {
    await this.#context.owned();
    return storeFirst(this.#target, { ...coming, before: this.putBy(call) }, document, this.#encoding(options));
  }

  /** Where no versions are kept, takes away what the version before was stored as, once this one is committed. */
  removeReplaced(system: SystemFields, by: StoredSystem): Promise<void> {
    return removeReplaced(this.#target, system, by);
  }

  /** What a call has put is kept in mind no longer: something that it has put may be gone soon. */
  forget(call: object): void {
    this.#calls.delete(call);
  }

  putBy(call: object): PutBefore {
    const before = this.#calls.get(call) ?? new PutBefore();
    this.#calls.set(call, before);
    return before;
  }

  /** What a caller gets of a row for a projection. */
  async shown(row: Uint8Array, projection: RawDocument | undefined): Promise<Uint8Array> {
    const document = withoutField(await this.#context.whole(row), '_system');
    if (projection === undefined || Object.keys(projection).length === 0) return document;
    const plain = plainProjection(projection);
    return plain === undefined ? this.#context.project(document, projection) : projected(document, plain);
  }

  #encoding(options: object): Encoding {
    const { bsonOptions = {} } = this.#target.head as Configured;
    const asked: { readonly [K in keyof Encoding]?: unknown } = { ...bsonOptions, ...options };
    return { ignoreUndefined: asked.ignoreUndefined === true, serializeFunctions: asked.serializeFunctions === true };
  }
}
