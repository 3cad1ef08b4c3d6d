import type { mongo } from 'mongoose';
import type { DeleteMethod, DriverOptions, Filter, UpdateMethod } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { forgetVersions } from '../commit/versions-collection.ts';
import { writeBulk } from '../commit/write-bulk.ts';
import type { ManyCounts } from '../commit/write-many.ts';
import { effectiveOptions } from '../context.ts';
import { ReadOnlyVersionError, UnversionedWriteError } from '../errors.ts';
import { withoutSystem } from '../system/guard.ts';
import { hideInPipeline, hideInProjection, operatorOf } from '../system/hide.ts';
import type { ChronosWriteOptions, RawDocument } from '../types.ts';
import { bulkItems } from './bulk-items.ts';
import { changeOf, changeOfMany, idOf } from './change-of.ts';

type DriverCollection = mongo.Collection<RawDocument>;
type Options = Record<string, unknown> | null | undefined;

/** How reads of the past are answered; given by the history side, which capture does not know. */
export interface PastReader {
  find(filter: Filter, options: DriverOptions): unknown;
  findOne(filter: Filter, options: DriverOptions): Promise<unknown>;
  countDocuments(filter: Filter, options: DriverOptions): Promise<number>;
  distinct(key: string, filter: Filter, options: DriverOptions): Promise<unknown[]>;
  aggregate(pipeline: readonly RawDocument[], options: DriverOptions): unknown;
}

/** What a versioned collection needs besides the driver's one. */
export interface CaptureTarget {
  readonly committer: Committer;
  readonly past: PastReader;
  readonly modelName: string;
  /** Whether `_system` shows in what is read. */
  readonly visible: boolean;
  readonly isVersioned: (collection: string) => boolean;
  /** The session of a transaction that the app has put around its calls, where Mongoose itself forgets to pass it. */
  readonly ambientSession: () => mongo.ClientSession | undefined;
}

/**
 * The driver's collection, but for the methods that write, which hand what they are asked to do to the committer, and
 * the methods that read, which leave `_system` out. Every write of Mongoose ends in one of these methods, after
 * casting, timestamps and middleware; so there is no other place where versions are made.
 */
export function versionedCollection(collection: DriverCollection, target: CaptureTarget): DriverCollection {
  const capture = new Capture(target);
  const methods = Object.fromEntries(
    CAPTURED.map((method) => [
      method,
      {
        value: (...args: never[]) => (capture[method] as (...args: never[]) => unknown)(...args),
        writable: true,
        configurable: true,
      },
    ]),
  );
  return Object.create(collection, methods) as DriverCollection;
}

const CAPTURED = [
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'replaceOne',
  'findOneAndUpdate',
  'findOneAndReplace',
  'findOneAndDelete',
  'deleteOne',
  'deleteMany',
  'bulkWrite',
  'initializeOrderedBulkOp',
  'initializeUnorderedBulkOp',
  'find',
  'findOne',
  'countDocuments',
  'estimatedDocumentCount',
  'distinct',
  'aggregate',
  'watch',
  'drop',
  'rename',
] as const;

class Capture {
  readonly #target: CaptureTarget;
  readonly #committer: Committer;
  readonly #native: DriverCollection;

  constructor(target: CaptureTarget) {
    this.#target = target;
    this.#committer = target.committer;
    this.#native = target.committer.store.head;
  }

  insertOne = async (document: RawDocument, options: Options): Promise<unknown> => {
    const { driver, chronos } = this.#writing('insertOne', options);
    const id = idOf(this.#native, document);
    const insert = {
      kind: 'insert',
      op: 'CREATE',
      document: withoutSystem(document),
      id,
      options: driver,
      chronos,
    } as const;
    return (await this.#committer.insert(insert)).result;
  };

  insertMany = async (documents: RawDocument[], options: Options): Promise<unknown> => {
    const { driver, chronos } = this.#writing('insertMany', options);
    if (!Array.isArray(documents)) return this.#native.insertMany(documents, driver as object);
    const operations = documents.map((document) => ({ insertOne: { document } }));
    const items = bulkItems(this.#native, operations, driver, chronos);
    const { insertedCount, insertedIds } = await writeBulk(this.#committer, items, driver);
    return { acknowledged: true, insertedCount, insertedIds };
  };

  updateOne = (filter: Filter, update: unknown, options: Options): Promise<unknown> =>
    this.#update('updateOne', filter, update, options);

  replaceOne = (filter: Filter, replacement: unknown, options: Options): Promise<unknown> =>
    this.#update('replaceOne', filter, replacement, options);

  findOneAndUpdate = (filter: Filter, update: unknown, options: Options): Promise<unknown> =>
    this.#update('findOneAndUpdate', filter, update, options);

  findOneAndReplace = (filter: Filter, replacement: unknown, options: Options): Promise<unknown> =>
    this.#update('findOneAndReplace', filter, replacement, options);

  deleteOne = (filter: Filter, options: Options): Promise<unknown> => this.#delete('deleteOne', filter, options);

  findOneAndDelete = (filter: Filter, options: Options): Promise<unknown> =>
    this.#delete('findOneAndDelete', filter, options);

  updateMany = async (filter: Filter, update: unknown, options: Options): Promise<unknown> => {
    const { driver, chronos } = this.#writing('updateMany', options);
    if (driver.explain !== undefined) return this.#native.updateMany(filter, update as RawDocument, driver as object);
    const change = changeOfMany(this.#native.collectionName, update);
    return updateResult(
      await this.#committer.writeMany({ kind: 'updateMany', filter: filter ?? {}, change, options: driver, chronos }),
    );
  };

  deleteMany = async (filter: Filter, options: Options): Promise<unknown> => {
    const { driver, chronos } = this.#writing('deleteMany', options);
    if (driver.explain !== undefined) return this.#native.deleteMany(filter, driver as object);
    const { deleted } = await this.#committer.writeMany({
      kind: 'deleteMany',
      filter: filter ?? {},
      options: driver,
      chronos,
    });
    return { acknowledged: true, deletedCount: deleted };
  };

  bulkWrite = async (operations: unknown[], options: Options): Promise<unknown> => {
    const { driver, chronos } = this.#writing('bulkWrite', options);
    if (!Array.isArray(operations) || operations.length === 0) {
      return this.#native.bulkWrite(operations as never[], driver as object);
    }
    return writeBulk(this.#committer, bulkItems(this.#native, operations, driver, chronos), driver);
  };

  initializeOrderedBulkOp = (): never => this.#refuseBuilder('initializeOrderedBulkOp');

  initializeUnorderedBulkOp = (): never => this.#refuseBuilder('initializeUnorderedBulkOp');

  find = (filter: Filter = {}, options?: Options): unknown => {
    const driver = this.#reading(options);
    if (isPast(driver)) return this.#target.past.find(filter, driver);
    return this.#native.find(filter, this.#hiding(driver));
  };

  findOne = async (filter: Filter = {}, options?: Options): Promise<unknown> => {
    const driver = this.#reading(options);
    if (isPast(driver)) return this.#target.past.findOne(filter, driver);
    return this.#native.findOne(filter, this.#hiding(driver));
  };

  countDocuments = (filter: Filter = {}, options?: Options): Promise<number> => {
    const driver = this.#reading(options);
    if (isPast(driver)) return this.#target.past.countDocuments(filter, driver);
    return this.#native.countDocuments(filter, driver as object);
  };

  estimatedDocumentCount = (options?: Options): Promise<number> => {
    const driver = this.#reading(options);
    if (isPast(driver)) return this.#target.past.countDocuments({}, driver);
    return this.#native.estimatedDocumentCount(driver as object);
  };

  distinct = (key: string, filter: Filter = {}, options?: Options): Promise<unknown[]> => {
    const driver = this.#reading(options);
    if (isPast(driver)) return this.#target.past.distinct(key, filter, driver);
    return this.#native.distinct(key, filter, driver as object);
  };

  aggregate = (pipeline: RawDocument[] = [], options?: Options): unknown => {
    const driver = this.#reading(options);
    this.#refuseWritingStages(pipeline);
    if (isPast(driver)) return this.#target.past.aggregate(pipeline, driver);
    const hidden = this.#target.visible ? pipeline : hideInPipeline(pipeline, this.#target.isVersioned);
    return this.#native.aggregate(hidden, driver as object);
  };

  watch = (pipeline: RawDocument[] = [], options?: Options): unknown => {
    const hidden = this.#target.visible ? pipeline : [...pipeline, { $unset: HIDDEN_IN_EVENTS }];
    return this.#native.watch(hidden, (options ?? {}) as object);
  };

  drop = async (...args: never[]): Promise<unknown> => {
    const { store } = this.#committer;
    forgetVersions(store);
    await store.versions.drop().catch(() => undefined);
    return this.#native.drop(...args);
  };

  rename = async (name: string, ...args: never[]): Promise<unknown> => {
    const { store } = this.#committer;
    const renamed = await this.#native.rename(name, ...args);
    forgetVersions(store);
    await store.versions.rename(`${name}_ver`).catch(() => undefined);
    return renamed;
  };

  async #update(method: UpdateMethod, filter: Filter, update: unknown, options: Options): Promise<unknown> {
    const { driver, chronos } = this.#writing(method, options);
    const native = this.#native[method] as unknown as (...args: unknown[]) => Promise<unknown>;
    if (driver.explain !== undefined || !isChange(update)) return native.call(this.#native, filter, update, driver);
    const change = changeOf(this.#native.collectionName, method, update);
    const write = {
      kind: 'update',
      op: 'UPDATE',
      method,
      filter: filter ?? {},
      change,
      options: driver,
      chronos,
    } as const;
    return (await this.#committer.write(write)).result;
  }

  async #delete(method: DeleteMethod, filter: Filter, options: Options): Promise<unknown> {
    const { driver, chronos } = this.#writing(method, options);
    const native = this.#native[method] as unknown as (...args: unknown[]) => Promise<unknown>;
    if (driver.explain !== undefined) return native.call(this.#native, filter, driver);
    return (await this.#committer.write({ kind: 'delete', method, filter: filter ?? {}, options: driver, chronos }))
      .result;
  }

  #writing(method: string, options: Options): { driver: DriverOptions; chronos: ChronosWriteOptions } {
    const own = (options?.chronos ?? undefined) as ChronosWriteOptions | undefined;
    if (own !== undefined && isPast({ chronos: own })) throw new ReadOnlyVersionError(this.#target.modelName, method);
    return { driver: this.#reading(options), chronos: effectiveOptions(own) };
  }

  #reading(options: Options): DriverOptions {
    const session = (options?.session ?? undefined) as mongo.ClientSession | undefined;
    const ambient =
      options !== null && options !== undefined && 'session' in options ? session : this.#target.ambientSession();
    return ambient === undefined ? (options ?? {}) : { ...options, session: ambient };
  }

  #hiding(options: DriverOptions): object {
    if (this.#target.visible) return options;
    return {
      ...options,
      projection: hideInProjection((options.projection ?? options.fields) as RawDocument | undefined),
    };
  }

  #refuseWritingStages(pipeline: readonly RawDocument[]): void {
    const last = pipeline.at(-1);
    const operator = last === undefined ? '' : operatorOf(last);
    if (operator !== '$merge' && operator !== '$out') return;
    const into = writtenCollection(last?.[operator]);
    if (into === undefined || !this.#target.isVersioned(into)) return;
    throw new UnversionedWriteError({
      collection: into,
      message: `Cannot ${operator} into ${into}: the server would write past its history. Read the pipeline's result and write it with bulkWrite, or merge into a collection without history`,
    });
  }

  #refuseBuilder(method: string): never {
    const collection = this.#native.collectionName;
    throw new UnversionedWriteError({
      collection,
      message: `Cannot ${method} on ${collection}: its writes would leave no version. Use bulkWrite, which takes the same operations`,
    });
  }
}

const HIDDEN_IN_EVENTS = ['fullDocument._system', 'fullDocumentBeforeChange._system'];

function isPast(options: DriverOptions): boolean {
  return (options.chronos as { asOf?: unknown } | undefined)?.asOf !== undefined;
}

function isChange(update: unknown): boolean {
  return typeof update === 'object' && update !== null;
}

function writtenCollection(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  const into =
    (target as { into?: unknown; coll?: unknown } | null)?.into ?? (target as { coll?: unknown } | null)?.coll;
  if (typeof into === 'string') return into;
  return (into as { coll?: string } | undefined)?.coll;
}

function updateResult({ matched, modified, upsertedId }: ManyCounts): unknown {
  const upserted = upsertedId === undefined ? 0 : 1;
  return {
    acknowledged: true,
    modifiedCount: modified,
    upsertedId: upsertedId ?? null,
    upsertedCount: upserted,
    matchedCount: matched,
  };
}
