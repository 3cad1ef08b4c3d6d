import type { Store } from '../commit/store.ts';

/** A transaction lives this long at the most, unless the server is told otherwise. */
const DEFAULT_LIFETIME_SECONDS = 60;

/**
 * The newest instant whose answer can no longer change. A version is dated before it is committed; so whatever is dated
 * earlier than the longest transaction ago is committed by now, or never will be. Clocks of the writers that differ from
 * the server's by more than a transaction's lifetime void that.
 */
export async function safeTime(store: Store): Promise<Date> {
  const admin = store.client.db('admin');
  const { localTime } = (await admin.command({ hello: 1 })) as unknown as { localTime: Date };
  const lifetime = await admin
    .command({ getParameter: 1, transactionLifetimeLimitSeconds: 1 })
    .then(({ transactionLifetimeLimitSeconds }) => Number(transactionLifetimeLimitSeconds))
    // Users of a managed server are mostly not allowed to ask.
    .catch(() => DEFAULT_LIFETIME_SECONDS);
  return new Date(localTime.getTime() - 2 * lifetime * 1000);
}
