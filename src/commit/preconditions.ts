import type { mongo } from 'mongoose';
import { ConfigError } from '../errors.ts';
import type { Store } from './store.ts';

/**
 * What has to hold before the first write, so that nothing is left half done: the server has transactions, and the
 * collection's validator leaves room for the bookkeeping. Asked once for each client and collection.
 *
 * @throws ConfigError with the commands that mend it
 */
export function requirePreconditions(store: Store): Promise<void> {
  return askedOnce(stores, store, async () => {
    await askedOnce(clients, store.client, () => requireTransactions(store));
    requireRoomForSystem(store, await collectionOf(store));
  });
}

const clients = new WeakMap<mongo.MongoClient, Promise<void>>();
const stores = new WeakMap<Store, Promise<void>>();

function askedOnce<K extends object>(
  memory: WeakMap<K, Promise<void>>,
  key: K,
  ask: () => Promise<void>,
): Promise<void> {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const answer = ask();
  memory.set(key, answer);
  answer.catch(() => memory.delete(key));
  return answer;
}

/** Without transactions a write and its version could come apart. */
async function requireTransactions(store: Store): Promise<void> {
  // https://www.mongodb.com/docs/manual/reference/command/hello/
  const hello = await store.client.db('admin').command({ hello: 1 });
  if (hello.setName !== undefined || hello.msg === 'isdbgrid') return;
  throw new ConfigError({
    message:
      `Cannot keep versions of ${store.head.collectionName}: the server is a standalone and has no transactions. ` +
      'A replica set of one member is enough: start mongod with --replSet rs0, then run rs.initiate() once in mongosh',
  });
}

/** Collections that exist already, and are written outside of transactions only. */
const withoutTransactions = new WeakSet<Store>();

/**
 * Inserts may do without a transaction, other writes cannot.
 *
 * @throws ConfigError for a capped collection or a time series, whose reads in a transaction the server may even tell
 *   to try again for ever
 */
export function requireTransactional(store: Store): void {
  if (!withoutTransactions.has(store)) return;
  const name = store.head.collectionName;
  throw new ConfigError({
    message: `Cannot keep versions of ${name}: the server does not write capped collections and time series in transactions. Leave the plugin off its schema`,
  });
}

async function collectionOf(store: Store): Promise<CollectionInfo | undefined> {
  const { db } = store.head as unknown as { db: mongo.Db };
  const name = store.head.collectionName;
  const [info] = (await db.listCollections({ name }, { nameOnly: false }).toArray()) as CollectionInfo[];
  if (info?.type === 'timeseries' || info?.options?.capped === true) withoutTransactions.add(store);
  return info;
}

interface CollectionInfo {
  readonly type?: string;
  readonly options?: { readonly capped?: boolean; readonly validator?: { readonly $jsonSchema?: JsonSchema } };
}

/** A `$jsonSchema` that allows no other properties than its own would refuse every document with a bookkeeping. */
function requireRoomForSystem(store: Store, info: CollectionInfo | undefined): void {
  const name = store.head.collectionName;
  const { additionalProperties, properties } = info?.options?.validator?.$jsonSchema ?? {};
  if (additionalProperties !== false || properties?._system !== undefined) return;
  throw new ConfigError({
    message:
      `Cannot keep versions of ${name}: its validator has additionalProperties: false and refuses _system. ` +
      `Allow it: db.runCommand({ collMod: '${name}', validator: … }) with _system: { bsonType: 'object' } among the properties`,
  });
}

interface JsonSchema {
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
}
