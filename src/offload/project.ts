import { BsonType, type Element, elementsOf, encodedSize } from '../bson/elements.ts';
import { RawWriter } from '../bson/raw-writer.ts';
import { type Fate, rebuild } from '../bson/rebuild.ts';
import { type Branch, isLeaf, type PathTree, pathTree } from '../payload/path-tree.ts';
import type { RawDocument } from '../types.ts';

/** A projection that only names what is to be there, or what is not. */
export interface PlainProjection {
  readonly including: boolean;
  readonly tree: PathTree<true>;
}

/** Undefined for a projection that says more than that. */
export function plainProjection(projection: RawDocument): PlainProjection | undefined {
  const { _id: id, ...fields } = projection;
  const paths = Object.keys(fields);
  const including = Object.values(paths.length === 0 ? { id } : fields).every(isTrue);
  const isPlain =
    Object.values(fields).every(including ? isTrue : isFalse) && !paths.some((path) => path.includes('$'));
  if (!isPlain || (id !== undefined && !isTrue(id) && !isFalse(id))) return undefined;
  const withId = including ? !isFalse(id) : isFalse(id);
  const named = [...(withId ? ['_id'] : []), ...paths];
  return { including, tree: pathTree(named.map((path) => [path.split('.'), true as const])) };
}

function isTrue(value: unknown): boolean {
  return value === 1 || value === true;
}

function isFalse(value: unknown): boolean {
  return value === 0 || value === false;
}

/** What the server gives of a document, for a plain projection. */
export function projected(document: Uint8Array, { including, tree }: PlainProjection): Uint8Array {
  return fieldsOf(document, 0, encodedSize(document), tree, including);
}

function fieldsOf(
  bytes: Uint8Array,
  offset: number,
  end: number,
  tree: PathTree<true>,
  including: boolean,
): Uint8Array {
  return rebuild(bytes, offset, end, (key, element) => fateOf(bytes, element, tree.get(key), including));
}

function fateOf(bytes: Uint8Array, element: Element, branch: Branch<true> | undefined, including: boolean): Fate {
  if (branch === undefined) return including ? 'drop' : 'keep';
  if (isLeaf(branch)) return including ? 'keep' : 'drop';
  const { type, value, end } = element;
  if (type === BsonType.object) return { type, bytes: fieldsOf(bytes, value, end, branch, including) };
  if (type === BsonType.array) return { type, bytes: itemsOf(bytes, element, branch, including) };
  return including ? 'drop' : 'keep';
}

/** Items that a path cannot lead through are not included, and those that stay close ranks. */
function itemsOf(bytes: Uint8Array, list: Element, branch: PathTree<true>, including: boolean): Uint8Array {
  const out = new RawWriter();
  const start = out.begin();
  let index = 0;
  for (const item of elementsOf(bytes, list.value, list.end)) {
    const fate = fateOf(bytes, item, branch, including);
    if (fate === 'drop') continue;
    out.byte(fate === 'keep' ? item.type : fate.type);
    out.cString(String(index));
    out.append(fate === 'keep' ? bytes.subarray(item.value, item.end) : fate.bytes);
    index += 1;
  }
  out.byte(0);
  out.end(start);
  return out.bytes();
}
