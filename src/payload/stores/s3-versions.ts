import { StorageError } from '../../errors.ts';
import { compareKeys } from '../object-key.ts';
import type { CallOptions, ListOptions, ObjectFacts, ObjectPage } from '../payload-store.ts';
import { unlessNotFound } from './s3-errors.ts';
import type { S3Bucket } from './s3-multipart.ts';

const DELETE_ATTEMPTS = 10;

interface Marker {
  readonly KeyMarker?: string | undefined;
  readonly VersionIdMarker?: string | undefined;
}

/** A version of an object, or the marker of a deletion. */
interface Entry {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Size?: number | undefined;
  readonly LastModified?: Date | undefined;
}

/** Lists keys of which a bucket keeps anything: each once, with what is known of its newest version. */
export async function listVersions(bucket: S3Bucket, prefix: string, options: ListOptions): Promise<ObjectPage> {
  const { after, limit = 1000 } = options;
  const objects = new Map<string, ObjectFacts>();
  let next: Marker | undefined = after === undefined ? {} : { KeyMarker: after };
  while (next !== undefined && objects.size < limit) {
    const page = await pageOf(bucket, prefix, next, options);
    for (const { Key: key = '', Size: length = 0, LastModified: modified = new Date(0) } of page.entries) {
      // Some services begin with the marker itself.
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      const known = objects.get(key);
      if (known === undefined || known.modified < modified) objects.set(key, { key, length, modified });
    }
    next = page.next;
  }
  const inOrder = [...objects.values()].sort((a, b) => compareKeys(a.key, b.key)).slice(0, limit);
  const isLast = next === undefined && inOrder.length === objects.size;
  return { objects: inOrder, next: isLast ? undefined : inOrder.at(-1)?.key };
}

/**
 * Deletes all that a bucket keeps of an object.
 *
 * @throws StorageError, with `retained` where a version may not be deleted yet
 */
export async function deleteVersions(bucket: S3Bucket, key: string, options: CallOptions): Promise<void> {
  const deleted = new Set<string>();
  let again = 0;
  for (let versions = await versionsOf(bucket, key, options); versions.length > 0; ) {
    // In a bucket without versions somebody may have put the object once more.
    const isAgain = versions.every((version) => deleted.has(version));
    if (isAgain && ++again === DELETE_ATTEMPTS) throw undeletable(bucket, key);
    for (const version of versions) {
      await deleteVersion(bucket, key, version, options);
      deleted.add(version);
    }
    versions = await versionsOf(bucket, key, options);
  }
}

function undeletable({ store }: S3Bucket, key: string): StorageError {
  const message = `Cannot delete all versions of ${key} in the ${store}: those that were deleted are still there`;
  return new StorageError({ message, store, key, retryable: true });
}

/** The versions of an object and the markers of its deletions; `null` is that of a bucket without versions. */
async function versionsOf(bucket: S3Bucket, key: string, options: CallOptions): Promise<string[]> {
  const { entries } = await pageOf(bucket, key, {}, options);
  return entries.filter((version) => version.Key === key).map(({ VersionId }) => VersionId ?? 'null');
}

/** Versions and markers; those of a key may go on beyond the page. */
function pageOf({ connection, store, bucket }: S3Bucket, prefix: string, from: Marker, { signal }: CallOptions) {
  return connection.run(
    { store },
    async ({ sdk, client }) => {
      const command = new sdk.ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...from });
      const answer = await client.send(command, { abortSignal: connection.deadline(signal) });
      const { Versions = [], DeleteMarkers = [], NextKeyMarker, NextVersionIdMarker } = answer;
      const entries: readonly Entry[] = [...Versions, ...DeleteMarkers];
      // Without a marker that moves on the same page would come for ever.
      const isStuck = NextKeyMarker === from.KeyMarker && NextVersionIdMarker === from.VersionIdMarker;
      const isLast = answer.IsTruncated !== true || !NextKeyMarker || isStuck;
      const version = NextVersionIdMarker ? { VersionIdMarker: NextVersionIdMarker } : {};
      return { entries, next: isLast ? undefined : { KeyMarker: NextKeyMarker, ...version } };
    },
    signal,
  );
}

async function deleteVersion(target: S3Bucket, key: string, VersionId: string, { signal }: CallOptions): Promise<void> {
  const { connection, store, bucket } = target;
  try {
    await connection.run(
      { store, key },
      async ({ sdk, client }) => {
        const command = new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId });
        await client.send(command, { abortSignal: connection.deadline(signal) }).catch(unlessNotFound);
      },
      signal,
    );
  } catch (error) {
    throw await whyRefused(target, key, VersionId, error);
  }
}

/** A refusal to delete a version does not say why: its retention does. */
async function whyRefused({ connection, store, bucket }: S3Bucket, key: string, VersionId: string, cause: unknown) {
  if (!(cause instanceof StorageError) || cause.retryable) return cause;
  const { sdk, client } = await connection.load();
  const position = { Bucket: bucket, Key: key, VersionId };
  const [retention, hold] = await Promise.all([
    client.send(new sdk.GetObjectRetentionCommand(position)).catch(() => undefined),
    client.send(new sdk.GetObjectLegalHoldCommand(position)).catch(() => undefined),
  ]);
  const until = retention?.Retention?.RetainUntilDate;
  const isHeld = hold?.LegalHold?.Status === 'ON';
  if (until === undefined && !isHeld) return cause;
  const why = isHeld ? 'by a legal hold' : `until ${until?.toISOString()}`;
  const message = `Cannot delete ${key} in the ${store}: it is retained ${why}`;
  return new StorageError({ message, store, key, retryable: false, retained: true, cause });
}
