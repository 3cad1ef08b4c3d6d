import type { Connection, mongo } from 'mongoose';
import type { Committer } from '../commit/committer.ts';
import { ensureVersions } from '../commit/versions-collection.ts';

/** What a connection is asked here of one of its models. */
interface VersionedHere {
  createCollection(...args: unknown[]): Promise<unknown>;
}

/** The committer of a model, once its connection is open. */
type CommitterOf = (model: VersionedHere) => Committer | undefined;

/** The models of a connection whose sessions are watched, and whether it has opened one. */
interface Watched {
  readonly unseen: Set<VersionedHere>;
  hasSessions: boolean;
}

const connections = new WeakMap<Connection, Watched>();

/**
 * Inside a transaction a collection of versions cannot come into being with its options, and a transaction that began
 * before it did cannot see it. So those of existing collections are created before the first session opens, and later
 * with their collections; an app that uses no session gets each with the first write that needs it.
 */
export function createBeforeSessions(connection: Connection, model: VersionedHere, committerOf: CommitterOf): void {
  const watched = connections.get(connection) ?? watch(connection, committerOf);
  watched.unseen.add(model);
  const { createCollection } = model;
  const created = async function (this: VersionedHere, ...args: unknown[]): Promise<unknown> {
    const result = await createCollection.apply(this, args);
    watched.unseen.add(model);
    if (watched.hasSessions) await createUnseen(watched, committerOf);
    return result;
  };
  Object.defineProperty(model, 'createCollection', { value: created, writable: true, configurable: true });
}

function watch(connection: Connection, committerOf: CommitterOf): Watched {
  const watched: Watched = { unseen: new Set(), hasSessions: false };
  connections.set(connection, watched);
  const { startSession } = connection;
  const started: typeof startSession = async function (this: Connection, ...args) {
    const session = await startSession.apply(this, args);
    watched.hasSessions = true;
    await createUnseen(watched, committerOf);
    return session;
  };
  Object.defineProperty(connection, 'startSession', { value: started, writable: true, configurable: true });
  return watched;
}

/** What keeps a collection of versions from being created is told by the first write. */
async function createUnseen({ unseen }: Watched, committerOf: CommitterOf): Promise<void> {
  const stores = [...unseen].flatMap((model) => committerOf(model)?.store ?? []);
  unseen.clear();
  const [first] = stores;
  if (first === undefined) return;
  const { db } = first.versions as unknown as { db: mongo.Db };
  const names = stores.map(({ head }) => head.collectionName);
  const existing = await db
    .listCollections({ name: { $in: names } }, { nameOnly: true })
    .toArray()
    .catch(() => []);
  const exists = new Set(existing.map(({ name }) => name));
  const wanted = new Set(stores.filter(({ head }) => exists.has(head.collectionName)));
  await Promise.allSettled([...wanted].map((store) => ensureVersions(store, undefined)));
}
