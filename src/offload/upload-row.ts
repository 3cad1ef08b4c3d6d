import type { mongo } from 'mongoose';
import { encodeBody } from '../payload/body-codec.ts';
import { checkDigest } from '../payload/check-digest.ts';
import { type Digest, sameDigest, sha256 } from '../payload/digest.ts';
import { drawIncarnation } from '../payload/incarnation.ts';
import { blobKeys, type ItemAddress, itemKey, type VersionAddress } from '../payload/payload-key.ts';
import type { PayloadMap } from '../payload/payload-map.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import { type BlobLocation, type FoundBlob, splitDocument } from '../payload/split-document.ts';
import { isRowId } from '../row-id.ts';
import type { BlobReference, Bson, PayloadReference, RawDocument, SystemFields } from '../types.ts';
import { isCondemned } from './condemned.ts';
import { isErased } from './is-erased.ts';
import type { KeptPaths } from './kept-paths.ts';
import { type Mark, markStored } from './mark-stored.ts';
import type { PayloadStores } from './payload-stores.ts';
import { keysOf, type Referring } from './references.ts';
import { documentOf, type Row, versionOf } from './row.ts';

type Collection = mongo.Collection<RawDocument>;

/** The collection whose payloads are kept, and how. */
export interface Offloading {
  readonly head: Collection;
  readonly versions: Collection;
  readonly bson: Bson;
  readonly stores: PayloadStores;
  readonly map: PayloadMap;
  readonly kept: KeptPaths;
  /** What the keys of all objects of the collection have in common. */
  readonly address: Pick<VersionAddress, 'prefix' | 'collection' | 'tenant'>;
  /** Whether tenants share the collection: then the id tells whose a document is. */
  readonly isShared: boolean;
  /** What versions refer to that are kept elsewhere than in the two collections. */
  readonly leftOnes?: (() => AsyncIterable<Referring>) | undefined;
}

/** What the keys of all objects of a document have in common. */
export function addressOf({ address, isShared }: Offloading, id: unknown): ItemAddress {
  return isShared && isRowId(id) ? { ...address, tenant: id.t.toString('utf8'), id: id.id } : { ...address, id };
}

/** Where earlier versions have what a version may repeat. */
export type Known = Pick<SystemFields, 'payload' | 'blobs'>;

/** What a version refers to once it is stored. */
interface Stored {
  readonly payload: PayloadReference;
  readonly blobs: readonly BlobReference[];
  /** Whether some of it was stored for an earlier version. */
  readonly repeats: boolean;
  /** Takes away again what was put, but for what others refer to. */
  readonly undo: (kept: ReadonlySet<string>) => Promise<void>;
}

/** The longest that the payload of a version may be on its way. What has not arrived by then is begun anew. */
export const UPLOAD_DEADLINE_MS = 30 * 60_000;

/**
 * Stores the payload of a version:
 *
 * 1. its blobs are put, then its JSON, each under a key that nothing else has; what an earlier version has stored already
 *    is referred to;
 * 2. the row is marked, if it still holds that version: it may have become a version record meanwhile;
 * 3. if it was erased meanwhile, so is what was put;
 * 4. if what it refers to of an earlier version was condemned before it did, it is stored again as a whole.
 *
 * After a crash it is done again from the start, and puts the same under the same keys.
 *
 * @param mark does the second, together with others
 * @returns what the version refers to; undefined where it is gone
 * @throws NoRoom
 */
export async function uploadRow(
  target: Offloading,
  row: Row,
  known: readonly Known[],
  mark: Mark = (stored) => markStored(target, stored),
): Promise<Known | undefined> {
  const { payload, blobs, repeats, undo } = await store(target, row, known);
  const refers = { payload, blobs };
  if (await mark({ row, refers })) {
    await removeReplaced(target, row.system, refers);
    if (!repeats || !(await isCondemned(target, keysOf(refers)))) return refers;
    return repairRow(target, { ...row, system: { ...row.system, state: 'new', payload } });
  }
  // Somebody else has stored the version: the same under the same keys, or under others where one of the two knew less of
  // earlier versions. Then what was put is left to a sweep, which knows what else may refer to it; also where the version
  // has left, for later ones may refer to it. What is put for a repair nobody else has, and what is put of a document that
  // keeps no versions nobody but that.
  const isRepair = row.system.state !== 'new-not-synched';
  const others = isRepair ? undefined : await referencesOf(target, row);
  const isGone = others === undefined && (row.system.sole === true || (await isErased(target, row)));
  if (isRepair || isGone) await undo(await keysOfHead(target, row));
  return others;
}

/**
 * Where no versions are kept, what the version before was stored as goes with it. What cannot be removed now nothing
 * refers to any more, and `sweep()` finds it.
 */
export async function removeReplaced({ stores }: Offloading, system: SystemFields, refers: Known): Promise<void> {
  if (system.sole !== true) return;
  const kept = new Set(keysOf(refers));
  const { payload, blobs = [] } = system;
  const isLeft = (key: string) => !kept.has(key);
  const json = payload === undefined ? [] : [payload.key].filter(isLeft);
  const content = keysOf({ blobs }).filter(isLeft);
  const removals = [
    ...json.map((key) => stores.json.delete(key, ENTIRELY)),
    ...content.map((key) => stores.content.delete(key, ENTIRELY)),
  ];
  await Promise.allSettled(removals);
}

/** Where no versions are kept, a later version may go on with what somebody else has stored of this one. */
async function keysOfHead({ head }: Offloading, { id }: Row): Promise<ReadonlySet<string>> {
  const projection = { '_system.payload': 1, '_system.blobs': 1 } as const;
  const found = await head.findOne({ _id: { $eq: id } } as mongo.Filter<RawDocument>, { projection });
  return new Set(keysOf((found?._system ?? {}) as Known));
}

/**
 * Stores the payload of a version again, whose objects are gone, are not what they were, or are going to be removed:
 * under keys of its own, from the whole copy that is still in MongoDB.
 */
export async function repairRow(target: Offloading, row: Row): Promise<Known | undefined> {
  return uploadRow(target, { ...row, system: { ...row.system, incarnation: drawIncarnation() } }, []);
}

async function store(target: Offloading, row: Row, known: readonly Known[]): Promise<Stored> {
  const { bson, map, stores } = target;
  const { ov, incarnation } = row.system;
  const address = { ...addressOf(target, row.id), ov, incarnation };
  const locate = (blob: FoundBlob) => knownBlob(blob, known) ?? newLocation(stores, address, blob);
  const { body, blobs: found } = splitDocument(documentOf(row), { map, locate });
  const blobs = found.map(({ reference }) => reference);
  const isNew = ({ reference }: (typeof found)[number]) => knownBlob(reference, known) === undefined;
  const put: [store: PayloadStore, key: string][] = [];
  const signal = AbortSignal.timeout(UPLOAD_DEADLINE_MS);
  const fresh = found.filter(isNew);
  for (const { reference, found: blob } of fresh) {
    const { blobKey, textKey, contentType } = reference;
    put.push([stores.content, blobKey]);
    const digest = await stores.content.put(blobKey, blob.bytes, { contentType, signal, digest: blob });
    requireSame(stores.content, blobKey, digest, reference);
    if (textKey === undefined || blob.text === undefined) continue;
    put.push([stores.content, textKey]);
    await stores.content.put(textKey, blob.text, { contentType: 'text/plain; charset=utf-8', signal });
  }
  const { bytes, ...facts } = await encodeBody(bson, body);
  const before = known.find(({ payload }) => payload !== undefined && sameDigest(payload, facts))?.payload;
  const repeatsBlobs = fresh.length < found.length;
  const payload = before ?? { key: itemKey(repeatsBlobs ? beside(address, blobs) : address), ...facts };
  if (before === undefined) {
    put.push([stores.json, payload.key]);
    const options = { contentType: 'application/json', contentEncoding: facts.encoding, signal, digest: facts };
    requireSame(stores.json, payload.key, await stores.json.put(payload.key, bytes, options), facts);
  }
  const undo = async (kept: ReadonlySet<string>) => {
    const own = put.filter(([, key]) => !kept.has(key));
    await Promise.all(own.map(([from, key]) => from.delete(key, ENTIRELY)));
  };
  return { payload, blobs, repeats: before !== undefined || repeatsBlobs, undo };
}

/**
 * Where the JSON of a version is that refers to blobs of earlier ones. It says where they are, so it differs from that of
 * a process which did not know of them: what is late must not replace it.
 */
function beside({ incarnation = '', ...address }: VersionAddress, blobs: readonly BlobReference[]): VersionAddress {
  const keys = blobs.map(({ blobKey }) => blobKey).join('\n');
  return { ...address, incarnation: incarnation + sha256(Buffer.from(keys, 'utf8')).slice(0, 16) };
}

/** A bucket with versioning would keep what was put, for a version that may have been erased. */
const ENTIRELY = { allVersions: true } as const;

/** A store that has kept something else than it was given is not to be trusted with the only copy. */
function requireSame({ name }: PayloadStore, key: string, found: Digest, expected: Digest): void {
  checkDigest({ store: name, key }, found, expected);
}

/** Where an equal blob is kept already. */
export function knownBlob(blob: Pick<FoundBlob, 'path' | 'sha256' | 'length'>, known: readonly Known[]) {
  const path = JSON.stringify(blob.path);
  const before = known
    .flatMap(({ blobs = [] }) => blobs)
    .find((one) => sameDigest(one, blob) && JSON.stringify(one.path) === path);
  if (before === undefined) return undefined;
  const { contentBucket, blobKey, textKey } = before;
  return { contentBucket, blobKey, ...(textKey === undefined ? {} : { textKey }) };
}

function newLocation({ content }: PayloadStores, address: VersionAddress, { path, text }: FoundBlob): BlobLocation {
  const { blobKey, textKey } = blobKeys({ ...address, path });
  return { contentBucket: content.bucket ?? content.name, blobKey, ...(text === undefined ? {} : { textKey }) };
}

/** What a version refers to by now; undefined where it is gone. */
async function referencesOf({ head, versions }: Offloading, row: Row): Promise<Known | undefined> {
  const projection = { '_system.payload': 1, '_system.blobs': 1 } as const;
  for (const one of whereabouts(row)) {
    const collection = one.isHead ? head : versions;
    const found = await collection.findOne(versionOf(one), { projection });
    if (found !== null) return (found._system ?? {}) as Known;
  }
  return undefined;
}

function whereabouts(row: Row): readonly Row[] {
  return row.isHead ? [row, { ...row, isHead: false }] : [row];
}
