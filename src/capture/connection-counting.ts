import type { Store, VersionCounting } from '../commit/store.ts';

/** Gives what counts the versions of a collection. */
export type CountingOf = (store: Store) => VersionCounting;

const COUNTING = Symbol('chronos counting');

/** Has the versions counted that are written through a connection. */
export function countThrough(connection: object, countingOf: CountingOf): void {
  Object.defineProperty(connection, COUNTING, { value: countingOf });
}

/** What counts the versions of a collection; undefined where nothing does, or could tell them by their numbers. */
export function countingThrough(connection: object, store: Store): VersionCounting | undefined {
  if (!store.collectionVersion || !store.versioning) return undefined;
  return (connection as { readonly [COUNTING]?: CountingOf })[COUNTING]?.(store);
}
