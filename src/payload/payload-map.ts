import { ConfigError } from '../errors.ts';
import { type PathTree, pathTree } from './path-tree.ts';
import { assertCharset } from './text-charset.ts';

/** How the blobs of a property are kept. */
export interface BlobOptions {
  /** Their media type, such as `image/png`. */
  readonly contentType: string;
  /** Whether their text is kept beside them. Those of a type `text/*` have it anyway. @default false */
  readonly preferredText?: boolean | undefined;
  /** The charset that their bytes are text in. @default 'utf-8' */
  readonly textCharset?: string | undefined;
}

/** What of a document stays in Mongo, and what of it are blobs. */
export interface PayloadOptions {
  /** Paths that stay in Mongo, to search and sort by. Left out or empty: all but the blobs. */
  readonly indexed?: readonly string[] | undefined;
  /** Paths of base64 strings that are kept as objects of their own. */
  readonly base64?: Readonly<Record<string, BlobOptions>> | undefined;
}

/** {@link BlobOptions} with the defaults filled in. */
export interface BlobRules {
  readonly contentType: string;
  readonly preferredText: boolean;
  readonly textCharset: string;
}

/** {@link PayloadOptions}, checked. */
export interface PayloadMap {
  /** Undefined where all stays but the blobs. */
  readonly indexed: readonly string[] | undefined;
  readonly indexedTree: PathTree<true> | undefined;
  readonly blobs: ReadonlyMap<string, BlobRules>;
  readonly blobPaths: readonly string[];
  readonly blobTree: PathTree<BlobRules>;
}

/**
 * Checks what an application says of its payloads.
 *
 * @throws ConfigError for a path that is none, paths that overlap, and an unknown charset
 */
export function payloadMap({ indexed = [], base64 = {} }: PayloadOptions): PayloadMap {
  const blobPaths = Object.keys(base64);
  for (const path of [...indexed, ...blobPaths]) assertPath(path);
  assertNoOverlap(blobPaths);
  for (const path of indexed) assertNoBlob(path, blobPaths);
  const blobs = Object.entries(base64).map(([path, options]) => [path, resolveBlob(path, options)] as const);
  return mapOf(indexed.length === 0 ? undefined : [...indexed], new Map(blobs));
}

/** A map that keeps another part of documents: of its blobs those that leave in that way too. */
export function keepingPart(
  { blobs }: PayloadMap,
  { indexed, blobPaths }: Pick<PayloadMap, 'indexed' | 'blobPaths'>,
): PayloadMap {
  return mapOf(indexed, new Map([...blobs].filter(([path]) => blobPaths.includes(path))));
}

function mapOf(indexed: readonly string[] | undefined, blobs: ReadonlyMap<string, BlobRules>): PayloadMap {
  return Object.freeze({
    indexed,
    indexedTree: indexed && pathTree(outermost(indexed).map((path) => [path.split('.'), true as const])),
    blobs,
    blobPaths: [...blobs.keys()],
    blobTree: pathTree([...blobs].map(([path, rules]) => [path.split('.'), rules] as const)),
  });
}

function resolveBlob(path: string, { contentType, preferredText, textCharset = 'utf-8' }: BlobOptions): BlobRules {
  assertCharset(textCharset, path);
  return { contentType, preferredText: preferredText ?? contentType.startsWith('text/'), textCharset };
}

/** The paths that lie in no other. */
export function outermost(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)].filter((path) => !paths.some((other) => other !== path && isWithin(path, other)));
}

/** Whether a path is another one or lies in it. */
export function isWithin(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`);
}

function assertPath(path: string): void {
  const components = path.split('.');
  const odd = components.find((component) => component === '' || component.startsWith('$') || /^\d+$/.test(component));
  if (odd === undefined && !['_id', '_system'].includes(components[0] ?? '')) return;
  throw new ConfigError({
    message: `Cannot index or externalize ${JSON.stringify(path)}: expected a path of names, such as "address.city"; lists are passed through, and _id and _system always stay`,
  });
}

function assertNoOverlap(paths: readonly string[]): void {
  for (const path of paths) {
    const other = paths.find((candidate) => candidate !== path && isWithin(path, candidate));
    if (other === undefined) continue;
    throw new ConfigError({
      message: `Cannot externalize ${JSON.stringify(path)} out of ${JSON.stringify(other)}, which is base64 itself`,
    });
  }
}

function assertNoBlob(path: string, blobPaths: readonly string[]): void {
  if (!blobPaths.some((blob) => isWithin(path, blob))) return;
  throw new ConfigError({
    message: `Cannot index ${JSON.stringify(path)}: it is base64, and kept as an object. Remove it from one of the two`,
  });
}
