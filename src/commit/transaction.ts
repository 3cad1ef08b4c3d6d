import type { mongo } from 'mongoose';
import { TransactionTooLargeError, UnknownOutcomeError } from '../errors.ts';
import { Numbers } from './collection-version.ts';
import type { Store } from './store.ts';

type ClientSession = mongo.ClientSession;

/** Set by the library on every transaction it starts: a weaker default of the app would void its promises. */
const OPTIONS: mongo.TransactionOptions = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority' },
  readPreference: 'primary',
};

/** The transaction a step runs in. */
export interface Transaction {
  readonly session: ClientSession;
  /** Begun by the caller, who commits or aborts it and who retries it. */
  readonly joined: boolean;
  /** Numbers for the versions it makes, where the collection keeps them. */
  readonly numbers?: Numbers | undefined;
}

/**
 * Runs `steps` in the caller's transaction if there is one, else in one of its own that is retried on conflict.
 * `steps` may run many times and must touch nothing but the database. Driver errors pass through it unwrapped:
 * `withTransaction` decides by their labels whether to retry.
 *
 * @param versions how many versions the steps make at the most
 */
export async function inTransaction<T>(
  store: Store,
  callers: ClientSession | undefined,
  steps: (tx: Transaction) => Promise<T>,
  versions = 1,
): Promise<T> {
  const run = (tx: Transaction) => (store.collectionVersion ? numbered(store, tx, steps, versions) : steps(tx));
  if (callers?.inTransaction()) return run({ session: callers, joined: true }).catch(rethrow(store, undefined));
  if (callers !== undefined) {
    return oneAtATime(callers, () => ownTransaction(callers, run)).catch(rethrow(store, undefined));
  }
  const session = store.client.startSession({ causalConsistency: false });
  try {
    return await ownTransaction(session, run).catch(rethrow(store, undefined));
  } finally {
    await session.endSession();
  }
}

async function ownTransaction<T>(session: ClientSession, steps: (tx: Transaction) => Promise<T>): Promise<T> {
  return session.withTransaction(() => steps({ session, joined: false }), OPTIONS);
}

async function numbered<T>(
  store: Store,
  tx: Transaction,
  steps: (tx: Transaction) => Promise<T>,
  versions: number,
): Promise<T> {
  const numbers = await Numbers.reserve(store, tx.session, versions);
  const result = await steps({ ...tx, numbers });
  await numbers.settle();
  return result;
}

/** A session holds one transaction at a time, yet plain Mongoose lets a caller use it for parallel writes. */
const busy = new WeakMap<ClientSession, Promise<unknown>>();

function oneAtATime<T>(session: ClientSession, fn: () => Promise<T>): Promise<T> {
  const turn = (busy.get(session) ?? Promise.resolve()).then(fn);
  busy.set(
    session,
    turn.catch(() => undefined),
  );
  return turn;
}

/** `TransactionTooLargeForCache`: more changes than the server's cache can hold; comes without a label. */
const TRANSACTION_TOO_LARGE = 388;

function rethrow(store: Store, opId: string | undefined): (error: unknown) => never {
  return (error) => {
    if (error instanceof store.mongo.MongoError) {
      if (error.hasErrorLabel('UnknownTransactionCommitResult')) {
        throw new UnknownOutcomeError(store.head.collectionName, opId, error);
      }
      if ((error as mongo.MongoServerError).code === TRANSACTION_TOO_LARGE) {
        throw new TransactionTooLargeError(store.head.collectionName, error);
      }
    }
    throw error;
  };
}
