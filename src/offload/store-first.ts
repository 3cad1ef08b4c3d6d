import { canonicalKey } from '../bson/canonical-key.ts';
import { decodeExact } from '../bson/exact.ts';
import { DocumentTooLargeError } from '../errors.ts';
import { decodedLength, decodedPieces, strictHeadOf } from '../payload/base64-text.ts';
import { requireBlobFits } from '../payload/blob-limits.ts';
import { encodeBody } from '../payload/body-codec.ts';
import { checkDigest } from '../payload/check-digest.ts';
import { type Digest, RunningDigest } from '../payload/digest.ts';
import { drawIncarnation } from '../payload/incarnation.ts';
import { blobKeys, itemKey, type VersionAddress } from '../payload/payload-key.ts';
import { inlinePart, shownReference } from '../payload/split-document.ts';
import { type Fields, type TakenText, withoutBlobs } from '../payload/take-blobs.ts';
import { decodeText } from '../payload/text-charset.ts';
import { MAX_DOCUMENT_BYTES } from '../system/document-limit.ts';
import type { BlobReference, PayloadReference, RawDocument, SystemFields } from '../types.ts';
import { addressOf, type Known, knownBlob, type Offloading, UPLOAD_DEADLINE_MS } from './upload-row.ts';
import { LARGE_BYTES } from './whole-length.ts';

/** What leaves room for the bookkeeping of any version. */
const MOST_JSON_BYTES = MAX_DOCUMENT_BYTES - 65_536;

/** How the driver is told to write what is no BSON. */
export interface Encoding {
  readonly ignoreUndefined: boolean;
  readonly serializeFunctions: boolean;
}

/** What a version refers to that is stored before it is committed: it begins as `processed`. */
export type StoredSystem = Required<Pick<SystemFields, 'payload' | 'blobs'>> & Pick<SystemFields, 'incarnation'>;

/** A document whose payload is stored. */
export interface StoredFirst {
  /** What of it goes into MongoDB. */
  readonly part: RawDocument;
  readonly system: StoredSystem;
}

/** What one call has put already, whatever number of times it has to begin anew: nothing is put twice. */
export class PutBefore {
  readonly blobs = new Map<string, BlobReference>();
  readonly bodies = new Map<string, PayloadReference>();
  readonly #incarnations = new Map<string, string>();

  incarnationOf(id: string): string {
    const known = this.#incarnations.get(id) ?? drawIncarnation();
    this.#incarnations.set(id, known);
    return known;
  }
}

/** Texts that stand in a document for blobs that are stored, each with what it stands for. */
export type Standing = ReadonlyMap<string, BlobReference>;

/** The version that a document is going to be. */
export interface ComingVersion {
  readonly id: unknown;
  /** Its number, or one before it where others come in between. */
  readonly ov: number;
  readonly incarnation: string | undefined;
  /** What the version before has that this one may repeat, if it stays the one before. */
  readonly known: readonly Known[];
  readonly standing?: Standing | undefined;
  readonly before: PutBefore;
}

/** Whether a document has blobs and passes what goes into MongoDB as a whole. */
export function isLarge(
  { bson, map }: Offloading,
  document: Fields,
  encoding: Encoding,
  standing: Standing = new Map(),
): boolean {
  let length = 0;
  const rest = withoutBlobs(document, map.blobTree, ({ text }) => {
    length += textLength(text, standing);
    return '';
  });
  if (length === 0 || length > LARGE_BYTES) return length > 0;
  try {
    return bson.serialize(rest, encoding).length + length > LARGE_BYTES;
  } catch (error) {
    if (error instanceof RangeError) return true;
    throw error;
  }
}

function textLength(text: string, standing: Standing): number {
  const reference = standing.get(text);
  return reference === undefined ? text.length : Math.ceil(reference.length / 3) * 4;
}

/**
 * Stores the payload of a document before it is committed, for it is too large to be committed as a whole: its blobs
 * first, then its JSON, each under a key that nothing else has. What is not committed then is left to a sweep.
 *
 * @throws ExternalizationError for blobs that are too large, DocumentTooLargeError where it is too large without them;
 *   told before anything is decoded or put
 * @throws StorageError
 */
export async function storeFirst(
  target: Offloading,
  coming: ComingVersion,
  document: Fields,
  encoding: Encoding,
): Promise<StoredFirst> {
  const { bson, map, kept } = target;
  const encode = encoderOf(target, coming, encoding);
  let total = 0;
  // All that can be told without decoding.
  const { standing = new Map() } = coming;
  const rest = withoutBlobs(document, map.blobTree, ({ path, text }) => {
    const length = standing.get(text)?.length ?? decodedLength(text);
    requireBlobFits(length, total, path);
    total += length;
    return '';
  });
  encode(rest);
  const found = blobsOf(target, document, standing);
  encode(withoutBlobs(document, map.blobTree, ({ path, text }) => (found.has(nameOf(path)) ? '' : text)));
  const references = new Map<string, BlobReference>();
  for (const [name, blob] of found) references.set(name, await storeBlob(target, coming, blob));
  const body = withoutBlobs(document, map.blobTree, ({ path, text }) => {
    const reference = references.get(nameOf(path));
    return reference === undefined ? text : shownReference(reference);
  });
  const bytes = encode(body);
  const payload = await storeBody(target, coming, bytes);
  const part = decodeExact(bson, inlinePart(bytes, await kept.marking())) as RawDocument;
  const { incarnation } = coming;
  const life = incarnation === undefined ? {} : { incarnation };
  return { part, system: { payload, blobs: [...references.values()], ...life } };
}

interface Blob extends TakenText {
  /** What stands before the base64 itself. */
  readonly head: string;
}

function nameOf(path: readonly string[]): string {
  return JSON.stringify(path);
}

/** The texts that are strict base64: others stay in the JSON. */
function blobsOf({ map }: Offloading, document: Fields, standing: Standing): ReadonlyMap<string, Blob> {
  const found = new Map<string, Blob>();
  withoutBlobs(document, map.blobTree, (taken) => {
    const stored = standing.get(taken.text);
    const head = stored === undefined ? strictHeadOf(taken.text) : (stored.head ?? '');
    if (head !== undefined) found.set(nameOf(taken.path), { ...taken, head });
    return taken.text;
  });
  return found;
}

/** Encodes what has to fit into MongoDB, or refuses it. */
function encoderOf({ bson, head }: Offloading, { id }: ComingVersion, encoding: Encoding) {
  return (document: Fields): Uint8Array => {
    try {
      const bytes = bson.serialize(document, encoding);
      if (bytes.length <= MOST_JSON_BYTES) return bytes;
    } catch (error) {
      // What passes the serializer's own buffer is beyond every limit.
      if (!(error instanceof RangeError)) throw error;
    }
    throw new DocumentTooLargeError(head.collectionName, id);
  };
}

async function storeBlob(
  target: Offloading,
  coming: ComingVersion,
  { path, text, rules, head }: Blob,
): Promise<BlobReference> {
  const stored = coming.standing?.get(text);
  if (stored !== undefined) return { ...stored, path };
  const digest = await digestOfText(text, head);
  const { contentType } = rules;
  const facts = { path, contentType, ...(head === '' ? {} : { head }), ...digest };
  const known = knownBlob(facts, coming.known);
  if (known !== undefined) return { ...facts, ...known };
  const name = JSON.stringify([addressKey(coming), path, digest, head]);
  const before = coming.before.blobs.get(name);
  if (before !== undefined) return before;
  const { content } = target.stores;
  const signal = AbortSignal.timeout(UPLOAD_DEADLINE_MS);
  const { blobKey, textKey } = blobKeys({ ...versionOf(target, coming), path, opId: drawIncarnation() });
  checkDigest(
    { store: content.name, key: blobKey },
    await content.put(blobKey, decodedPieces(text, head), { contentType, signal }),
    digest,
  );
  const shown = rules.preferredText
    ? decodeText(Buffer.from(text.slice(head.length), 'base64'), rules.textCharset)
    : '';
  const isText = shown !== undefined && shown !== '';
  if (isText) {
    await content.put(textKey, Buffer.from(shown, 'utf8'), { contentType: 'text/plain; charset=utf-8', signal });
  }
  const location = { contentBucket: content.bucket ?? content.name, blobKey, ...(isText ? { textKey } : {}) };
  const reference = { ...facts, ...location };
  coming.before.blobs.set(name, reference);
  return reference;
}

async function digestOfText(text: string, head: string): Promise<Digest> {
  const digest = new RunningDigest();
  for await (const piece of decodedPieces(text, head)) digest.add(piece);
  return digest.end();
}

async function storeBody(target: Offloading, coming: ComingVersion, body: Uint8Array): Promise<PayloadReference> {
  const { bytes, ...facts } = await encodeBody(target.bson, body);
  const name = JSON.stringify([addressKey(coming), facts]);
  const before = coming.before.bodies.get(name);
  if (before !== undefined) return before;
  const { json } = target.stores;
  const address = versionOf(target, coming);
  // Behind what tells the life of the document apart, so that nobody else has the key.
  const key = itemKey({ ...address, incarnation: (address.incarnation ?? '') + drawIncarnation() });
  const options = { contentType: 'application/json', contentEncoding: facts.encoding } as const;
  const signal = AbortSignal.timeout(UPLOAD_DEADLINE_MS);
  checkDigest({ store: json.name, key }, await json.put(key, bytes, { ...options, signal }), facts);
  const reference = { key, ...facts };
  coming.before.bodies.set(name, reference);
  return reference;
}

function versionOf(target: Offloading, { id, ov, incarnation }: ComingVersion): VersionAddress {
  return { ...addressOf(target, id), ov, incarnation };
}

function addressKey({ id, incarnation }: ComingVersion): string {
  return `${canonicalKey(id)} ${incarnation ?? ''}`;
}
