import { setTimeout as pause } from 'node:timers/promises';
import type { mongo } from 'mongoose';
import { ConfigError, PayloadMissingError, StorageError } from '../errors.ts';
import { isExistsAlready } from '../payload/object-exists.ts';
import { ownerKey } from '../payload/payload-key.ts';
import type { ObjectFacts, PayloadStore, PutOptions } from '../payload/payload-store.ts';
import type { Offloading } from './upload-row.ts';

/** Whose the objects of a collection are: no two databases may have theirs under the same keys. */
interface Owner {
  readonly database: string;
  /** The name of the replica set, or `sharded`. */
  readonly cluster: string;
  /** What tells it from others of that name; null where the server does not tell it to this user. */
  readonly clusterId: string | null;
}

/** A collection, and what the keys of its objects have in common. */
export type Owned = Pick<Offloading, 'head' | 'address'>;

/**
 * Sees to it that all objects of a collection are its own, in a store: writes down whose they are, where nobody has.
 *
 *     <prefix>/!owner/<collection>/owner.json   { "database": "app", "cluster": "rs0", "clusterId": "65f0…" }
 *
 * @throws ConfigError where they are those of another database; StorageError
 */
export async function requireOwned(owned: Owned, store: PayloadStore, signal?: AbortSignal): Promise<void> {
  const own = await ownerOf(owned);
  const found = await readOwner(owned, store, signal);
  if (found === undefined) await claim(owned, store, own, signal);
  requireSame(owned, store, own, found ?? (await readOwner(owned, store, signal)) ?? own);
}

/**
 * The same for those who only look: nothing is written down.
 *
 * @throws ConfigError where the objects are those of another database; StorageError
 */
export async function requireNotOthers(owned: Owned, store: PayloadStore): Promise<void> {
  const own = await ownerOf(owned);
  requireSame(owned, store, own, (await readOwner(owned, store)) ?? own);
}

/** The time by the clock of a store, which is the one its objects are dated by: that of an object put now. */
export async function timeOf(owned: Owned, store: PayloadStore): Promise<Date> {
  await writeOwner(owned, store, await ownerOf(owned));
  const { modified } = (await store.head(ownerKey(owned.address))) as ObjectFacts;
  return modified;
}

/** The stores of a collection, each once. */
export function storesOf({ stores: { json, content } }: Offloading): readonly PayloadStore[] {
  return [...new Set([json, content])];
}

async function readOwner({ address }: Owned, store: PayloadStore, signal?: AbortSignal): Promise<Owner | undefined> {
  try {
    return JSON.parse(Buffer.from(await store.get(ownerKey(address), { signal })).toString('utf8')) as Owner;
  } catch (error) {
    if (error instanceof PayloadMissingError) return undefined;
    throw error;
  }
}

/** What overwrites an owner has found nobody before, and is not under way for longer. */
const OVERWRITTEN_MS = 2_000;

/**
 * Writes down whose the objects are, where nobody has meanwhile. A store that does not refuse it the second time does not
 * tell who comes first: then whoever has come last is seen after a while.
 */
async function claim(owned: Owned, store: PayloadStore, own: Owner, signal?: AbortSignal): Promise<void> {
  if (!(await isFirst(owned, store, own, signal))) return;
  if (await isFirst(owned, store, own, signal)) await pause(OVERWRITTEN_MS, undefined, { signal });
}

async function isFirst(owned: Owned, store: PayloadStore, own: Owner, signal?: AbortSignal): Promise<boolean> {
  try {
    await writeOwner(owned, store, own, { ifAbsent: true, signal });
    return true;
  } catch (error) {
    if (isExistsAlready(error)) return false;
    if (!(error instanceof StorageError) || error.retryable) throw error;
    // Some stores cannot do that, and say so.
    await writeOwner(owned, store, own, { signal });
    return true;
  }
}

async function writeOwner({ address }: Owned, store: PayloadStore, owner: Owner, options: PutOptions = {}) {
  const body = Buffer.from(JSON.stringify(owner), 'utf8');
  await store.put(ownerKey(address), body, { ...options, contentType: 'application/json' });
}

function requireSame({ address, head }: Owned, { name }: PayloadStore, own: Owner, found: Owner): void {
  const isOther = found.clusterId !== null && own.clusterId !== null && found.clusterId !== own.clusterId;
  if (found.database === own.database && found.cluster === own.cluster && !isOther) return;
  const key = ownerKey(address);
  throw new ConfigError({
    message: `Cannot keep objects of ${head.namespace} under the prefix ${JSON.stringify(address.prefix)} of the ${name}: the objects there belong to the database ${found.database} of ${isOther ? 'another' : 'the'} replica set ${found.cluster}. Give each database a prefix of its own; or delete the object ${key}, if this database has taken the place of that one`,
  });
}

const owners = new WeakMap<object, Promise<Pick<Owner, 'cluster' | 'clusterId'>>>();

async function ownerOf({ head }: Pick<Owned, 'head'>): Promise<Owner> {
  const { db } = head as unknown as { db: mongo.Db & { readonly client: object } };
  let cluster = owners.get(db.client);
  if (cluster === undefined) {
    cluster = clusterOf(db.admin());
    owners.set(db.client, cluster);
    cluster.catch(() => owners.delete(db.client));
  }
  return { database: head.dbName, ...(await cluster) };
}

/** Users may not be allowed to see the id of the replica set. */
async function clusterOf(admin: mongo.Admin): Promise<Pick<Owner, 'cluster' | 'clusterId'>> {
  const { setName } = await admin.command({ hello: 1 });
  if (setName === undefined) return { cluster: 'sharded', clusterId: null };
  const { config } = await admin.command({ replSetGetConfig: 1 }).catch(() => ({ config: undefined }));
  const id = config?.settings?.replicaSetId as unknown;
  return { cluster: String(setName), clusterId: id === undefined ? null : String(id) };
}
