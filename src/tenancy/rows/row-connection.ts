import type { PlaceConnection } from '../place-connection.ts';
import { refusal } from './refusal.ts';

/** What leads to whole collections, or writes to several at once. */
const REFUSED = [
  'bulkWrite',
  'collection',
  'createCollections',
  'dropCollection',
  'dropDatabase',
  'listCollections',
  'syncIndexes',
  'watch',
] as const;

/** The connection that models of a tenant show where it shares its database: for models and sessions, and no more. */
export function rowConnection(connection: PlaceConnection): PlaceConnection {
  const tenantId = connection.place.tenantId as string;
  const refuse = (name: string) => () => {
    throw refusal(tenantId, `use ${name} of the connection`, 'Use the methods of a model');
  };
  return Object.create(connection, {
    ...Object.fromEntries(REFUSED.map((name) => [name, { value: refuse(name), writable: true }])),
    db: { get: refuse('db') },
    createCollection: {
      value: (name: string, options?: object) => connection.createCollection(name, options as never),
    },
  }) as PlaceConnection;
}
