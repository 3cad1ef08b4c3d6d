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

const shown = new WeakMap<PlaceConnection, PlaceConnection>();

/** The connection that models of a tenant show where it shares its database: for models and sessions, and no more. */
export function rowConnection(connection: PlaceConnection): PlaceConnection {
  const known = shown.get(connection);
  if (known !== undefined) return known;
  const made = Object.create(connection, MEMBERS) as PlaceConnection;
  shown.set(connection, made);
  return made;
}

const MEMBERS: PropertyDescriptorMap = {
  ...Object.fromEntries(REFUSED.map((name) => [name, { value: refusing(name), writable: true }])),
  db: { get: refusing('db') },
  createCollection: {
    async value(this: PlaceConnection, name: string, options?: object) {
      const connection = Object.getPrototypeOf(this) as PlaceConnection;
      // What the driver returns is the whole collection.
      await connection.createCollection(name, options as never);
    },
  },
};

function refusing(name: string) {
  return function (this: PlaceConnection): never {
    throw refusal(String(this.place.tenantId), `use ${name} of the connection`, 'Use the methods of a model');
  };
}
