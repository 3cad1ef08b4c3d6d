import type {
  DeleteMethod,
  DriverOptions,
  Filter,
  ManyCounts,
  Outcome,
  UpdateMethod,
} from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { renameHistory } from '../commit/history-collections.ts';
import { keyedBy, once } from '../commit/once.ts';
import { idKey, pinnedId } from '../commit/pinned-id.ts';
import { ifAborted, isInTransaction } from '../commit/transaction.ts';
import { writeBulk } from '../commit/write-bulk.ts';
import { type EffectiveOptions, effectiveOptions, type WriteTarget } from '../context.ts';
import { ConfigError, ReadOnlyVersionError, UnversionedWriteError } from '../errors.ts';
import { withoutSystem } from '../system/guard.ts';
import type { ChronosWriteOptions, RawDocument } from '../types.ts';
import { bulkItems } from './bulk-items.ts';
import { type CaptureTarget, type DriverCollection, type GivenOptions, isPast, optionsOf } from './capture-target.ts';
import { changeOf, changeOfMany, idOf } from './change-of.ts';

type NativeMethod = (...args: unknown[]) => Promise<unknown>;

/** The writing methods of a versioned collection: each becomes a captured write and goes to the committer. */
export class CapturedWrites {
  readonly #target: CaptureTarget;
  readonly #committer: Committer;
  readonly #native: DriverCollection;

  constructor(target: CaptureTarget) {
    this.#target = target;
    this.#committer = target.committer;
    this.#native = target.committer.store.head;
  }

  async insertOne(document: RawDocument, given: GivenOptions): Promise<unknown> {
    const id = idOf(this.#native, document);
    const carryOut = async (options: DriverOptions, chronos: EffectiveOptions) => {
      const content = withoutSystem(document);
      const insert = { kind: 'insert', op: 'CREATE', document: content, id, options, chronos } as const;
      return told(await this.#committer.insert(insert), chronos, options);
    };
    return this.#write('insertOne', given, carryOut, id);
  }

  insertMany(documents: RawDocument[], given: GivenOptions): Promise<unknown> {
    return this.#write('insertMany', given, async (options, chronos) => {
      if (!Array.isArray(documents)) return this.#native.insertMany(documents, options as object);
      const operations = documents.map((document) => ({ insertOne: { document } }));
      const items = bulkItems(this.#native, operations, options, chronos);
      const { insertedCount, insertedIds } = await writeBulk(this.#committer, items, options);
      return { acknowledged: true, insertedCount, insertedIds };
    });
  }

  updateOne(filter: Filter, update: unknown, given: GivenOptions): Promise<unknown> {
    return this.#update('updateOne', filter, update, given);
  }

  replaceOne(filter: Filter, replacement: unknown, given: GivenOptions): Promise<unknown> {
    return this.#update('replaceOne', filter, replacement, given);
  }

  findOneAndUpdate(filter: Filter, update: unknown, given: GivenOptions): Promise<unknown> {
    return this.#update('findOneAndUpdate', filter, update, given);
  }

  findOneAndReplace(filter: Filter, replacement: unknown, given: GivenOptions): Promise<unknown> {
    return this.#update('findOneAndReplace', filter, replacement, given);
  }

  deleteOne(filter: Filter, given: GivenOptions): Promise<unknown> {
    return this.#delete('deleteOne', filter, given);
  }

  findOneAndDelete(filter: Filter, given: GivenOptions): Promise<unknown> {
    return this.#delete('findOneAndDelete', filter, given);
  }

  updateMany(filter: Filter, update: unknown, given: GivenOptions): Promise<unknown> {
    return this.#write('updateMany', given, async (options, chronos) => {
      if (options.explain !== undefined)
        return this.#native.updateMany(filter, update as RawDocument, options as object);
      const change = changeOfMany(this.#native.collectionName, update);
      const write = { kind: 'updateMany', filter: filter ?? {}, change, options, chronos } as const;
      return updateResult(await this.#committer.writeMany(write));
    });
  }

  deleteMany(filter: Filter, given: GivenOptions): Promise<unknown> {
    return this.#write('deleteMany', given, async (options, chronos) => {
      if (options.explain !== undefined) return this.#native.deleteMany(filter, options as object);
      const write = { kind: 'deleteMany', filter: filter ?? {}, options, chronos } as const;
      return { acknowledged: true, deletedCount: (await this.#committer.writeMany(write)).deleted };
    });
  }

  bulkWrite(operations: unknown[], given: GivenOptions): Promise<unknown> {
    return this.#write('bulkWrite', given, async (options, chronos) => {
      if (!Array.isArray(operations) || operations.length === 0) {
        return this.#native.bulkWrite(operations as never[], options as object);
      }
      return writeBulk(this.#committer, bulkItems(this.#native, operations, options, chronos), options);
    });
  }

  initializeOrderedBulkOp(): never {
    return this.#refuseBuilder('initializeOrderedBulkOp');
  }

  initializeUnorderedBulkOp(): never {
    return this.#refuseBuilder('initializeUnorderedBulkOp');
  }

  /**
   * The history goes with its documents; so it does when they are dropped, which the database is told. Objects and
   * manifests cannot go along, and a later collection of the old name would take them for its own, or sweep them.
   */
  async rename(name: string, ...args: never[]): Promise<unknown> {
    const { objects, head, retention } = this.#committer.store;
    if (objects !== undefined || retention?.rollup !== undefined) {
      const what = objects !== undefined ? 'payloads' : 'old versions';
      throw new ConfigError({
        message: `Cannot rename ${head.collectionName}: its ${what} are kept in object storage under this name. Export it with exportHistory, and import it under the other name`,
      });
    }
    const renamed = await this.#native.rename(name, ...args);
    await renameHistory(this.#committer.store, name);
    return renamed;
  }

  #update(method: UpdateMethod, filter: Filter, update: unknown, given: GivenOptions): Promise<unknown> {
    const carryOut = async (options: DriverOptions, chronos: EffectiveOptions) => {
      const asked = options.explain !== undefined || typeof update !== 'object' || update === null;
      if (asked) return (this.#native[method] as unknown as NativeMethod).call(this.#native, filter, update, options);
      const change = changeOf(this.#native.collectionName, method, update);
      const write = { kind: 'update', op: 'UPDATE', method, filter: filter ?? {}, change, options, chronos } as const;
      return told(await this.#committer.write(write), chronos, options);
    };
    return this.#write(method, given, carryOut, pinnedId(filter ?? {}));
  }

  #delete(method: DeleteMethod, filter: Filter, given: GivenOptions): Promise<unknown> {
    const carryOut = async (options: DriverOptions, chronos: EffectiveOptions) => {
      const asked = options.explain !== undefined;
      if (asked) return (this.#native[method] as unknown as NativeMethod).call(this.#native, filter, options);
      const write = { kind: 'delete', method, filter: filter ?? {}, options, chronos } as const;
      return told(await this.#committer.write(write), chronos, options);
    };
    return this.#write(method, given, carryOut, pinnedId(filter ?? {}));
  }

  /**
   * What every write has in common: it is not about the past, it may be made once only, and it may have a deadline.
   *
   * @param id of the document it is about, if it names one
   */
  async #write(
    method: string,
    given: GivenOptions,
    carryOut: (options: DriverOptions, chronos: EffectiveOptions) => Promise<unknown>,
    id?: unknown,
  ): Promise<unknown> {
    if (isPast(given)) throw new ReadOnlyVersionError(this.#target.modelName, method);
    const options = optionsOf(given);
    const own = (given?.chronos ?? undefined) as ChronosWriteOptions | undefined;
    const chronos = effectiveOptions(own, (target) => this.#isAbout(target, id));
    const { store } = this.#committer;
    const call = (session: DriverOptions['session']) => carryOut({ ...options, session }, chronos);
    return once(store, keyedBy(this.#target.rows, chronos), options.session, call, id);
  }

  #isAbout(target: WriteTarget, id: unknown): boolean {
    const { rows } = this.#target;
    const written = rows === undefined ? target.id : rows.storedId(target.id);
    return target.collection === this.#native.collectionName && idKey(written) === idKey(id);
  }

  #refuseBuilder(method: string): never {
    const collection = this.#native.collectionName;
    throw new UnversionedWriteError({
      collection,
      message: `Cannot ${method} on ${collection}: its writes would leave no version. Use bulkWrite, which takes the same operations`,
    });
  }
}

/** What the caller gets; who asked for it is told the bookkeeping of the version. */
function told({ result, system }: Outcome, { made }: EffectiveOptions, { session }: DriverOptions): unknown {
  const undo = system === undefined ? undefined : made?.(system);
  if (undo !== undefined && session && isInTransaction(session)) ifAborted(session, undo);
  return result;
}

function updateResult({ matched, modified, upsertedId }: ManyCounts): unknown {
  return {
    acknowledged: true,
    modifiedCount: modified,
    upsertedId: upsertedId ?? null,
    upsertedCount: upsertedId === undefined ? 0 : 1,
    matchedCount: matched,
  };
}
