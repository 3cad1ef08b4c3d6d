import type { BlobReference } from '../types.ts';
import { isWithin } from './payload-map.ts';
import type { PayloadStore, PresignOptions } from './payload-store.ts';

export interface PresignBlobsOptions extends Pick<PresignOptions, 'ttlSeconds'> {
  /** Adds the addresses of texts. @default false */
  readonly includeText?: boolean | undefined;
  /** Only blobs at these paths, or in them. @default all */
  readonly projection?: readonly string[] | undefined;
}

/** The addresses of a blob. */
export interface PresignedBlob {
  readonly blobUrl: string;
  readonly textUrl?: string;
  /** In seconds. */
  readonly expiresIn: number;
}

/**
 * Addresses from which anyone can read the blobs of a version for a while, by their paths: `avatar`, `files.0.data`.
 *
 * @throws ConfigError for a time that is none
 * @throws StorageError
 */
export async function presignBlobs(
  store: PayloadStore,
  blobs: readonly BlobReference[],
  options: PresignBlobsOptions = {},
): Promise<Readonly<Record<string, PresignedBlob>>> {
  const wanted = blobs.filter(({ path }) => isProjected(path, options.projection));
  const presigned = wanted.map(async (blob) => [blob.path.join('.'), await presignBlob(store, blob, options)] as const);
  return Object.fromEntries(await Promise.all(presigned));
}

async function presignBlob(
  store: PayloadStore,
  { blobKey, textKey, contentType }: BlobReference,
  { ttlSeconds, includeText = false }: PresignBlobsOptions,
): Promise<PresignedBlob> {
  const { url, expiresIn } = await store.presign(blobKey, { ttlSeconds, contentType });
  if (!includeText || textKey === undefined) return { blobUrl: url, expiresIn };
  const text = await store.presign(textKey, { ttlSeconds, contentType: 'text/plain; charset=utf-8' });
  return { blobUrl: url, textUrl: text.url, expiresIn };
}

/** `files.data` names the blobs of all items, as paths of documents do. */
function isProjected(path: readonly string[], projection: readonly string[] | undefined): boolean {
  if (projection === undefined) return true;
  const own = path.filter((key) => !/^\d+$/.test(key)).join('.');
  return projection.some((projected) => isWithin(own, projected) || isWithin(path.join('.'), projected));
}
