import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import { contentOf, readingBy, type StoredVersion, storedVersion } from '../history/document-history.ts';
import { type FoundVersion, findVersion, type Which } from '../history/find-version.ts';
import { onceStored } from '../history/once-stored.ts';
import { coveredBy } from '../payload/covered-by.ts';
import type { PresignBlobsOptions, PresignedBlob } from '../payload/presign-blobs.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { Instant } from '../types.ts';
import { checkedOv } from './checked-by.ts';
import { type Item, itemOf, metaOf, shownItemId } from './item.ts';
import { idOf } from './item-id.ts';
import type { Items } from './items.ts';
import { type Projection, projectionOf } from './projection.ts';

/** How documents are shown. */
export interface ItemOptions extends Pick<PresignBlobsOptions, 'ttlSeconds' | 'includeText'> {
  /** Only these properties, such as `email` or `address.city`. @default all */
  readonly projection?: readonly string[] | undefined;
  /** Adds who made the version, when and why. @default false */
  readonly includeMeta?: boolean | undefined;
  /**
   * Adds addresses from which anyone can read the blobs for a while. Then the item shows `{ ref }` in their places, and
   * none of them is read. A version that is still on its way to object storage is waited for.
   * @default false
   */
  readonly presign?: boolean | undefined;
}

export interface ReadItemOptions extends ItemOptions {
  /** Gives a deleted document as it last was, instead of null. @default false */
  readonly includeDeleted?: boolean | undefined;
}

/** Which version of a document is meant: the current one, where nothing is said. */
export interface ItemReference {
  readonly ov?: number | undefined;
  readonly at?: Instant | undefined;
}

/** How long a presigned read waits for object storage, in milliseconds. */
const STORED_WITHIN_MS = 30_000;

/**
 * A version of a document; null where there is none.
 *
 * @throws ConfigError for options that are none; StorageError where blobs are to be presigned and cannot be
 */
export async function readItem<T>(
  items: Items,
  id: unknown,
  reference: ItemReference,
  options: ReadItemOptions = {},
): Promise<Item<T> | null> {
  const own = idOf(items.model, id);
  const which = whichOf(items, reference);
  const projection = projectionOf(options.projection);
  if (own === undefined) return null;
  const { versioned } = items.verbs;
  return items.run(async () => {
    const store = await versioned.store();
    await store.payload?.kept.known();
    const reading = readable(store, projection, options);
    const [stored, session] = [versioned.cast(own), versioned.session({})];
    const first = () => findVersion(reading, stored, which, options.includeDeleted === true, session);
    const show = (found: FoundVersion) => shown<T>(reading, own, found, projection, options);
    if (options.presign !== true) {
      const found = await first();
      return found === undefined ? null : show(found);
    }
    const use = async (found: FoundVersion) => ({
      ...show(found),
      presigned: await presigned(store, found, options),
    });
    return (await onceStored(store, { find: finding(reading, stored, first), bytesOf }, use, STORED_WITHIN_MS)) ?? null;
  });
}

/** What looks a version up, and the very same one again by the number of its content. */
function finding(reading: Store, id: unknown, first: () => Promise<FoundVersion | undefined>) {
  let found: FoundVersion | undefined;
  return async (ov?: number): Promise<FoundVersion | undefined> => {
    if (ov === undefined || found === undefined) {
      found = await first();
      return found;
    }
    const stored = await storedVersion(reading, id, ov);
    if (stored === undefined) return undefined;
    return { ...found, version: { ...found.version, bytes: stored.bytes, isHead: stored.isHead } };
  };
}

function bytesOf({ version }: FoundVersion): Uint8Array {
  return version.bytes;
}

function whichOf({ verbs }: Items, { ov, at }: ItemReference): Which {
  if (ov !== undefined && at !== undefined)
    throw new ConfigError({ message: 'Cannot read a version by both ov and at' });
  if (at !== undefined) return { at: verbs.versioned.point(at) };
  return ov === undefined ? 'latest' : { ov: checkedOv(ov) as number };
}

/** A store whose rows are read as far as they are shown. */
function readable(store: Store, projection: Projection | undefined, { presign }: ItemOptions): Store {
  const { payload } = store;
  if (presign === true && payload === undefined) {
    throw new ConfigError({
      message: `Cannot presign blobs of ${store.head.collectionName}: they are not kept in object storage. Configure spacesConns or localStorage`,
    });
  }
  if (payload === undefined) return store;
  if (projection !== undefined && coveredBy(payload.kept, projection.paths)) return readingBy(store, (row) => row);
  return presign === true ? readingBy(store, (row) => payload.withReferences(row)) : store;
}

function shown<T>(
  store: Store,
  id: unknown,
  { version }: FoundVersion,
  projection: Projection | undefined,
  { includeMeta }: ItemOptions,
): Item<T> {
  const bytes = projection === undefined ? version.bytes : projection.of(version.bytes);
  const item = itemOf<T>(contentOf(store, { ...version, bytes }), { ...version.system, ...lifeOf(store, version) });
  return { id: shownItemId(id), item, ...(includeMeta === true ? { _meta: metaOf(version.system) } : {}) };
}

/** When a document that is deleted was inserted, and where it is kept: its deletion does not say. */
function lifeOf({ bson }: Store, { bytes, system }: StoredVersion) {
  if (system.deleted !== true) return {};
  const { insertedAt, state } = systemOfBytes(bson, bytes);
  return { ...(insertedAt === undefined ? {} : { insertedAt }), ...(state === undefined ? {} : { state }) };
}

function presigned(
  { payload, bson }: Store,
  { version }: FoundVersion,
  { ttlSeconds, includeText, projection }: ItemOptions,
): Promise<Readonly<Record<string, PresignedBlob>>> {
  const system = systemOfBytes(bson, version.bytes);
  return payload?.presign(system, { ttlSeconds, includeText, projection }) ?? Promise.resolve({});
}
