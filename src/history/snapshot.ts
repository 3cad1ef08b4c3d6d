import { setTimeout } from 'node:timers/promises';
import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import { SnapshotExpiredError } from '../errors.ts';
import type { RawDocument } from '../types.ts';

type Session = mongo.ClientSession;

/** Whether several reads of a session see one state. A session alone does not see to that. */
export function isConsistent(session: Session | undefined): session is Session {
  return session !== undefined && (session.inTransaction() || session.snapshotEnabled);
}

/** `SnapshotUnavailable`: a collection or an index came into being so lately that no snapshot shows it yet. */
const SNAPSHOT_UNAVAILABLE = 246;
/** `SnapshotTooOld`: the server has let go of the snapshot that a cursor reads, by default after five minutes. */
const SNAPSHOT_TOO_OLD = 239;
const ATTEMPTS = 20;
const FIRST_PAUSE_MS = 10;
/** A busy server may take seconds until the majority has what is new. */
const LONGEST_PAUSE_MS = 500;

/** Reads in the caller's transaction or snapshot, else in a snapshot of its own, taken once there is one. */
export async function inSnapshot<T>(
  store: Store,
  callers: Session | undefined,
  read: (session: Session) => Promise<T>,
): Promise<T> {
  if (isConsistent(callers)) return read(callers);
  return onceAvailable(() => inNewSnapshot(store, read));
}

/** Reads again for as long as the server has no snapshot yet of what has only just been made. */
export async function onceAvailable<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      const isTooEarly = (error as mongo.MongoServerError).code === SNAPSHOT_UNAVAILABLE;
      if (!isTooEarly || attempt === ATTEMPTS) throw error;
      await setTimeout(Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS));
    }
  }
}

async function inNewSnapshot<T>(store: Store, read: (session: Session) => Promise<T>): Promise<T> {
  const session = store.client.startSession({ snapshot: true });
  try {
    return await read(session);
  } catch (error) {
    return toldIfExpired(error);
  } finally {
    await session.endSession();
  }
}

/** One command reads in one snapshot if it is told to; it needs no session for that. */
export function consistentAggregate(
  { head }: Store,
  pipeline: readonly RawDocument[],
  {
    session,
    readConcern: _own,
    ...options
  }: { readonly session?: Session | undefined; readonly readConcern?: unknown },
): mongo.AggregationCursor {
  const reading = isConsistent(session) ? { session } : { readConcern: { level: 'snapshot' as const } };
  return inItsSnapshot(head.aggregate([...pipeline], { ...options, ...reading } as mongo.AggregateOptions));
}

/** The steps of the driver's cursors, which its types keep to themselves. */
interface CursorSteps {
  _initialize(...args: unknown[]): Promise<unknown>;
  getMore(...args: unknown[]): Promise<unknown>;
}

/** A cursor that waits for its snapshot to be there, and says so when it is there no more. */
export function inItsSnapshot<C extends mongo.AggregationCursor>(cursor: C): C {
  const steps = cursor as unknown as CursorSteps;
  const { _initialize: initialize, getMore } = steps;
  steps._initialize = (...args) => onceAvailable(() => initialize.apply(cursor, args)).catch(toldIfExpired);
  steps.getMore = (...args) => getMore.apply(cursor, args).catch(toldIfExpired);
  return cursor;
}

/** Rethrows what went wrong in the middle of an answer, by a name of its own if its snapshot has gone. */
export function toldIfExpired(error: unknown): never {
  throw (error as { code?: unknown }).code === SNAPSHOT_TOO_OLD ? new SnapshotExpiredError(error) : error;
}
