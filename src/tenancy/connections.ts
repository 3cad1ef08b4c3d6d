import type { Connection, Mongoose } from 'mongoose';

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
    const connection = this.#connections.get(key) ?? this.#mongoose.createConnection();
    this.#connections.set(key, connection);
    const { disconnected } = this.#mongoose.ConnectionStates;
    // Once it has been open, the driver itself sees to it that it is again.
    const wasOpen = (connection as { db?: unknown }).db !== undefined;
    if (connection.readyState === disconnected && !wasOpen) open(connection, this.#uris.get(key) as string);
    return connection;
  }

  /** Those that have been asked for. */
  opened(): Connection[] {
    return [...this.#connections.values()];
  }

  async close(): Promise<void> {
    const connections = this.opened();
    this.#connections.clear();
    await Promise.all(connections.map((connection) => connection.destroy()));
  }
}

/** Whoever waits for the connection is told why it does not open; nobody else needs to be. */
function open(connection: Connection, uri: string): void {
  connection.openUri(uri, OPTIONS).catch(() => undefined);
}
