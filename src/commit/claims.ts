import type { mongo } from 'mongoose';
import type { Outcome } from './captured-write.ts';
import { leavesFilter } from './leaves-filter.ts';
import { pinnedId, pinnedTo } from './pinned-id.ts';
import { results } from './results.ts';
import type { Store } from './store.ts';
import { type GroupableWrite, isGroupable, type Settled } from './write-group.ts';

/** How claims are carried out; given by the committer. */
export interface ClaimWriters {
  /** One write in a transaction of its own. */
  alone(write: GroupableWrite): Promise<Outcome>;
  /** Writes of distinct documents in one transaction. */
  together(writes: readonly GroupableWrite[]): Promise<Settled[]>;
}

interface Waiting {
  readonly write: GroupableWrite;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Single writes that do not name their document, like "take the next queued job". Callers of the same filter and sort
 * would all go for the same document, and all but one lose and start over. Instead, those who wait are handed distinct
 * documents in the order of the sort, and take them in one transaction in which the filter is checked again.
 *
 * Where a document may go on matching, all of them would get it one after the other, and so they do.
 */
export class Claims {
  readonly #store: Store;
  readonly #writers: ClaimWriters;
  readonly #lanes = new Map<string, Waiting[]>();

  constructor(store: Store, writers: ClaimWriters) {
    this.#store = store;
    this.#writers = writers;
  }

  /** Whether a write may be handed its document: it must be groupable once that is known. */
  static accepts(store: Store, write: GroupableWrite): boolean {
    if (pinnedId(write.filter) !== undefined || write.chronos.expectedOv !== undefined) return false;
    return isGroupable(store, pinned(write, 0));
  }

  submit(write: GroupableWrite): Promise<Outcome> {
    const key = this.#keyOf(write);
    return new Promise((resolve, reject) => {
      const waiting = { write, resolve, reject };
      const lane = this.#lanes.get(key);
      if (lane !== undefined) lane.push(waiting);
      else void this.#run(key, [waiting]);
    });
  }

  async #run(key: string, lane: Waiting[]): Promise<void> {
    this.#lanes.set(key, lane);
    while (lane.length > 0) {
      const staying = lane.findIndex(({ write }) => !leavesFilter(write));
      const wave = lane.splice(0, Math.max(1, staying === -1 ? lane.length : staying));
      const [only] = wave;
      if (wave.length === 1 && only !== undefined) await settle(only, this.#writers.alone(only.write));
      else lane.unshift(...(await this.#serve(wave)));
    }
    this.#lanes.delete(key);
  }

  /** @returns who is still to be served: somebody else got there first, or there were fewer documents than callers */
  async #serve(wave: readonly Waiting[]): Promise<Waiting[]> {
    try {
      const ids = await this.#candidates(wave);
      if (ids.length === 0) {
        for (const { write, resolve } of wave) resolve(results.missed(write));
        return [];
      }
      const served = wave.slice(0, ids.length);
      const settled = await this.#writers.together(served.map(({ write }, index) => pinned(write, ids[index])));
      const missed = served.filter((waiting, index) => !deliver(waiting, settled[index] as Settled));
      return [...missed, ...wave.slice(ids.length)];
    } catch (error) {
      for (const { reject } of wave) reject(error);
      return [];
    }
  }

  async #candidates(wave: readonly Waiting[]): Promise<unknown[]> {
    const { filter, options } = (wave[0] as Waiting).write;
    const sort = options.sort === undefined ? {} : { sort: options.sort as mongo.Sort };
    const found = this.#store.head.find(filter, { ...sort, limit: wave.length, projection: { _id: 1 } });
    return (await found.toArray()).map(({ _id }) => _id);
  }

  #keyOf({ filter, options }: GroupableWrite): string {
    const { sort = null } = options;
    // As the driver sends them: a condition that is undefined is one for null.
    return Buffer.from(this.#store.bson.serialize({ filter, sort }, { ignoreUndefined: false })).toString('latin1');
  }
}

function pinned(write: GroupableWrite, id: unknown): GroupableWrite {
  const { sort: _sort, ...options } = write.options;
  return { ...write, filter: pinnedTo(write.filter, id), options };
}

/** @returns whether the caller has its answer: a document that no longer matched is none */
function deliver({ resolve, reject }: Waiting, settled: Settled): boolean {
  if ('error' in settled) {
    reject(settled.error);
    return true;
  }
  const { matched, deleted } = settled.outcome;
  if (matched + deleted === 0) return false;
  resolve(settled.outcome);
  return true;
}

function settle({ resolve, reject }: Waiting, result: Promise<Outcome>): Promise<void> {
  return result.then(resolve, reject);
}
