import { ConfigError } from '../errors.ts';
import { within } from '../within.ts';
import { requireOwned, storesOf } from './owner.ts';
import { recordPlaces } from './places.ts';
import type { Offloading } from './upload-row.ts';

/** For how long a first write waits to hear whose the objects are. */
const DEADLINE_MS = 1_000;

/** Sees to it that no other database has its objects under the keys of a collection. */
export class Ownership {
  readonly #target: Offloading;
  #sure: Promise<void> | undefined;

  constructor(target: Offloading) {
    this.#target = target;
  }

  /** What was on record has gone where the collection was dropped. */
  forget(): void {
    this.#sure = undefined;
  }

  /**
   * Makes sure of it, once.
   *
   * @throws ConfigError; StorageError
   */
  require(signal?: AbortSignal): Promise<void> {
    this.#sure ??= this.#claim(signal).catch((error: unknown) => {
      this.#sure = undefined;
      throw error;
    });
    return this.#sure;
  }

  /**
   * Writes do not wait for object storage that does not answer, whether it heeds a signal or not: nothing is stored
   * there before it has.
   */
  async requireSoon(): Promise<void> {
    const heard = this.require(AbortSignal.timeout(DEADLINE_MS));
    await within(DEADLINE_MS, heard, () => new Error('unheard')).catch((error: unknown) => {
      if (error instanceof ConfigError) throw error;
    });
  }

  async #claim(signal: AbortSignal | undefined): Promise<void> {
    await recordPlaces(this.#target);
    for (const store of storesOf(this.#target)) await requireOwned(this.#target, store, signal);
  }
}
