import { BsonType, encodedSize, findElement } from '../bson/elements.ts';
import { type RawValue, rebuild, withElement, withoutField } from '../bson/rebuild.ts';
import type { BlobReference } from '../types.ts';
import { encodeBase64 } from './base64-text.ts';
import { isLeaf, type PathTree, pathTree } from './path-tree.ts';
import { placeholder } from './split-document.ts';

/** A blob and where in the document it goes. */
export interface JoinBlob {
  readonly reference: Pick<BlobReference, 'path' | 'head'>;
  readonly bytes: Uint8Array;
}

export interface JoinParts {
  /** What is in Mongo: its `_system` is the one that counts. */
  readonly inline: Uint8Array;
  /** What was stored; where no paths are named to be indexed, the inline part itself does as well. */
  readonly body: Uint8Array;
  readonly blobs: readonly JoinBlob[];
}

/** The parts do not belong together: the body has no place for a blob. */
export class MismatchedParts extends Error {
  override readonly name = 'MismatchedParts';
}

/**
 * The document that `splitDocument` took apart, byte for byte.
 *
 * @throws MismatchedParts
 */
export function joinDocument({ inline, body, blobs }: JoinParts): Uint8Array {
  const whole =
    blobs.length === 0
      ? body
      : withValues(body, 0, encodedSize(body), pathTree(blobs.map((blob) => [blob.reference.path, encodedText(blob)])));
  return withSystemOf(inline, whole);
}

/**
 * A whole document with references in the places of its blobs, as its stored JSON has them.
 *
 * @throws MismatchedParts
 */
export function referencesIn(document: Uint8Array, blobs: readonly BlobReference[]): Uint8Array {
  if (blobs.length === 0) return document;
  const values = blobs.map((blob): Placed => [blob.path, { type: BsonType.object, bytes: placeholder(blob) }]);
  return withValues(document, 0, encodedSize(document), pathTree(values));
}

/** A text that stands for a blob. */
export interface Mark {
  readonly reference: Pick<BlobReference, 'path'>;
  readonly mark: string;
}

/**
 * A document with texts in the places of its blobs.
 *
 * @throws MismatchedParts
 */
export function marksIn(document: Uint8Array, marks: readonly Mark[]): Uint8Array {
  if (marks.length === 0) return document;
  const values = marks.map(({ reference, mark }): Placed => [reference.path, textValue(mark)]);
  return withValues(document, 0, encodedSize(document), pathTree(values));
}

type Placed = readonly [path: readonly string[], value: RawValue];

function withValues(bytes: Uint8Array, offset: number, end: number, tree: PathTree<RawValue>): Uint8Array {
  const waiting = new Map(tree);
  const joined = rebuild(bytes, offset, end, (key, { type, value, end: valueEnd }) => {
    const branch = waiting.get(key);
    if (branch === undefined) return 'keep';
    waiting.delete(key);
    if (isLeaf(branch)) return branch.leaf;
    if (type !== BsonType.object && type !== BsonType.array) throw mismatch(key);
    return { type, bytes: withValues(bytes, value, valueEnd, branch) };
  });
  for (const key of waiting.keys()) throw mismatch(key);
  return joined;
}

function mismatch(key: string): MismatchedParts {
  return new MismatchedParts(`The body has no place for the blob at ${JSON.stringify(key)}`);
}

function encodedText({ reference, bytes }: JoinBlob): RawValue {
  return textValue(encodeBase64({ bytes, head: reference.head ?? '' }));
}

/** As a BSON string. It is ASCII, so it has as many bytes as characters. */
function textValue(text: string): RawValue {
  const encoded = Buffer.allocUnsafe(4 + text.length + 1);
  encoded.writeInt32LE(text.length + 1, 0);
  encoded.write(text, 4, 'latin1');
  encoded[encoded.length - 1] = 0;
  return { type: BsonType.string, bytes: encoded };
}

function withSystemOf(inline: Uint8Array, whole: Uint8Array): Uint8Array {
  const system = findElement(inline, '_system');
  if (system === undefined) return withoutField(whole, '_system');
  if (findElement(whole, '_system') === undefined) return withElement(whole, inline.subarray(system.start, system.end));
  const value = { type: system.type, bytes: inline.subarray(system.value, system.end) };
  return rebuild(whole, 0, encodedSize(whole), (key) => (key === '_system' ? value : 'keep'));
}
