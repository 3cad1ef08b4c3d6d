import { setTimeout } from 'node:timers/promises';
import type { mongo } from 'mongoose';
import { type KeptPart, keepsAllOf, keptInBoth, keptInOne } from '../payload/kept-part.ts';
import { keepingPart, type PayloadMap } from '../payload/payload-map.ts';
import { locksOf } from '../system/locks-collection.ts';
import { MAJORITY } from '../system/majority.ts';
import { ageOf, type Moment, moment } from '../system/moment.ts';
import type { RawDocument } from '../types.ts';

/** A part of documents as it is stored: `indexed` is null where all stays but the blobs. */
interface StoredPart {
  readonly indexed: readonly string[] | null;
  readonly blobs: readonly string[];
}

/**
 * What the rows of a collection have in MongoDB that are processed, in `<collection>_locks`:
 *
 *     { _id: { payload: 'kept' }, kept: { indexed: ['title'], blobs: ['file'] }, coming: { … } }
 *
 * Each of them has at least `kept`, whatever process has marked it. Whoever marks a row leaves in it what is kept, what
 * is coming, and what its own map keeps. So what is kept can be relied on, and a map that keeps more, or less, has no
 * effect on the others. Only `widen` and `narrow` change it: what is coming is written first, then the rows that lack it
 * are made to have it, then it is kept. What is not kept any more is coming still, and so left in rows, until no process
 * asks for it: each looks again when its lease has run out.
 */
interface KeptRecord {
  readonly _id: { readonly payload: 'kept' };
  readonly kept: StoredPart;
  readonly coming?: StoredPart;
  /** Whether some row was marked. */
  readonly left?: boolean;
  /** Whether rows that had left the collection before may lack some of it. */
  readonly wasWidened?: boolean;
}

const RECORD = { _id: { payload: 'kept' } } as const;
const UNAUTHORIZED = 13;

/** For how long a process goes by what it has read. */
const LEASE_MS = 2_000;
/** Queries that were begun within a lease have ended by then. */
const WAIT_MS = LEASE_MS + 3_000;

/** Knows which part of the documents of a collection the server can be asked for. */
export class KeptPaths implements KeptPart {
  /** What this process would keep. */
  readonly own: PayloadMap;
  readonly #records: mongo.Collection<KeptRecord>;
  #inAll: KeptPart | undefined;
  #asked: Moment | undefined;
  #reading: Promise<void> | undefined;

  constructor(head: mongo.Collection<RawDocument>, own: PayloadMap) {
    this.#records = locksOf<KeptRecord>(head);
    this.own = own;
  }

  /** What this process keeps and all rows have; before that is known, what this process keeps. */
  get indexed(): KeptPart['indexed'] {
    return (this.#inAll ?? this.own).indexed;
  }

  get blobPaths(): KeptPart['blobPaths'] {
    return (this.#inAll ?? this.own).blobPaths;
  }

  /** Whether it is known by now what all rows have. */
  get isKnown(): boolean {
    return this.#asked !== undefined && ageOf(this.#asked) < LEASE_MS;
  }

  /** Whether rows may lack what this process keeps. */
  get isLacking(): boolean {
    return !keepsAllOf(this, this.own);
  }

  /** Fulfilled when it is known what all rows have. It is read once for each lease. */
  async known(): Promise<void> {
    if (this.isKnown) return;
    this.#reading ??= this.refresh().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /** Reads again what all rows have, which another process may have widened. */
  async refresh(): Promise<void> {
    await this.#record();
  }

  /** What a row is to keep that is marked now. */
  async marking(): Promise<PayloadMap> {
    const record = await this.#record();
    // On record before the first one is, for models that have no payload.
    if (record.left !== true) await this.#records.updateOne(RECORD, { $set: { left: true } }, MAJORITY);
    return this.#mapOf(record);
  }

  /** What rows are to keep that come back into the collection; undefined where they cannot lack any of it. */
  async returning(): Promise<PayloadMap | undefined> {
    const record = await this.#record();
    return record.wasWidened === true ? this.#mapOf(record) : undefined;
  }

  /**
   * Makes what this process keeps what all rows have, and no more.
   *
   * @param supply gives all rows what they lack, by what {@link marking} says; or tells that it was not done
   */
  async widen(supply: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const record = await this.#record();
      const coming = stored(this.#wanted(record));
      await this.#records.updateOne(RECORD, { $set: { coming } }, MAJORITY);
      const isWider = !keepsAllOf(partOf(record.kept), this.own);
      if (isWider && !(await supply())) return;
      // Somebody else who widens meanwhile writes down something else, or has done already.
      const kept = { kept: stored(this.own), ...(isWider ? { wasWidened: true } : {}) };
      const change = keepsAllOf(this.own, partOf(coming))
        ? { $set: kept, $unset: { coming: 1 as const } }
        : { $set: kept };
      const { matchedCount } = await this.#records.updateOne(
        { ...RECORD, kept: record.kept, coming },
        change,
        MAJORITY,
      );
      if (matchedCount > 0) return this.refresh();
    }
  }

  /**
   * Leaves out of rows that are marked from now on what is not kept any more, once no process asks for it.
   *
   * @param waitMs for how long they may
   */
  async narrow(waitMs = WAIT_MS): Promise<void> {
    const { kept, coming } = await this.#record();
    if (coming === undefined || !keepsAllOf(partOf(kept), this.own)) return;
    await setTimeout(waitMs);
    await this.#records.updateOne({ ...RECORD, kept, coming }, { $unset: { coming: 1 } }, MAJORITY);
  }

  #mapOf(record: KeptRecord): PayloadMap {
    const part = this.#wanted(record);
    return keepsAllOf(this.own, part) ? this.own : keepingPart(this.own, part);
  }

  #wanted({ kept, coming = kept }: KeptRecord): KeptPart {
    return keptInOne(keptInOne(partOf(kept), partOf(coming)), this.own);
  }

  async #record(): Promise<KeptRecord> {
    const asked = moment();
    const record = (await this.#find()) ?? (await this.#begin());
    // Whoever may not write it down goes by it once, and looks again.
    if (record === undefined) return { ...RECORD, kept: stored(this.own) };
    this.#inAll = keptInBoth(this.own, partOf(record.kept));
    this.#asked = asked;
    return record;
  }

  #find(): Promise<KeptRecord | null> {
    const options = { readPreference: 'primary', readConcern: { level: 'majority' } } as const;
    return this.#records.findOne(RECORD, options) as Promise<KeptRecord | null>;
  }

  /** Where nothing was marked yet, what this process keeps is what all rows are to have. */
  async #begin(): Promise<KeptRecord | undefined> {
    const kept = stored(this.own);
    try {
      await this.#records.updateOne(RECORD, { $setOnInsert: { kept } }, { ...MAJORITY, upsert: true });
    } catch (error) {
      if ((error as mongo.MongoServerError).code === UNAUTHORIZED) return undefined;
      throw error;
    }
    return (await this.#find()) ?? undefined;
  }
}

/** What all documents of a collection have in MongoDB; undefined where none of them has left. */
export async function keptIfLeft(head: mongo.Collection<RawDocument>): Promise<KeptPart | undefined> {
  const options = { readPreference: 'primaryPreferred', readConcern: { level: 'majority' } } as const;
  const record = await locksOf<KeptRecord>(head).findOne({ ...RECORD, left: true }, options);
  return record === null ? undefined : partOf(record.kept);
}

function stored({ indexed, blobPaths }: KeptPart): StoredPart {
  return { indexed: indexed === undefined ? null : [...indexed].sort(), blobs: [...blobPaths].sort() };
}

function partOf({ indexed, blobs }: StoredPart): KeptPart {
  return { indexed: indexed ?? undefined, blobPaths: blobs };
}
