import type { mongo } from 'mongoose';
import type { EffectiveOptions } from '../context.ts';
import type { StoredSystem } from '../offload/store-first.ts';
import type { ChronosWriteOptions, Op, RawDocument, SystemFields } from '../types.ts';
import type { PastLife } from './stamp.ts';
import type { PreImage } from './version-record.ts';

export type Filter = mongo.Filter<RawDocument>;

/** Options of a driver call, as Mongoose hands them over; keys the driver does not know are ignored by it. */
export type DriverOptions = Readonly<Record<string, unknown>> & { readonly session?: mongo.ClientSession | undefined };

export type UpdateMethod = 'updateOne' | 'replaceOne' | 'findOneAndUpdate' | 'findOneAndReplace';
export type DeleteMethod = 'deleteOne' | 'findOneAndDelete';

/** How an update tells what to change. */
export type Change =
  | { readonly form: 'operators'; readonly spec: UpdateOperators }
  | { readonly form: 'pipeline'; readonly stages: readonly RawDocument[] }
  | { readonly form: 'replacement'; readonly document: RawDocument }
  /** Worked out from the document it replaces, which is the server's and cannot change meanwhile. */
  | { readonly form: 'computed'; readonly compute: Compute };

/** @returns the new document, or undefined where the current one is to stay as it is */
export type Compute = (current: Uint8Array) => RawDocument | Map<string, unknown> | undefined;

/** A change in a form that the driver takes. */
export type SendableChange = Exclude<Change, { form: 'computed' }>;

/** Whether a write may go on that was prepared before its transaction: told of what it meets there. */
export type Upon = (pre: PreImage | undefined) => boolean;

export type UpdateOperators = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface Write {
  readonly filter: Filter;
  readonly options: DriverOptions;
  readonly chronos: EffectiveOptions;
}

/** A driver call that changes at most one existing document, or (an upsert) creates it. */
export interface CapturedUpdate extends Write {
  readonly kind: 'update';
  readonly method: UpdateMethod;
  readonly change: Change;
  readonly op: Op;
  readonly restoredFrom?: number;
  /** What the version refers to, where its payload was stored before: the change is what of it goes into MongoDB. */
  readonly stored?: StoredSystem | undefined;
  readonly upon?: Upon | undefined;
  /** What it goes on after, where it is an upsert whose payload was stored before. */
  readonly follows?: PastLife | undefined;
}

/** A driver call that removes at most one document. */
export interface CapturedDelete extends Write {
  readonly kind: 'delete';
  readonly method: DeleteMethod;
  readonly upon?: Upon | undefined;
}

/** A driver call that adds one document. */
export interface CapturedInsert {
  readonly kind: 'insert';
  readonly document: RawDocument | Map<string, unknown>;
  /** The caller's own document, for the errors of a bulk write to show. */
  readonly given?: unknown;
  readonly id: unknown;
  readonly options: DriverOptions;
  readonly chronos: ChronosWriteOptions;
  readonly op: Op;
  readonly restoredFrom?: number;
  /** What the document refers to, where its payload was stored before: it is what of it goes into MongoDB. */
  readonly stored?: StoredSystem | undefined;
  /** What it goes on after, where its payload was stored before. */
  readonly follows?: PastLife | undefined;
  /** The version whose content it has, which is refused if it is erased by then. */
  readonly repeats?: number;
}

export type CapturedWrite = CapturedUpdate | CapturedDelete | CapturedInsert;

/** A driver call that changes all documents it matches. */
export interface CapturedUpdateMany extends Write {
  readonly kind: 'updateMany';
  readonly change: Extract<Change, { form: 'operators' | 'pipeline' }>;
}

/** A driver call that removes all documents it matches. */
export interface CapturedDeleteMany extends Write {
  readonly kind: 'deleteMany';
}

export type CapturedManyWrite = CapturedUpdateMany | CapturedDeleteMany;

/** One member of a bulk write. */
export type BulkItem = CapturedWrite | CapturedManyWrite;

/** What became of one captured write: the driver's own result, and the counts a bulk result is summed from. */
export interface Outcome {
  readonly result: unknown;
  readonly matched: number;
  readonly modified: number;
  readonly deleted: number;
  readonly inserted: number;
  readonly upsertedId?: unknown;
  /** The bookkeeping of the version that a plain insert, update or delete made; not known of upserts. */
  readonly system?: SystemFields | undefined;
}

export function returnsDocument(write: CapturedUpdate | CapturedDelete): boolean {
  return write.method.startsWith('findOneAnd');
}

/** What became of a multi-document write. */
export interface ManyCounts {
  matched: number;
  modified: number;
  deleted: number;
  upsertedId?: unknown;
}
