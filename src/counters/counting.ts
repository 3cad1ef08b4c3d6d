import type { mongo } from 'mongoose';
import { counterOf } from '../commit/collection-version.ts';
import type { Store } from '../commit/store.ts';
import { ensureVersions } from '../commit/versions-collection.ts';
import { inSnapshot } from '../history/snapshot.ts';
import type { Rows } from '../system/rows.ts';
import { countRange } from './count-range.ts';
import { BY_CV, type CvRange } from './counted-rows.ts';
import type { CountedFacts, CounterDatabase } from './counter-database.ts';
import { countedAs, numbering } from './counting-mark.ts';
import type { CountingRule } from './counting-rule.ts';
import type { DayRange } from './cover-range.ts';
import type { DayTally } from './tally.ts';
import { readTotals, type Totals } from './totals.ts';

/** What it takes to count. */
export interface CountingOptions {
  readonly counters: CounterDatabase;
  readonly rules: readonly CountingRule[];
  /** For how long new versions are gathered before they are counted, in milliseconds. */
  readonly debounceMs: number;
  /** Those that have something to count. */
  readonly busy: Set<Counting>;
}

/** Versions that are counted in one transaction. */
const RANGE = 2_000;
/** When what could not be counted is tried again. */
const RETRY_MS = 60_000;

/**
 * Counts the versions of one collection, each of them once, by whatever process and however often one dies meanwhile.
 *
 * Versions are numbered in the order of their commits and without gaps, so that what is counted is told by one number: all
 * before it are, and no other. It stands beside the counts, and moves in the transaction that adds to them.
 *
 * 1. The number is read.
 * 2. After that a snapshot of the collection: the versions from that number on, and how far the numbers have come.
 * 3. The counts are added if the number is still the same; else somebody else has counted, and it begins anew.
 */
export class Counting {
  readonly #store: Store;
  readonly #options: CountingOptions;
  readonly #facts: CountedFacts;
  #indexed: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param tenant who has the database for itself, if anyone has */
  constructor(store: Store, options: CountingOptions, tenant: string | undefined) {
    this.#store = store;
    this.#options = options;
    const { dbName: db, collectionName: collection } = store.head;
    this.#facts = { db, collection, tenant };
  }

  /** Sees to it that new versions are found quickly. */
  prepare(): Promise<void> {
    this.#indexed ??= this.#index().catch((error: unknown) => {
      this.#indexed = undefined;
      throw error;
    });
    return this.#indexed;
  }

  /** The collection of versions comes into being with its own options before. */
  async #index(): Promise<void> {
    await ensureVersions(this.#store, undefined);
    const { head, versions } = this.#store;
    await Promise.all([head, versions].map((one) => one.createIndex(BY_CV, { sparse: true })));
  }

  /** Has new versions counted before long, without anyone waiting for it. */
  offer(): void {
    this.#countIn(this.#options.debounceMs);
  }

  /** Counts all versions that are committed by now. */
  async settle(): Promise<void> {
    this.#disarm();
    this.#options.busy.add(this);
    // Whoever comes while others are being counted waits for the next round, together with all who do.
    this.#waiting ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#waiting = undefined;
        this.#running = this.#countAll();
        return this.#running;
      });
    await this.#waiting.finally(() => this.#rest());
  }

  /**
   * What was counted.
   *
   * @param rows whose part of the collection, where tenants share it
   * @param range only what was made on these days
   * @throws ConfigError for days of which nothing is left
   */
  async totals(rows: Rows | undefined, range?: DayRange): Promise<Totals> {
    await this.settle();
    return readTotals(this.#store, this.#options, { rows, range });
  }

  /** Counts what has been offered. What fails is left to the next process. */
  async close(): Promise<void> {
    await this.settle().catch(() => undefined);
    this.#disarm();
  }

  #countIn(ms: number): void {
    this.#options.busy.add(this);
    this.#timer ??= setTimeout(() => {
      this.settle().catch(() => this.#countIn(RETRY_MS));
    }, ms).unref();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #rest(): void {
    if (this.#timer === undefined && this.#waiting === undefined) this.#options.busy.delete(this);
  }

  async #countAll(): Promise<void> {
    for (;;) {
      const as = await countedAs(this.#store);
      if (as === undefined) return;
      const from = await this.#options.counters.checkpoint(as);
      await this.prepare();
      const found = await this.#tally(as, from);
      if (found === 'gone') continue;
      const { range, tallies, next } = found;
      if (range.from === range.to) return;
      const isAdded = await this.#options.counters.add(as, range, tallies, this.#facts);
      if (isAdded && range.to === next) return;
    }
  }

  /** Versions of one snapshot, from a number on, and how far the numbers had come in it. */
  #tally(as: mongo.ObjectId, from: number): Promise<Tallied | 'gone'> {
    const { rules } = this.#options;
    const events = rules.filter(({ mode }) => mode === 'events');
    return inSnapshot(this.#store, undefined, async (session) => {
      const now = await numbering(this.#store, session);
      if (now?.as.equals(as) !== true) return 'gone';
      const { next } = now;
      if (next < from && !(await this.#wasReset(from))) return 'gone';
      const range = { from, to: Math.min(next, from + RANGE) };
      const tallies = range.to <= from ? [] : await countRange(this.#store, session, range, events);
      return { range, next, tallies };
    });
  }

  /** Whether the collection was put back to what it had been before it was counted. Its numbers begin again from there. */
  async #wasReset(from: number): Promise<boolean> {
    const linearizable = { readPreference: 'primary', readConcern: { level: 'linearizable' } } as const;
    const counter = await counterOf(this.#store).findOne({ _id: 'cv' }, linearizable);
    return counter !== null && counter.value < from;
  }
}

interface Tallied {
  readonly range: CvRange;
  readonly next: number;
  readonly tallies: readonly DayTally[];
}
