import type { mongo } from 'mongoose';
import type { DriverOptions, Filter } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
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
  /** Whether `_system` shows in what is read. */
  readonly visible: boolean;
  readonly isVersioned: (collection: string) => boolean;
  /** The session of a transaction that the app has put around its calls, where Mongoose itself forgets to pass it. */
  readonly ambientSession: () => mongo.ClientSession | undefined;
}

/** The options of a call, with the session it belongs to. One passed by the caller wins, be it null. */
export function inItsSession({ ambientSession }: CaptureTarget, options: GivenOptions): DriverOptions {
  if (options !== null && options !== undefined && 'session' in options) {
    return { ...options, session: (options.session ?? undefined) as mongo.ClientSession | undefined };
  }
  const ambient = ambientSession();
  return ambient === undefined ? ((options ?? {}) as DriverOptions) : { ...options, session: ambient };
}

/** Whether a call is about the past: its instant rides in its options. */
export function isPast(options: Readonly<Record<string, unknown>> | null | undefined): boolean {
  return (options?.chronos as { asOf?: unknown } | undefined)?.asOf !== undefined;
}
