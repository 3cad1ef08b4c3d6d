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
    await requireRoomForSystem(store);
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

/** A `$jsonSchema` that allows no other properties than its own would refuse every document with a bookkeeping. */
async function requireRoomForSystem(store: Store): Promise<void> {
  const { db } = store.head as unknown as { db: mongo.Db };
  const name = store.head.collectionName;
  const [info] = await db.listCollections({ name }, { nameOnly: false }).toArray();
  const { validator } = (info as { options?: { validator?: { $jsonSchema?: JsonSchema } } } | undefined)?.options ?? {};
  const { additionalProperties, properties } = validator?.$jsonSchema ?? {};
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
