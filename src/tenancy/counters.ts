import type { mongo } from 'mongoose';
import type { CountingOf } from '../capture/connection-counting.ts';
import type { Store } from '../commit/store.ts';
import type { ResolvedConfig } from '../config/resolved-config.ts';
import { CounterDatabase, type OpenDatabase } from '../counters/counter-database.ts';
import type { Counting } from '../counters/counting.ts';
import { CountingJobs } from '../counters/counting-jobs.ts';
import type { CountingRule } from '../counters/counting-rule.ts';
import { type Connections, trafficOf } from './connections.ts';
import type { Place } from './place.ts';

type Config = Pick<ResolvedConfig, 'counters' | 'retention' | 'debounceCountersMs'>;

/** The counters of a registry, in a database on one of its connections. */
export class Counters {
  readonly #connections: Connections;
  readonly #connection: string;
  readonly #dbName: string;
  readonly #jobs: CountingJobs;

  constructor(config: Config, connections: Connections, rules: readonly CountingRule[]) {
    const { connection = '', dbName = '' } = config.counters ?? {};
    this.#connections = connections;
    this.#connection = connection;
    this.#dbName = dbName;
    const counters = new CounterDatabase(() => this.#open(), config.retention.counters);
    this.#jobs = new CountingJobs({ counters, rules, debounceMs: config.debounceCountersMs });
  }

  /** What counts the collections at a place. */
  countingAt({ database, tenantId }: Place): CountingOf {
    const owner = database.kind === 'shared' ? undefined : tenantId;
    return (store) => this.#jobs.of(store, owner);
  }

  /** What counts a collection; undefined where nothing does. */
  known(store: Store): Counting | undefined {
    return this.#jobs.known(store);
  }

  /** Counts what waits to be counted: the connection is not closed before. */
  close(): void {
    if (!this.#jobs.isBusy) return;
    trafficOf(this.#connections.get(this.#connection)).followCall(this.#jobs.close());
  }

  async #open(): Promise<OpenDatabase> {
    const connection = this.#connections.get(this.#connection);
    await connection.asPromise();
    const client = connection.getClient() as unknown as mongo.MongoClient;
    return { client, db: client.db(this.#dbName) };
  }
}
