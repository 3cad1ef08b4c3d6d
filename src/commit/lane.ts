import { setImmediate } from 'node:timers/promises';

/** A write that waits for its turn, and the promise of its caller. */
export interface Waiting<W, R> {
  readonly write: W;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

interface Keyed<W, R> extends Waiting<W, R> {
  readonly key: string;
}

/**
 * Group commit: the writes that arrive while a wave is on its way travel together in the next one. There is no timer,
 * and a caller that is alone never waits; under load each journal wait and each round trip is shared by all who wait.
 *
 * Writes of one document never share a wave, and keep their order.
 */
export class Lane<W, R> {
  readonly #keyOf: (write: W) => string;
  readonly #carryOut: (wave: readonly Waiting<W, R>[]) => Promise<void>;
  #waiting: Keyed<W, R>[] = [];
  #running = false;

  /** @param carryOut settles every member of the wave, and never rejects */
  constructor(keyOf: (write: W) => string, carryOut: (wave: readonly Waiting<W, R>[]) => Promise<void>) {
    this.#keyOf = keyOf;
    this.#carryOut = carryOut;
  }

  submit(write: W): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, key: this.#keyOf(write), resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const wave = this.#nextWave();
      await this.#carryOut(wave);
      await this.#gather(wave.length);
    }
    this.#running = false;
  }

  /**
   * Callers that were answered together come back together, a few turns of the event loop later. Starting the next wave
   * before they do would leave most of them behind. A caller that is alone is not waited for.
   */
  async #gather(members: number): Promise<void> {
    if (members === 1 && this.#waiting.length === 0) return;
    for (let turn = 0; turn < MAX_TURNS && this.#waiting.length < members; turn++) await setImmediate();
  }

  #nextWave(): Waiting<W, R>[] {
    const taken = new Set<string>();
    const wave: Waiting<W, R>[] = [];
    const left: Keyed<W, R>[] = [];
    for (const waiting of this.#waiting) {
      if (wave.length < MAX_WAVE && !taken.has(waiting.key)) wave.push(waiting);
      else left.push(waiting);
      taken.add(waiting.key);
    }
    this.#waiting = left;
    return wave;
  }
}

const MAX_TURNS = 8;
const MAX_WAVE = 500;
