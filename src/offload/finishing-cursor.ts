import type { mongo } from 'mongoose';
import type { Bson } from '../types.ts';

/** Makes what a caller is to get of rows as they come from the server, in their order, without those that are gone. */
export type Finish = (rows: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;

/** A batch of documents as the driver's cursors hold it. */
interface Batch {
  readonly length: number;
  /** How many of its documents were taken. */
  iterated: number;
  shift(options?: { readonly raw?: boolean }): unknown;
}

/** The steps of the driver's cursors, which its types keep to themselves. */
interface CursorSteps {
  _initialize(...args: unknown[]): Promise<{ readonly response: Batch }>;
  getMore(...args: unknown[]): Promise<Batch>;
}

/** A cursor of the driver, in everything what it was, whose batches are finished as they come in. */
export function finishing<C extends mongo.FindCursor | mongo.AggregationCursor>(
  bson: Bson,
  cursor: C,
  finish: Finish,
): C {
  const steps = cursor as unknown as CursorSteps;
  const { _initialize: initialize, getMore } = steps;
  steps._initialize = async (...args) => {
    const state = await initialize.apply(cursor, args);
    return { ...state, response: await finished(bson, state.response, finish) };
  };
  steps.getMore = async (...args) => finished(bson, await getMore.apply(cursor, args), finish);
  return cursor;
}

/** A cursor of the driver that does something before it asks the server for anything. */
export function preparing<C extends mongo.FindCursor | mongo.AggregationCursor>(
  cursor: C,
  prepare: () => Promise<void>,
): C {
  const steps = cursor as unknown as CursorSteps;
  const { _initialize: initialize } = steps;
  steps._initialize = async (...args) => {
    await prepare();
    return initialize.apply(cursor, args);
  };
  return cursor;
}

async function finished(bson: Bson, batch: Batch, finish: Finish): Promise<Batch> {
  // A plan, where one was asked for, is no batch.
  if (!('shift' in batch) || batch.length === 0) return batch;
  const rows: Uint8Array[] = [];
  for (let row = batch.shift(RAW); row !== null && row !== undefined; row = batch.shift(RAW)) {
    rows.push(row as Uint8Array);
  }
  const documents = await finish(rows);
  // The batch tells by it how many it still has: those that are gone are behind it.
  const gone = rows.length - documents.length;
  batch.iterated = gone;
  batch.shift = (options = {}) => {
    const next = documents[batch.iterated - gone];
    if (next === undefined) return null;
    batch.iterated += 1;
    return options.raw === true ? next : bson.deserialize(next, options);
  };
  return batch;
}

const RAW = { raw: true } as const;
