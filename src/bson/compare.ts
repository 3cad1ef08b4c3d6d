import { asStored, fieldsOf, type Kind, kindOf, kinds, opaque, unreadable } from './kind.ts';
import { compareNumbers } from './number.ts';
import { binaryOf, codeOf, dateOf, objectIdOf, regexOf, scopeOf, textOf, timestampOf, utf8Of } from './parts.ts';

/**
 * The order and the equality of values as the server has them, for merging sorted cursors and for telling ids apart.
 * https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
 */

type Comparison = (a: unknown, b: unknown) => number;

const RANK = Object.fromEntries(kinds.map((kind, rank) => [kind, rank])) as Readonly<Record<Kind, number>>;

const same: Comparison = () => 0;

const COMPARISONS: Readonly<Record<Kind, Comparison>> = {
  minKey: same,
  undefined: same,
  null: same,
  number: compareNumbers,
  string: compareStrings,
  object: compareDocuments,
  array: compareArrays,
  binary: compareBinaries,
  objectId: (a, b) => compareText(objectIdOf(a), objectIdOf(b)),
  boolean: (a, b) => Number(a) - Number(b),
  date: (a, b) => sign(dateOf(a), dateOf(b)),
  timestamp: (a, b) => sign(timestampOf(a), timestampOf(b)),
  regex: (a, b) => compareSequences(regexOf(a), regexOf(b), compareText),
  dbPointer: compareEncoded,
  code: (a, b) => compareText(codeOf(a), codeOf(b)),
  codeWithScope: compareCodeWithScope,
  maxKey: same,
};

/** Orders any two values as the server does: less than 0, 0 or more than 0. */
export function compareValues(a: unknown, b: unknown): number {
  const left = asStored(a);
  const right = asStored(b);
  const kind = kindOf(left);
  const order = RANK[kind] - RANK[kindOf(right)];
  if (order !== 0) return order;
  if ((unreadable(left, kind) ?? unreadable(right, kind)) !== undefined) return compareEncoded(left, right);
  return COMPARISONS[kind](left, right);
}

/**
 * Orders two sort keys as the server's sort does. `{ $meta: 'sortKey' }` gives an array with one value for each field of
 * the sort; a missing field is null in it, an empty array undefined.
 *
 * Under a collation the strings of a sort key are ICU keys, which are not UTF-8: such documents must be read raw and
 * the key taken out with `topLevel`.
 */
export function compareSortKeys(a: readonly unknown[], b: readonly unknown[], directions: readonly (1 | -1)[]): number {
  for (const [index, direction] of directions.entries()) {
    const order = compareValues(a[index], b[index]);
    if (order !== 0) return order * direction;
  }
  return 0;
}

function compareStrings(a: unknown, b: unknown): number {
  if (opaque(a) !== undefined || opaque(b) !== undefined) return Buffer.compare(utf8Of(a), utf8Of(b));
  return compareText(textOf(a), textOf(b));
}

/** Orders texts by their UTF-8 bytes. UTF-16 has the same order up to the surrogates. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === shorter) return a.length - b.length;
  const left = a.charCodeAt(at);
  const right = b.charCodeAt(at);
  if (left < SURROGATES && right < SURROGATES) return left - right;
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

const SURROGATES = 0xd800;

/** Field by field: first the kinds of the values, then the names, then the values; a prefix comes first. */
function compareDocuments(a: unknown, b: unknown): number {
  return compareSequences(fieldsOf(a as object), fieldsOf(b as object), ([nameA, a], [nameB, b]) => {
    const kinds = RANK[kindOf(asStored(a))] - RANK[kindOf(asStored(b))];
    return kinds || compareText(nameA, nameB) || compareValues(a, b);
  });
}

function compareArrays(a: unknown, b: unknown): number {
  return compareSequences(a as readonly unknown[], b as readonly unknown[], compareValues);
}

/** An order by bytes, which is not the server's. */
function compareEncoded(a: unknown, b: unknown): number {
  const left = opaque(a);
  const right = opaque(b);
  if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
  return Buffer.compare(left.bytes, right.bytes);
}

function compareSequences<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const order = compare(a[index] as T, b[index] as T);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareBinaries(a: unknown, b: unknown): number {
  const left = binaryOf(a);
  const right = binaryOf(b);
  return (
    left.bytes.length - right.bytes.length || left.subtype - right.subtype || Buffer.compare(left.bytes, right.bytes)
  );
}

function compareCodeWithScope(a: unknown, b: unknown): number {
  return compareText(codeOf(a), codeOf(b)) || compareDocuments(scopeOf(a), scopeOf(b));
}

function sign(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
