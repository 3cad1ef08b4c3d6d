import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MB = 2 ** 20;

/** Watches the memory of this process on its way through a long task, at every hundredth of it. */
export class MemoryWatch {
  readonly #total: number;
  readonly #bytes: () => number;
  #looked = 0;
  #early = 0;
  #peak = 0;

  constructor(total: number, bytes: () => number) {
    this.#total = total;
    this.#bytes = bytes;
  }

  /** To be told often how far the task has come. */
  at(done: number): void {
    const percent = Math.floor((done / this.#total) * 100);
    if (percent < 10 || percent === this.#looked) return;
    const bytes = this.#bytes();
    if (this.#looked === 0) this.#early = bytes;
    this.#looked = percent;
    this.#peak = Math.max(this.#peak, bytes);
  }

  /** Megabytes that it grew by between a tenth of the way and its end, at the most. */
  grown(): number {
    if (this.#looked < 90) throw new Error(`Memory was watched for ${this.#looked} % of the way only`);
    return (this.#peak - this.#early) / MB;
  }
}

/** What the process holds of the machine's memory. */
export function residentSet(): number {
  return process.memoryUsage.rss();
}

/** What JavaScript holds on to: all that is garbage is collected first. */
export function liveHeap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
