import type { mongo } from 'mongoose';
import type { BulkItem, CapturedInsert, Outcome } from './captured-write.ts';
import { isRefusal, unacknowledged, writeErrorsOf } from './mongo-errors.ts';
import type { Store } from './store.ts';
import { statementOf, WriteError, type WriteErrorFields } from './write-error.ts';
import type { Settled } from './write-group.ts';

/** An insert on its way, and its position in the bulk write. */
export interface WaitingInsert {
  readonly insert: CapturedInsert;
  readonly index: number;
}

/** Sums up what became of the members of a bulk write, in the driver's own result and error. */
export class Tally {
  readonly ordered: boolean;
  readonly #store: Store;
  readonly #result = {
    ok: 1,
    writeErrors: [] as WriteError[],
    writeConcernErrors: [] as { code?: number; errmsg?: string }[],
    /** Of all inserts: the driver's result leaves out by itself what was refused. */
    insertedIds: [] as { index: number; _id: unknown }[],
    nInserted: 0,
    nUpserted: 0,
    nMatched: 0,
    nModified: 0,
    nRemoved: 0,
    upserted: [] as { index: number; _id: unknown }[],
  };

  constructor(store: Store, items: readonly BulkItem[], ordered: boolean) {
    this.#store = store;
    for (const [index, item] of items.entries()) {
      if (item.kind === 'insert') this.#result.insertedIds.push({ index, _id: item.id });
    }
    this.ordered = ordered;
  }

  get failed(): boolean {
    return this.#result.writeErrors.length > 0 || this.isUnacknowledged;
  }

  /** Whether the server could not say that what it wrote is there to stay, which ends a bulk write of any order. */
  get isUnacknowledged(): boolean {
    return this.#result.writeConcernErrors.length > 0;
  }

  count(index: number, { matched, modified, deleted, inserted, upsertedId }: Outcome): void {
    const sums = this.#result;
    sums.nMatched += matched;
    sums.nModified += modified;
    sums.nRemoved += deleted;
    if (inserted === 0) return;
    if (upsertedId !== undefined) {
      sums.nUpserted += 1;
      sums.upserted.push({ index, _id: upsertedId });
    } else {
      sums.nInserted += 1;
    }
  }

  settle(index: number, settled: Settled, item: BulkItem | undefined): void {
    if ('outcome' in settled) this.count(index, settled.outcome);
    else this.#refuseOne(index, settled.error, item);
  }

  /** Notes whom the server refused, by their positions among `waiting`. Any other failure is the whole call's. */
  refuse(waiting: readonly WaitingInsert[], error: unknown): Set<number> {
    const failed = unacknowledged(this.#store, error);
    const errors = writeErrorsOf(error) as readonly { index: number; err?: WriteErrorFields }[];
    if (failed !== undefined) this.#result.writeConcernErrors.push(failed.result.writeConcernError);
    else if (!isRefusal(this.#store, error) || errors.length === 0) throw this.#whole(error);
    for (const refused of errors) {
      const member = waiting[refused.index];
      if (member !== undefined) this.#refuseOne(member.index, refused.err ?? refused, member.insert);
    }
    return new Set(errors.map(({ index }) => index));
  }

  /** A failure of the whole call, as the driver tells it: with what had been done by then. */
  #whole(error: unknown): unknown {
    const { MongoError, MongoBulkWriteError } = this.#store.mongo;
    return error instanceof MongoError ? new MongoBulkWriteError(error as never, this.#summary()) : error;
  }

  #refuseOne(index: number, error: unknown, item: BulkItem | undefined): void {
    const isServers = isRefusal(this.#store, error) || !(error instanceof Error);
    if (!isServers) throw error;
    const { code, errmsg, message, errInfo } = error as WriteErrorFields & { message?: string };
    const op = item === undefined ? undefined : statementOf(item);
    const fields = { index, code, errmsg: errmsg ?? message ?? '', errInfo, op };
    this.#result.writeErrors.push(new WriteError(fields));
  }

  error(): Error {
    const { writeErrors, writeConcernErrors } = this.#result;
    const [first] = [...writeErrors, ...writeConcernErrors];
    const fields = { message: first?.errmsg ?? 'write operation failed', code: first?.code, writeErrors };
    return new this.#store.mongo.MongoBulkWriteError(fields as never, this.#summary());
  }

  result(): mongo.BulkWriteResult {
    if (this.failed) throw this.error();
    return this.#summary();
  }

  #summary(): mongo.BulkWriteResult {
    this.#result.writeErrors.sort((a, b) => a.index - b.index);
    return new this.#store.BulkWriteResult(this.#result, this.ordered);
  }
}
