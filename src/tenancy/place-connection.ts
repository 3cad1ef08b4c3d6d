import type { ClientSession, Connection, mongo } from 'mongoose';
import type { AnyModel } from '../capture/install.ts';
import { RouteMismatchError } from '../errors.ts';
import { trafficOf } from './connections.ts';
import { ownerOf, type Place } from './place.ts';
import { markSession } from './session-owner.ts';
import type { Traffic } from './traffic.ts';

/** A connection to one place: models find one another through it, and none that belongs elsewhere. */
export interface PlaceConnection extends Connection {
  readonly place: Place;
  /** What is under way on its client. */
  readonly traffic: Traffic;
  /** The model of that name at the place. */
  readonly modelNamed: (name: string) => AnyModel | undefined;
}

/** What leads to other databases, or ends what all places of a client share. */
const REFUSED = ['useDb', 'openUri', 'close', 'destroy', 'aggregate', 'listDatabases', 'setClient'] as const;

type Method = (this: PlaceConnection, ...args: never[]) => unknown;

/**
 * A connection to a database on a client that is there already: the same in everything but what it is asked about that
 * database. It costs a few fields, where Mongoose's `useDb` makes a connection that its parent holds on to.
 */
export function placeConnection(
  client: Connection,
  place: Place,
  modelNamed: PlaceConnection['modelNamed'],
): PlaceConnection {
  const connection = Object.create(sharedMembers(client)) as PlaceConnection;
  Object.assign(connection, { place, modelNamed, models: {}, collections: {} });
  if (client.readyState !== CONNECTED) waitingFor(client).add(connection);
  return connection;
}

const CONNECTED = 1;

const waiting = new WeakMap<Connection, Set<PlaceConnection>>();

/**
 * Connections to places on a client that is not open yet. Mongoose lets go what waits for the client's own connection
 * when it opens, and knows nothing of these.
 */
function waitingFor(client: Connection): Set<PlaceConnection> {
  const known = waiting.get(client);
  if (known !== undefined) return known;
  const connections = new Set<PlaceConnection>();
  waiting.set(client, connections);
  client.once('open', () => {
    waiting.delete(client);
    for (const { collections } of connections) {
      for (const collection of Object.values(collections)) (collection as unknown as Openable).onOpen();
    }
  });
  return connections;
}

type Openable = { onOpen(): void };

const members = new WeakMap<Connection, Connection>();

/** What connections to the places of one client have in common. */
function sharedMembers(client: Connection): Connection {
  const known = members.get(client);
  if (known !== undefined) return known;
  const native = client as unknown as Record<'model' | 'startSession' | 'createCollection', Method>;
  const { model, startSession, createCollection } = native;
  const methods: Record<string, Method> = {
    ...Object.fromEntries(REFUSED.map((name) => [name, refused(name, ONE_DATABASE)])),
    bulkWrite: refused('bulkWrite', 'it writes to whatever models it is given. Use bulkWrite of each model'),
    async createCollection(...args) {
      this.place.requireOpen();
      return createCollection.apply(this, args);
    },
    model(...args: unknown[]) {
      const [name, ...definition] = args;
      const isDefined = definition.some((part) => part !== undefined && part !== null);
      return (isDefined ? undefined : this.modelNamed(String(name))) ?? model.apply(this, args as never[]);
    },
    async startSession(...args) {
      const session = (await startSession.apply(client as PlaceConnection, args)) as ClientSession;
      trafficOf(client).followSession(session);
      return markSession(session, this.place);
    },
  };
  const made = Object.create(client, {
    ...Object.fromEntries(Object.entries(methods).map(([name, value]) => [name, { value, writable: true }])),
    // Mongoose would look there for what it does not find here.
    _parent: { value: undefined },
    traffic: { value: trafficOf(client) },
    name: {
      get(this: PlaceConnection) {
        return this.place.dbName;
      },
    },
    db: {
      get(this: PlaceConnection) {
        const database = databaseOf(client, this.place.dbName);
        if (database !== undefined) Object.defineProperty(this, 'db', { value: database });
        return database;
      },
    },
  }) as Connection;
  members.set(client, made);
  return made;
}

/** Before the connection is open for the first time there is no client. */
function databaseOf(client: Connection, name: string): mongo.Db | undefined {
  const { client: driver, base } = client as unknown as { client?: mongo.MongoClient | null; base: MongooseOf };
  return driver === undefined || driver === null ? undefined : new base.mongo.Db(driver, name, optionsOf(driver));
}

type MongooseOf = { readonly mongo: { readonly Db: typeof mongo.Db } };

const clientOptions = new WeakMap<mongo.MongoClient, mongo.DbOptions>();

/** Those that `client.db()` hands on, too: it copies some hundred of them for every database. */
function optionsOf(driver: mongo.MongoClient): mongo.DbOptions {
  const options = clientOptions.get(driver) ?? driver.options;
  clientOptions.set(driver, options);
  return options;
}

const ONE_DATABASE =
  "it leads to one database, and its client is the registry's. Use chronos.model() for other places, and chronos.close() to close";

function refused(name: string, why: string): Method {
  return function () {
    throw new RouteMismatchError({ message: `Cannot ${name} on the connection of ${ownerOf(this.place)}: ${why}` });
  };
}
