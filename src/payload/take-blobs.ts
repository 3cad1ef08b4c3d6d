import type { RawDocument } from '../types.ts';
import { type Branch, isLeaf, type PathTree } from './path-tree.ts';
import type { BlobRules } from './payload-map.ts';

/** A document as the driver would send it. */
export type Fields = RawDocument | Map<string, unknown>;

/** A text that was taken out of a document, from a path where it may be a blob. */
export interface TakenText {
  readonly path: readonly string[];
  readonly text: string;
  readonly rules: BlobRules;
}

/** What becomes of a text: it is taken, and something else put in its place, or it stays. */
type Take = (taken: TakenText) => unknown;

/**
 * A copy of a document with something else in the places of its blobs; the document itself where it has none. Like
 * `splitDocument`, of a document that is not encoded: so its blobs are not copied.
 *
 * @param take gives what is to stand there
 */
export function withoutBlobs<D extends Fields>(document: D, tree: PathTree<BlobRules>, take: Take): D {
  return fieldsWithout(document, tree, [], take) as D;
}

/** All texts of a document that may be blobs. */
export function textsIn(document: Fields, tree: PathTree<BlobRules>): readonly string[] {
  const texts: string[] = [];
  withoutBlobs(document, tree, ({ text }) => {
    texts.push(text);
    return text;
  });
  return texts;
}

/** How long they are together, in characters. */
export function blobLength(document: Fields, tree: PathTree<BlobRules>): number {
  return textsIn(document, tree).reduce((sum, { length }) => sum + length, 0);
}

/** The same of one value of a document. */
export function valueWithoutBlobs(value: unknown, branch: Branch<BlobRules>, take: Take): unknown {
  return valueWithout(value, branch, [], take);
}

/** What lies behind a path as an update names it, with positions of lists in it. */
export function branchAt(tree: PathTree<BlobRules>, path: string): Branch<BlobRules> | undefined {
  let branch: Branch<BlobRules> | undefined = tree;
  for (const key of path.split('.')) {
    if (/^(\d+|\$.*)$/.test(key)) continue;
    if (branch === undefined || isLeaf(branch)) return undefined;
    branch = branch.get(key);
  }
  return branch;
}

function fieldsWithout(fields: Fields, tree: PathTree<BlobRules>, path: readonly string[], take: Take): Fields {
  const isMap = fields instanceof Map;
  let copy: Fields | undefined;
  for (const [key, branch] of tree) {
    if (!(isMap ? fields.has(key) : Object.hasOwn(fields, key))) continue;
    const value = isMap ? fields.get(key) : fields[key];
    const left = valueWithout(value, branch, [...path, key], take);
    if (left === value) continue;
    copy ??= isMap ? new Map(fields) : { ...fields };
    if (copy instanceof Map) copy.set(key, left);
    else copy[key] = left;
  }
  return copy ?? fields;
}

function valueWithout(value: unknown, branch: Branch<BlobRules>, path: readonly string[], take: Take): unknown {
  if (typeof value === 'string') return isLeaf(branch) ? take({ path, text: value, rules: branch.leaf }) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item, index) => valueWithout(item, branch, [...path, String(index)], take));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (isLeaf(branch) || '_bsontype' in value) return value;
  const { toBSON } = value as { toBSON?: () => unknown };
  if (typeof toBSON === 'function') return valueWithout(toBSON.call(value), branch, path, take);
  return fieldsWithout(value as Fields, branch, path, take);
}
