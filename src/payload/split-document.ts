import { BsonType, type Element, encodedSize } from '../bson/elements.ts';
import { RawWriter } from '../bson/raw-writer.ts';
import { type Fate, type RawValue, rebuild } from '../bson/rebuild.ts';
import type { BlobReference } from '../types.ts';
import { decodeBase64, decodedLength } from './base64-text.ts';
import { type BlobLimits, requireBlobFits } from './blob-limits.ts';
import { type Digest, digestOf } from './digest.ts';
import { type Branch, isLeaf, type PathTree } from './path-tree.ts';
import type { BlobRules, PayloadMap } from './payload-map.ts';
import { decodeText } from './text-charset.ts';

/** Where a blob is kept, by the names that documents show it under. */
export interface BlobLocation {
  readonly contentBucket: string;
  readonly blobKey: string;
  /** Where its text is kept, if it has one. */
  readonly textKey?: string | undefined;
}

/** A blob that was found in a document. */
export interface FoundBlob extends Digest {
  readonly path: readonly string[];
  readonly contentType: string;
  readonly bytes: Uint8Array;
  /** Its text in UTF-8, where it has one. */
  readonly text?: Uint8Array | undefined;
}

/** A document, taken apart. */
export interface SplitDocument {
  /** What stays in Mongo once the payload is stored: `_id`, `_system` and the indexed paths of the body. */
  readonly inline: Uint8Array;
  /** The whole document, but for the blobs, in whose places stand their locations: `{ ref: { blobKey, ... } }`. */
  readonly body: Uint8Array;
  readonly blobs: readonly SplitBlob[];
}

export interface SplitBlob {
  readonly reference: BlobReference;
  readonly found: FoundBlob;
}

export interface SplitOptions extends BlobLimits {
  readonly map: PayloadMap;
  /** Says where a blob is kept: where it was if it has not changed, or a new place. Asked once for each blob. */
  readonly locate: (blob: FoundBlob) => BlobLocation;
}

/**
 * Takes a document apart, as raw BSON. Strings at base64 paths that are no strict base64 stay where they are.
 *
 * @throws ExternalizationError if a blob, or all of them together, are too large; told before they are decoded
 */
export function splitDocument(document: Uint8Array, options: SplitOptions): SplitDocument {
  const search = new BlobSearch(document, options);
  const whole = search.documentWithoutBlobs();
  return { inline: inlinePart(whole, options.map), body: storedBody(whole), blobs: search.blobs };
}

/** What of a document without its blobs stays in MongoDB. */
export function inlinePart(whole: Uint8Array, { indexedTree }: Pick<PayloadMap, 'indexedTree'>): Uint8Array {
  if (indexedTree === undefined) return whole;
  return rebuild(whole, 0, encodedSize(whole), (key, element) =>
    key === '_id' || key === '_system' ? 'keep' : prune(whole, element, indexedTree.get(key)),
  );
}

/** What of `_system` tells where a version is kept, which changes while the version does not. */
const WHEREABOUTS = new Set(['state', 'payload']);

function storedBody(whole: Uint8Array): Uint8Array {
  return rebuild(whole, 0, encodedSize(whole), (key, { type, value, end }) => {
    if (key !== '_system' || type !== BsonType.object) return 'keep';
    return { type, bytes: rebuild(whole, value, end, (field) => (WHEREABOUTS.has(field) ? 'drop' : 'keep')) };
  });
}

/** An element with nothing but the paths of a tree, as a projection shows it; lists keep their length. */
function prune(bytes: Uint8Array, element: Element, branch: Branch<true> | undefined): Fate {
  if (branch === undefined) return 'drop';
  if (isLeaf(branch)) return 'keep';
  if (element.type === BsonType.object) {
    const fields = (key: string, field: Element) => prune(bytes, field, branch.get(key));
    return { type: element.type, bytes: rebuild(bytes, element.value, element.end, fields) };
  }
  if (element.type !== BsonType.array) return 'drop';
  const items = (_: string, item: Element) => (isContainer(item) ? prune(bytes, item, branch) : SCALAR);
  return { type: element.type, bytes: rebuild(bytes, element.value, element.end, items) };
}

/** Stands for an item that a path cannot lead through: conditions on the path see it as they see any such item. */
const SCALAR: RawValue = { type: BsonType.boolean, bytes: Uint8Array.of(0) };

function isContainer({ type }: Element): boolean {
  return type === BsonType.object || type === BsonType.array;
}

class BlobSearch {
  readonly blobs: SplitBlob[] = [];
  readonly #document: Uint8Array;
  readonly #options: SplitOptions;
  #total = 0;

  constructor(document: Uint8Array, options: SplitOptions) {
    this.#document = document;
    this.#options = options;
  }

  documentWithoutBlobs(): Uint8Array {
    const { blobTree } = this.#options.map;
    if (blobTree.size === 0) return this.#document;
    return this.#withoutBlobs(0, encodedSize(this.#document), blobTree, []);
  }

  #withoutBlobs(offset: number, end: number, tree: PathTree<BlobRules>, path: readonly string[]): Uint8Array {
    const seen = new Set<string>();
    return rebuild(this.#document, offset, end, (key, element) => {
      const branch = tree.get(key);
      // A key that is there twice cannot be told from the first one by its path.
      if (branch === undefined || seen.has(key)) return 'keep';
      seen.add(key);
      return this.#fateOf(element, branch, [...path, key]);
    });
  }

  #fateOf({ type, value, end }: Element, branch: Branch<BlobRules>, path: readonly string[]): Fate {
    if (type === BsonType.array) {
      const items = (key: string, item: Element) => this.#fateOf(item, branch, [...path, key]);
      return { type, bytes: rebuild(this.#document, value, end, items) };
    }
    if (isLeaf(branch)) return type === BsonType.string ? this.#externalize(value, end, branch.leaf, path) : 'keep';
    if (type !== BsonType.object) return 'keep';
    return { type, bytes: this.#withoutBlobs(value, end, branch, path) };
  }

  #externalize(offset: number, end: number, rules: BlobRules, path: readonly string[]): Fate {
    const { buffer, byteOffset } = this.#document;
    const text = Buffer.from(buffer, byteOffset + offset + 4, end - offset - 5).toString('utf8');
    requireBlobFits(decodedLength(text), this.#total, path, this.#options);
    const decoded = decodeBase64(text);
    if (decoded === undefined) return 'keep';
    this.#total += decoded.bytes.length;
    const found = foundBlob(decoded.bytes, rules, path);
    const { sha256, length, contentType } = found;
    const head = decoded.head === '' ? {} : { head: decoded.head };
    const reference = { path, ...this.#options.locate(found), contentType, ...head, sha256, length };
    this.blobs.push({ reference, found });
    return { type: BsonType.object, bytes: placeholder(reference) };
  }
}

function foundBlob(bytes: Uint8Array, rules: BlobRules, path: readonly string[]): FoundBlob {
  const text = rules.preferredText ? decodeText(bytes, rules.textCharset) : undefined;
  const kept = text === undefined || text === '' ? {} : { text: Buffer.from(text, 'utf8') };
  return { path, contentType: rules.contentType, bytes, ...digestOf(bytes), ...kept };
}

/** So the stored JSON tells where its blobs are. */
export function shownReference({ contentBucket, blobKey, textKey, contentType }: BlobReference) {
  return { ref: { contentBucket, blobKey, ...(textKey === undefined ? {} : { textKey }), contentType } };
}

/** The same as BSON. */
export function placeholder(reference: BlobReference): Uint8Array {
  const out = new RawWriter();
  const document = out.begin();
  out.byte(BsonType.object);
  out.cString('ref');
  const ref = out.begin();
  for (const [key, text] of Object.entries(shownReference(reference).ref)) {
    out.byte(BsonType.string);
    out.cString(key);
    out.string(text);
  }
  out.byte(0);
  out.end(ref);
  out.byte(0);
  out.end(document);
  return out.bytes();
}
