import type { Connection, Mongoose, mongo } from 'mongoose';
import { Traffic } from './traffic.ts';

/** Connections never make collections or indexes of their own accord: there may be thousands of databases behind them. */
const OPTIONS = { autoIndex: false, autoCreate: false } as const;

/** The connections of a registry: one client for each key, opened when it is first asked for. */
export class Connections {
  readonly #mongoose: Mongoose;
  readonly #uris: ReadonlyMap<string, string>;
  readonly #connections = new Map<string, Connection>();

  constructor(mongoose: Mongoose, uris: ReadonlyMap<string, string>) {
    this.#mongoose = mongoose;
    this.#uris = uris;
  }

  /** The connection of a key, open or about to be. One that could not be opened is tried again. */
  get(key: string): Connection {
    const connection = this.#connections.get(key) ?? followed(this.#mongoose.createConnection());
    this.#connections.set(key, connection);
    const { disconnected } = this.#mongoose.ConnectionStates;
    // Once it has been open, the driver itself sees to it that it is again.
    const wasOpen = (connection as { db?: unknown }).db !== undefined;
    if (connection.readyState === disconnected && !wasOpen) open(connection, this.#uris.get(key) as string);
    return connection;
  }

  /** The keys of all that there are. */
  keys(): string[] {
    return [...this.#uris.keys()];
  }

  /** Those that have been asked for. */
  opened(): Connection[] {
    return [...this.#connections.values()];
  }

  /** Closes them when what is under way on them has ended, but in that time at the latest. */
  async close(drainMs: number): Promise<void> {
    const connections = this.opened();
    this.#connections.clear();
    await Promise.all(connections.map((connection) => trafficOf(connection).drain(drainMs)));
    await Promise.all(connections.map(closed));
  }
}

const traffic = new WeakMap<Connection, Traffic>();

/** What is under way on a registry's connection. */
export function trafficOf(connection: Connection): Traffic {
  return traffic.get(connection) as Traffic;
}

function followed(connection: Connection): Connection {
  const own = new Traffic();
  traffic.set(connection, own);
  connection.once('open', () => own.watch(connection.getClient() as unknown as mongo.MongoClient));
  return connection;
}

/** Mongoose waits for a connection that is about to open, also where there is no server; its client does not. */
async function closed(connection: Connection): Promise<void> {
  if (connection.readyState === CONNECTING) await connection.getClient().close();
  await connection.destroy();
}

const CONNECTING = 2;

/** Whoever waits for the connection is told why it does not open; nobody else needs to be. */
function open(connection: Connection, uri: string): void {
  connection.openUri(uri, OPTIONS).catch(() => undefined);
}
