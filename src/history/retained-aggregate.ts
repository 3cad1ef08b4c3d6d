import type { mongo } from 'mongoose';
import { openRetained, type PastScope } from './retained.ts';

type Session = mongo.ClientSession;

/** What of the driver's cursors is not in their types. */
interface CursorInternals {
  cursorSession: Session & { readonly owner?: unknown };
  _initialize(session: Session): Promise<unknown>;
}

/**
 * A cursor over the past that gives what was current then, or fails: it begins in its own snapshot, and once more in
 * one that was seen to have all of it where some may have left the collections.
 */
export function retainedAggregate<C extends mongo.AggregationCursor>(cursor: C, scopes: readonly PastScope[]): C {
  const internals = cursor as unknown as CursorInternals;
  const { _initialize: initialize } = internals;
  internals._initialize = async (given) => {
    const begin = (own: Session | undefined) => initialize.call(cursor, own ?? given);
    const { answer } = await openRetained(scopes, undefined, async (own) => {
      if (own !== undefined) await handOver(internals, own);
      return begin(own);
    });
    return answer;
  };
  return cursor;
}

/** The session is the cursor's own from now on, which ends it with itself. */
async function handOver(cursor: CursorInternals, session: Session): Promise<void> {
  const { cursorSession: before } = cursor;
  if (before.owner === cursor) await before.endSession();
  Object.assign(session, { owner: cursor, explicit: false });
  cursor.cursorSession = session;
}
