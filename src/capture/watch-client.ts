import type { mongo } from 'mongoose';
import type { DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { dropHistory, forgetHistory } from '../commit/history-collections.ts';
import { writeBulk } from '../commit/write-bulk.ts';
import { effectiveOptions } from '../context.ts';
import { ConfigError } from '../errors.ts';
import type { ChronosWriteOptions, RawDocument } from '../types.ts';
import { bulkItems } from './bulk-items.ts';

/**
 * Calls that reach versioned collections without going through one of them: they are made on a database or on the
 * client. Each is replaced on that very object, once, and does what it did for everything that is not versioned.
 */
export function watchClient(committer: Committer): void {
  const { client, head, versions } = committer.store;
  let committers = watched.get(client);
  if (committers === undefined) {
    committers = new Committers();
    watched.set(client, committers);
    watchBulkWrite(client, committers, committer.store.mongo);
  }
  committers.add(head.namespace, committer);
  watchDatabase((versions as unknown as { db: mongo.Db }).db, committers);
}

/**
 * The committers of a client's versioned collections. They belong to the models that write through them: where there
 * are many models that come and go, as those of tenants, a committer goes with its model.
 */
class Committers {
  readonly #byNamespace = new Map<string, WeakRef<Committer>>();
  readonly #gone = new FinalizationRegistry<string>((namespace) => {
    if (this.get(namespace) === undefined) this.#byNamespace.delete(namespace);
  });

  add(namespace: string, committer: Committer): void {
    this.#byNamespace.set(namespace, new WeakRef(committer));
    this.#gone.register(committer, namespace);
  }

  get(namespace: string): Committer | undefined {
    return this.#byNamespace.get(namespace)?.deref();
  }

  *inDatabase(name: string): Generator<Committer> {
    for (const [namespace, reference] of this.#byNamespace) {
      const committer = namespace.startsWith(`${name}.`) ? reference.deref() : undefined;
      if (committer !== undefined) yield committer;
    }
  }
}

const watched = new WeakMap<mongo.MongoClient, Committers>();

/** The committer of a collection that some model of the client writes through already. */
export function watchedCommitter(client: mongo.MongoClient, namespace: string): Committer | undefined {
  return watched.get(client)?.get(namespace);
}

const databases = new WeakSet<mongo.Db>();

/** What is dropped takes its history along, and they are set up anew when it comes back. */
function watchDatabase(db: mongo.Db, committers: Committers): void {
  if (databases.has(db)) return;
  databases.add(db);
  const { dropDatabase, dropCollection } = db;
  db.dropDatabase = async (...args) => {
    const dropped = await dropDatabase.apply(db, args);
    for (const { store } of committers.inDatabase(db.databaseName)) forgetHistory(store);
    return dropped;
  };
  db.dropCollection = async (name, ...args) => {
    const committer = committers.get(`${db.databaseName}.${name}`);
    if (committer !== undefined) await dropHistory(committer.store);
    return dropCollection.call(db, name, ...args);
  };
}

/** One operation of `MongoClient.bulkWrite`, which is what `Connection.bulkWrite` of Mongoose ends in. */
type ClientOperation = { readonly namespace: string; readonly name: string } & RawDocument;

function watchBulkWrite(client: mongo.MongoClient, committers: Committers, driver: typeof mongo): void {
  const native = client.bulkWrite;
  client.bulkWrite = (async (operations: ClientOperation[], options: Record<string, unknown> = {}) => {
    const versioned = operations.some?.(({ namespace }) => committers.get(namespace) !== undefined) === true;
    if (!versioned) return native.call(client, operations as never, options as never);
    return new ClientBulkWrite(client, committers, driver, options as DriverOptions).run(operations);
  }) as unknown as typeof client.bulkWrite;
}

function ofOneCollection(): ConfigError {
  return new ConfigError({
    message:
      'Cannot make a bulk write of several collections once (opId) or within a deadline (deadlineMs): it is not one write. Use bulkWrite of each model',
  });
}

type Count = 'insertedCount' | 'upsertedCount' | 'matchedCount' | 'modifiedCount' | 'deletedCount';

interface Run {
  readonly namespace: string;
  readonly operations: RawDocument[];
  readonly positions: number[];
}

/**
 * A bulk write over several collections, carried out collection by collection: in the order given if it is ordered.
 * It needs no server that knows the command of that name.
 */
class ClientBulkWrite {
  readonly #client: mongo.MongoClient;
  readonly #committers: Committers;
  readonly #mongo: typeof mongo;
  readonly #options: DriverOptions;
  readonly #counts: Record<Count, number> = {
    insertedCount: 0,
    upsertedCount: 0,
    matchedCount: 0,
    modifiedCount: 0,
    deletedCount: 0,
  };
  readonly #errors = new Map<number, { code: number; message: string }>();

  constructor(client: mongo.MongoClient, committers: Committers, driver: typeof mongo, options: DriverOptions) {
    this.#client = client;
    this.#committers = committers;
    this.#mongo = driver;
    this.#options = options;
  }

  async run(operations: readonly ClientOperation[]): Promise<mongo.ClientBulkWriteResult> {
    const ordered = this.#options.ordered !== false;
    for (const run of runsOf(operations, ordered)) {
      await this.#runOne(run);
      if (ordered && this.#errors.size > 0) break;
    }
    if (this.#errors.size > 0) throw this.#error();
    return this.#result();
  }

  async #runOne(run: Run): Promise<void> {
    try {
      this.#add(await this.#write(run));
    } catch (error) {
      const { writeErrors, result } = error as { writeErrors?: unknown; result?: mongo.BulkWriteResult };
      const refused = [writeErrors ?? []].flat() as { index: number; code: number; errmsg: string }[];
      // Without a member that was refused it is the call that has failed.
      if (refused.length === 0 || result === undefined) throw error;
      this.#add(result);
      for (const { index, code, errmsg } of refused) {
        this.#errors.set(run.positions[index] ?? index, { code, message: errmsg });
      }
    }
  }

  #write({ namespace, operations }: Run): Promise<mongo.BulkWriteResult> {
    const { verboseResults: _verbose, chronos, ...options } = this.#options;
    const committer = this.#committers.get(namespace);
    if (committer === undefined) {
      const dot = namespace.indexOf('.');
      const collection = this.#client.db(namespace.slice(0, dot)).collection(namespace.slice(dot + 1));
      return collection.bulkWrite(operations as never[], options as object);
    }
    const attribution = effectiveOptions(chronos as ChronosWriteOptions | undefined);
    if (attribution.opId !== undefined || attribution.deadlineMs !== undefined) throw ofOneCollection();
    return writeBulk(committer, bulkItems(committer.store.head, operations, options, attribution), options);
  }

  #add(result: mongo.BulkWriteResult): void {
    for (const count of Object.keys(this.#counts) as Count[]) this.#counts[count] += result[count];
  }

  #result(): mongo.ClientBulkWriteResult {
    return { acknowledged: true, ...this.#counts } as mongo.ClientBulkWriteResult;
  }

  #error(): Error {
    const { MongoClientBulkWriteError } = this.#mongo;
    const [first] = this.#errors.values();
    const error = new MongoClientBulkWriteError({ message: first?.message ?? 'write operation failed' });
    error.writeErrors = this.#errors as unknown as typeof error.writeErrors;
    error.partialResult = this.#result();
    return error;
  }
}

function runsOf(operations: readonly ClientOperation[], ordered: boolean): Run[] {
  const runs: Run[] = [];
  for (const [position, { namespace, name, model: _model, ...spec }] of operations.entries()) {
    const open = ordered ? [runs.at(-1)] : runs;
    let run = open.find((candidate) => candidate?.namespace === namespace);
    if (run === undefined) {
      run = { namespace, operations: [], positions: [] };
      runs.push(run);
    }
    run.operations.push({ [name]: spec });
    run.positions.push(position);
  }
  return runs;
}
