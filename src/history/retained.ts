import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import { idKey, pinnedId } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { BeyondRetentionError } from '../errors.ts';
import { type Floor, floorWithin, LEASE_MS, readFloor } from '../retention/floor.ts';
import { type Manifest, manifestsOf } from '../retention/manifests.ts';
import { mayBeDropped, requireKept } from '../retention/require-kept.ts';
import { keepThawed, thaw } from '../retention/thaw.ts';
import type { Point } from './instant.ts';
import { onceAvailable } from './snapshot.ts';

type Session = mongo.ClientSession;

/** What of the past is read. */
export interface PastScope {
  readonly store: Store;
  /** Whose part of it, where tenants share the collection. */
  readonly tenant: string | undefined;
  /** Left out: all of it. */
  readonly at?: Point | undefined;
  /** The documents, where it is only these. */
  readonly ids?: readonly unknown[] | undefined;
}

/** An answer, and the end of what it is read in. */
export interface Opened<T> {
  readonly answer: T;
  close(): Promise<void>;
}

/**
 * Reads what was current at a point in time, of which some may have left the collections meanwhile.
 *
 * Above the floor of retention nothing has, and it is read as it would be without. Whether it was above is told by the
 * floor as it was known before, and by one that is not older than a lease once the snapshot of the answer is fixed.
 * Below the floor it is read in a snapshot that was seen to have all of it.
 *
 * @param read reads in the caller's session, or in a snapshot session of its own that it is given
 * @param discard gives up an answer that was read for nothing
 * @throws BeyondRetentionError
 */
export async function openRetained<T>(
  scopes: readonly PastScope[],
  callers: Session | undefined,
  read: (session: Session | undefined) => Promise<T>,
  discard: (answer: T) => unknown = () => undefined,
): Promise<Opened<T>> {
  if (!(await areBelow(scopes, LEASE_MS / 2))) {
    const answer = await read(callers);
    if (!(await areBelow(scopes, LEASE_MS))) return { answer, close: async () => undefined };
    await discard(answer);
  }
  return onceAvailable(async () => {
    const session = await completeSnapshot(scopes);
    try {
      return { answer: await read(session), close: () => session.endSession() };
    } catch (error) {
      await session.endSession();
      throw error;
    }
  });
}

/** The same for an answer that is complete when it is there. */
export async function readRetained<T>(
  scopes: readonly PastScope[],
  callers: Session | undefined,
  read: (session: Session | undefined) => Promise<T>,
): Promise<T> {
  const { answer, close } = await openRetained(scopes, callers, read);
  await close();
  return answer;
}

/**
 * Sees to it that a past can be read, by putting back what has left.
 *
 * @returns whether all of it was there already
 * @throws BeyondRetentionError
 */
export async function requireRetained(scope: PastScope): Promise<boolean> {
  if (!(await areBelow([scope], LEASE_MS / 2))) return true;
  let isComplete = true;
  const session = await completeSnapshot([scope], () => {
    isComplete = false;
  });
  await session.endSession();
  return isComplete;
}

/** The ids that a filter demands, if it demands some. Under a collation others may equal a text. */
export function idsIn(filter: Filter, collation: unknown): readonly unknown[] | undefined {
  const one = pinnedId(filter);
  const ids = one === undefined ? (filter._id as { $in?: unknown } | null | undefined)?.$in : [one];
  if (!Array.isArray(ids) || ids.some((id) => id instanceof RegExp)) return undefined;
  if (collation !== undefined && ids.some((id) => typeof id === 'string')) return undefined;
  return [...new Map(ids.map((id) => [idKey(id), id])).values()];
}

async function areBelow(scopes: readonly PastScope[], ms: number): Promise<boolean> {
  const below = scopes.map(async ({ store, tenant, at }) => isBelow(await floorWithin(store, tenant, ms), at));
  return (await Promise.all(below)).includes(true);
}

/** Whether versions that were current at that point may have left. */
function isBelow(floor: Floor | undefined, at: Point | undefined): boolean {
  if (floor === undefined) return false;
  if (at === undefined) return true;
  return at instanceof Date ? floor.until !== undefined && at < floor.until : at.cv < (floor.untilCv ?? 0);
}

/**
 * A snapshot session that has all versions which were current, or at all. What is in manifests is put back into the
 * collection first; a snapshot shows both that this was done and what it has brought.
 *
 * @throws BeyondRetentionError
 */
export async function completeSnapshot(
  scopes: readonly PastScope[],
  onMissing: () => void = () => undefined,
): Promise<Session> {
  for (;;) {
    const session = (scopes[0] as PastScope).store.client.startSession({ snapshot: true });
    let isComplete = false;
    try {
      // One by one: the first answer fixes the snapshot of all others.
      const cold: ColdManifest[] = [];
      for (const scope of scopes) cold.push(...(await coldManifests(scope, session)));
      isComplete = cold.length === 0;
      if (isComplete) return session;
      onMissing();
      for (const { store, manifest } of cold) await thaw(store, manifest);
    } finally {
      if (!isComplete) await session.endSession();
    }
  }
}

/** A manifest whose records are needed, and not in the collection. */
interface ColdManifest {
  readonly store: Store;
  readonly manifest: Manifest;
}

async function coldManifests({ store, tenant, at, ids }: PastScope, session: Session): Promise<ColdManifest[]> {
  if (at !== undefined) await requireNoneDropped({ store, tenant, at, ids }, session);
  const manifests = await manifestsOf(store, { tenant, at, ids }, session);
  await keepThawed(store, manifests);
  return manifests.flatMap((manifest) => (manifest.thawed === undefined ? [{ store, manifest }] : []));
}

async function requireNoneDropped(
  { store, tenant, at, ids }: PastScope & { readonly at: Point },
  session: Session,
): Promise<void> {
  const floor = await readFloor(store, tenant, session);
  if (!mayBeDropped(floor, at)) return;
  if (ids === undefined) throw new BeyondRetentionError(store.head.collectionName, undefined, at, floor);
  for (const id of ids) await requireKept(store, id, at, session);
}
