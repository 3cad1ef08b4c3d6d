import type { Store } from '../commit/store.ts';
import { Counting, type CountingOptions } from './counting.ts';

/** What counts the collections of a registry. */
export class CountingJobs {
  readonly #options: CountingOptions;
  readonly #jobs = new WeakMap<object, Counting>();
  readonly #busy = new Set<Counting>();

  constructor(options: Omit<CountingOptions, 'busy'>) {
    this.#options = { ...options, busy: this.#busy };
  }

  /**
   * What counts a collection.
   *
   * @param tenant who has its database alone, if anyone has
   */
  of(store: Store, tenant: string | undefined): Counting {
    const job = this.#jobs.get(store.head) ?? new Counting(store, this.#options, tenant);
    this.#jobs.set(store.head, job);
    return job;
  }

  /** The same, once it is there. */
  known(store: Store): Counting | undefined {
    return this.#jobs.get(store.head);
  }

  /** Whether something waits to be counted. */
  get isBusy(): boolean {
    return this.#busy.size > 0;
  }

  /** Counts what waits to be counted. */
  async close(): Promise<void> {
    await Promise.all([...this.#busy].map((job) => job.close()));
  }
}
