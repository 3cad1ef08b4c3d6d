import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import type { RawDocument } from '../types.ts';

type Session = mongo.ClientSession;

/** Whether several reads of a session see one state. A session alone does not see to that. */
export function isConsistent(session: Session | undefined): session is Session {
  return session !== undefined && (session.inTransaction() || session.snapshotEnabled);
}

/** Reads in the caller's transaction or snapshot, else in a snapshot of its own. */
export async function inSnapshot<T>(
  store: Store,
  callers: Session | undefined,
  read: (session: Session) => Promise<T>,
): Promise<T> {
  if (isConsistent(callers)) return read(callers);
  const session = store.client.startSession({ snapshot: true });
  try {
    return await read(session);
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
  return head.aggregate([...pipeline], { ...options, ...reading } as mongo.AggregateOptions);
}
