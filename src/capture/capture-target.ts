import type { mongo } from 'mongoose';
import type { DriverOptions, Filter } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import type { KeptOf } from '../offload/offload-pipeline.ts';
import type { Rows } from '../system/rows.ts';
import type { RawDocument } from '../types.ts';

export type DriverCollection = mongo.Collection<RawDocument>;

/** Options as the driver's methods are given them. */
export type GivenOptions = Readonly<Record<string, unknown>> | null | undefined;

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
  /** The part of the collection that is written to, where it is not all of it. */
  readonly rows: Rows | undefined;
  /** Whether `_system` shows in what is read. */
  readonly visible: boolean;
  readonly isVersioned: (collection: string) => boolean;
  /** What collections keep in MongoDB, where that is not all of their documents. */
  readonly keptOf: KeptOf;
}

/**
 * The options of a call. Its session is the caller's, or that of the transaction around it: Mongoose has put it there,
 * and null where the caller wants none.
 */
export function optionsOf(given: GivenOptions): DriverOptions {
  if (given?.session !== null) return (given ?? {}) as DriverOptions;
  return { ...given, session: undefined };
}

/** Whether a call is about the past: its instant rides in its options. */
export function isPast(options: Readonly<Record<string, unknown>> | null | undefined): boolean {
  return (options?.chronos as { asOf?: unknown } | undefined)?.asOf !== undefined;
}
