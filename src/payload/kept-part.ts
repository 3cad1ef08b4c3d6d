import { uncovered } from './covered-by.ts';
import { isWithin, outermost, type PayloadMap } from './payload-map.ts';

/** Which part of documents stays in MongoDB. */
export type KeptPart = Pick<PayloadMap, 'indexed' | 'blobPaths'>;

/** What is kept in either of two ways. */
export function keptInBoth(one: KeptPart, other: KeptPart): KeptPart {
  return { indexed: indexedInBoth(one, other), blobPaths: [...new Set([...one.blobPaths, ...other.blobPaths])] };
}

function indexedInBoth({ indexed: one }: KeptPart, { indexed: other }: KeptPart): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return [...new Set([...within(one, other), ...within(other, one)])];
}

function within(paths: readonly string[], others: readonly string[]): readonly string[] {
  return paths.filter((path) => others.some((other) => isWithin(path, other)));
}

/** What is kept in one of two ways at least. */
export function keptInOne(one: KeptPart, other: KeptPart): KeptPart {
  const isAll = one.indexed === undefined || other.indexed === undefined;
  const blobs = new Set([...one.blobPaths, ...other.blobPaths]);
  return {
    indexed: isAll ? undefined : outermost([...(one.indexed ?? []), ...(other.indexed ?? [])]),
    blobPaths: [...blobs].filter((path) => leaves(one, path) && leaves(other, path)),
  };
}

/** Whether one way keeps all that another one does. */
export function keepsAllOf(one: KeptPart, other: KeptPart): boolean {
  const isIndexed =
    one.indexed === undefined ||
    (other.indexed !== undefined && within(other.indexed, one.indexed).length === other.indexed.length);
  return isIndexed && one.blobPaths.every((path) => leaves(other, path));
}

function leaves(part: KeptPart, path: string): boolean {
  return uncovered(part, [path]).length > 0;
}
