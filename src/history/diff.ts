import { equalityKey } from '../bson/canonical-key.ts';
import { type AnyDocument, definedFields, equalValues, fieldAt, isDocument } from '../bson/equality.ts';
import { asStored } from '../bson/kind.ts';
import type { Path } from '../format-path.ts';
import { type Kept, keptItems } from './kept-items.ts';

/** One difference between two documents. */
export type DocumentChange =
  | { readonly op: 'add'; readonly path: Path; readonly after: unknown }
  | { readonly op: 'remove'; readonly path: Path; readonly before: unknown }
  | { readonly op: 'replace'; readonly path: Path; readonly before: unknown; readonly after: unknown };

/**
 * The changes that lead from one document to another, in an order in which they can be applied one after the other.
 *
 * Values are compared as the server compares them: ObjectIds, dates, decimals, binaries and so on are values, not
 * objects with insides; a number is the same in any type; a field that is `undefined` is missing; the order of fields
 * does not count. In an array, items that have an `_id` (else an `id`) are followed by it, so a change within one is
 * reported as that, wherever it moved; other items are followed by their value. An insertion at the front is one
 * change.
 *
 * The position in a path is that before the changes for what is removed, and that after them for the rest.
 */
export function diffDocuments(before: AnyDocument, after: AnyDocument): DocumentChange[] {
  const changes: DocumentChange[] = [];
  collectFields(before, after, [], changes);
  return changes;
}

function collect(before: unknown, after: unknown, path: Path, changes: DocumentChange[]): void {
  const left = asStored(before);
  const right = asStored(after);
  if (isDocument(left) && isDocument(right)) collectFields(left, right, path, changes);
  else if (Array.isArray(left) && Array.isArray(right)) collectItems(left, right, path, changes);
  else if (!equalValues(left, right)) changes.push({ op: 'replace', path, before, after });
}

function collectFields(before: AnyDocument, after: AnyDocument, path: Path, changes: DocumentChange[]): void {
  for (const [name, value] of definedFields(before)) {
    const other = fieldAt(after, name);
    if (other === undefined) changes.push({ op: 'remove', path: [...path, name], before: value });
    else collect(value, other, [...path, name], changes);
  }
  for (const [name, value] of definedFields(after)) {
    if (fieldAt(before, name) === undefined) changes.push({ op: 'add', path: [...path, name], after: value });
  }
}

/**
 * 1. What is gone, from the back, so that positions before it still hold.
 * 2. What is new, from the front, so that each lands on its last position.
 * 3. What changed within the items that stayed.
 */
function collectItems(
  before: readonly unknown[],
  after: readonly unknown[],
  path: Path,
  changes: DocumentChange[],
): void {
  const head = commonHead(before, after);
  const tail = commonTail(before, after, head);
  const gone = before.slice(head, before.length - tail);
  const come = after.slice(head, after.length - tail);
  const paired = pairItems(gone, come);
  const staying = new Set(paired.map((pair) => pair.before));
  const known = new Set(paired.map((pair) => pair.after));
  for (let i = gone.length - 1; i >= 0; i--) {
    if (!staying.has(i)) changes.push({ op: 'remove', path: [...path, head + i], before: gone[i] });
  }
  for (const [i, item] of come.entries()) {
    if (!known.has(i)) changes.push({ op: 'add', path: [...path, head + i], after: item });
  }
  for (const pair of paired) collect(gone[pair.before], come[pair.after], [...path, head + pair.after], changes);
}

function commonHead(a: readonly unknown[], b: readonly unknown[]): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && equalValues(a[length], b[length])) length++;
  return length;
}

function commonTail(a: readonly unknown[], b: readonly unknown[], head: number): number {
  const longest = Math.min(a.length, b.length) - head;
  let length = 0;
  while (length < longest && equalValues(a[a.length - 1 - length], b[b.length - 1 - length])) length++;
  return length;
}

/** Which item became which: those that are the same, and between two of them one for one. */
function pairItems(before: readonly unknown[], after: readonly unknown[]): readonly Kept[] {
  const numberOf = numbering();
  const end = { before: before.length, after: after.length };
  const pairs: Kept[] = [];
  let gap = { before: 0, after: 0 };
  for (const kept of [...keptItems(before.map(numberOf), after.map(numberOf)), end]) {
    for (const [i, j] of oneForOne(before, after, gap, kept)) pairs.push({ before: i, after: j });
    if (kept !== end) pairs.push(kept);
    gap = { before: kept.before + 1, after: kept.after + 1 };
  }
  return pairs;
}

/** Numbers items so that those that are the same get the same number. */
function numbering(): (item: unknown) => number {
  const numbers = new Map<string, number>();
  return (item) => {
    const identity = identityOf(item);
    const known = numbers.get(identity);
    if (known !== undefined) return known;
    numbers.set(identity, numbers.size);
    return numbers.size - 1;
  };
}

/** Pairs the items of a gap that have no id of their own, in their order. */
function oneForOne(
  before: readonly unknown[],
  after: readonly unknown[],
  from: Kept,
  to: Kept,
): readonly (readonly [number, number])[] {
  const gone = anonymous(before, from.before, to.before);
  const come = anonymous(after, from.after, to.after);
  return gone.slice(0, come.length).map((position, index) => [position, come[index] as number]);
}

function anonymous(items: readonly unknown[], from: number, to: number): readonly number[] {
  const positions: number[] = [];
  for (let i = from; i < to; i++) if (idOf(items[i]) === undefined) positions.push(i);
  return positions;
}

function identityOf(item: unknown): string {
  const id = idOf(item);
  return id === undefined ? `value ${equalityKey(item)}` : `id ${equalityKey(id)}`;
}

function idOf(item: unknown): unknown {
  const stored = asStored(item);
  if (!isDocument(stored)) return undefined;
  return fieldAt(stored, '_id') ?? fieldAt(stored, 'id') ?? undefined;
}
