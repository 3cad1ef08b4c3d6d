import { AsyncLocalStorage } from 'node:async_hooks';
import type { mongo } from 'mongoose';
import { TransactionTooLargeError, UnknownOutcomeError } from '../errors.ts';
import type { WrittenVersion } from '../offload/uploader.ts';
import { Numbers } from './collection-version.ts';
import { withPayloads } from './payload-away.ts';
import { requireTransactional } from './preconditions.ts';
import type { Store } from './store.ts';

type ClientSession = mongo.ClientSession;

/** Set by the library on every transaction it starts: a weaker default of the app would void its promises. */
export const TRANSACTION_OPTIONS: mongo.TransactionOptions = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority' },
  readPreference: 'primary',
};

/** The transaction a step runs in. */
export interface Transaction {
  readonly session: ClientSession;
  /** Begun by the caller, who commits or aborts it and who retries it. */
  readonly joined: boolean;
  /** The versions it has made so far. */
  readonly written: WrittenVersion[];
  /** What is to be done once it is committed. Nothing must fail there. */
  readonly after: (() => Promise<void>)[];
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
  requireTransactional(store);
  // In a transaction that goes on, what has been done in it before must not be done again.
  const whole: Steps<T> = (tx) => (tx.joined ? withPayloads(store, tx.session, () => steps(tx)) : steps(tx));
  const run: Steps<T> = (tx) => (store.collectionVersion ? numbered(store, tx, whole, versions) : whole(tx));
  if (callers !== undefined) {
    return inTurn(callers, () => {
      return callers.inTransaction() ? joinedTransaction(store, callers, run) : ownTransaction(store, callers, run);
    }).catch(rethrow(store));
  }
  const session = store.client.startSession({ causalConsistency: false });
  try {
    return await ownTransaction(store, session, run).catch(rethrow(store));
  } finally {
    await session.endSession();
  }
}

/** A transaction of its own, whatever session a caller has, which makes no version. */
export function inOwnTransaction<T>(store: Store, steps: Steps<T>): Promise<T> {
  return inTransaction(store, undefined, steps, 0);
}

type Steps<T> = (tx: Transaction) => Promise<T>;

async function ownTransaction<T>(store: Store, session: ClientSession, steps: Steps<T>): Promise<T> {
  let [written, after]: [WrittenVersion[], Transaction['after']] = [[], []];
  const attempt = () => {
    [written, after] = [[], []];
    return steps({ session, joined: false, written, after });
  };
  const result = await withPayloads(store, undefined, () => session.withTransaction(attempt, TRANSACTION_OPTIONS));
  committed(store, undefined, written);
  store.counting?.offer();
  await Promise.all(after.map((step) => step()));
  return result;
}

async function joinedTransaction<T>(store: Store, session: ClientSession, steps: Steps<T>): Promise<T> {
  const written: WrittenVersion[] = [];
  const after: Transaction['after'] = [];
  const result = await steps({ session, joined: true, written, after });
  committed(store, session, written);
  if (store.counting !== undefined) afterCommit(session, () => store.counting?.offer());
  for (const step of after) afterCommit(session, () => void step());
  return result;
}

/** Has the payloads of new versions stored: now, or once the transaction that they are part of is committed. */
export function committed(
  { payload }: Store,
  session: ClientSession | undefined,
  versions: readonly WrittenVersion[],
): void {
  if (payload === undefined || versions.length === 0) return;
  if (isInTransaction(session)) afterCommit(session as ClientSession, () => payload.offer(versions));
  else payload.offer(versions);
}

const waitingForCommit = new WeakMap<ClientSession, (() => void)[]>();

/** Nothing must fail there: the driver takes whatever does for a failed commit. */
function afterCommit(session: ClientSession, step: () => void): void {
  const waiting = waitingForCommit.get(session);
  if (waiting !== undefined) {
    waiting.push(step);
    return;
  }
  const steps = [step];
  waitingForCommit.set(session, steps);
  const { commitTransaction } = session;
  session.commitTransaction = async () => {
    await commitTransaction.call(session);
    for (const waited of steps.splice(0)) waited();
  };
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

/** What is under way in sessions, each after the other. */
type Queue = WeakMap<ClientSession, Promise<unknown>>;

/** In sessions of callers: transactions of our own, and writes within one of the caller's. */
const busy: Queue = new WeakMap();
const joined: Queue = new WeakMap();

/** The session whose turn it is, for what is done within that turn. */
const turn = new AsyncLocalStorage<ClientSession>();

/** Whether a write in a caller's session is part of a transaction that somebody else commits. */
export function isInTransaction(session: ClientSession | null | undefined): boolean {
  if (!session?.inTransaction()) return false;
  return turn.getStore() === session || !busy.has(session);
}

/**
 * A session holds one transaction at a time, yet plain Mongoose lets a caller use it for parallel writes: they wait for
 * each other. Without that, a second write would take the transaction of the first one for its caller's, and within a
 * transaction of the caller's two writes of one document would both supersede the same version.
 */
export function inTurn<T>(session: ClientSession | undefined, fn: () => Promise<T>): Promise<T> {
  if (session === undefined || turn.getStore() === session) return fn();
  if (!isInTransaction(session)) return after(busy, session, fn);
  abortAfterWrites(session);
  return after(joined, session, fn);
}

function after<T>(queue: Queue, session: ClientSession, fn: () => Promise<T>): Promise<T> {
  const before = queue.get(session) ?? Promise.resolve();
  const result = before.then(() => turn.run(session, fn));
  const settled = result.then(
    () => undefined,
    () => undefined,
  );
  queue.set(session, settled);
  void settled.then(() => {
    if (queue.get(session) === settled) queue.delete(session);
  });
  return result;
}

const waiting = new WeakSet<ClientSession>();

/**
 * Has a caller's session abort only between writes. One of several parallel writes may fail and the caller abort, while
 * another is between its steps: the rest of them would be carried out outside of the transaction.
 */
function abortAfterWrites(session: ClientSession): void {
  if (waiting.has(session)) return;
  waiting.add(session);
  const { abortTransaction } = session;
  session.abortTransaction = async (...args) => {
    await joined.get(session);
    for (const undo of undoing.get(session)?.splice(0).reverse() ?? []) undo();
    return abortTransaction.apply(session, args);
  };
}

const undoing = new WeakMap<ClientSession, (() => void)[]>();

/** Undoes what was done in memory, should a caller's transaction be aborted. */
export function ifAborted(session: ClientSession, undo: () => void): void {
  const known = undoing.get(session);
  if (known !== undefined && known.length > 0) {
    known.push(undo);
    return;
  }
  const steps = [undo];
  undoing.set(session, steps);
  afterCommit(session, () => steps.splice(0));
}

/** `TransactionTooLargeForCache`: more changes than the server's cache can hold; comes without a label. */
const TRANSACTION_TOO_LARGE = 388;

function rethrow(store: Store): (error: unknown) => never {
  return (error) => {
    if (error instanceof store.mongo.MongoError) {
      if (error.hasErrorLabel('UnknownTransactionCommitResult')) {
        throw new UnknownOutcomeError(store.head.collectionName, undefined, error);
      }
      if ((error as mongo.MongoServerError).code === TRANSACTION_TOO_LARGE) {
        throw new TransactionTooLargeError(store.head.collectionName, error);
      }
    }
    throw error;
  };
}
