import type { mongo } from 'mongoose';
import { ConfigError } from '../errors.ts';
import type { Store } from './store.ts';

const asked = new WeakMap<mongo.MongoClient, Promise<void>>();

/**
 * Asks the server, once per client, whether it has transactions. Without them a write and its version could come
 * apart, so that the first write is refused, before anything is written.
 *
 * @throws ConfigError on a standalone server
 */
export function requireTransactions(store: Store): Promise<void> {
  const known = asked.get(store.client);
  if (known !== undefined) return known;
  const answer = ask(store);
  asked.set(store.client, answer);
  answer.catch(() => asked.delete(store.client));
  return answer;
}

async function ask(store: Store): Promise<void> {
  // https://www.mongodb.com/docs/manual/reference/command/hello/
  const hello = await store.client.db('admin').command({ hello: 1 });
  if (hello.setName !== undefined || hello.msg === 'isdbgrid') return;
  throw new ConfigError({
    message:
      `Cannot keep versions of ${store.head.collectionName}: the server is a standalone and has no transactions. ` +
      'A replica set of one member is enough: start mongod with --replSet rs0, then run rs.initiate() once in mongosh',
  });
}
