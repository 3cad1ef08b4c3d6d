import { performance } from 'node:perf_hooks';

/** From here on a thread has nothing to spare. */
const BUSY = 0.4;
/** What uploads take of a thread that others write on, and of one that has nothing to spare. */
const SHARE = 0.1;
const BUSY_SHARE = 0.03;
/** A shorter look at a thread says nothing. */
const LOOK_MS = 20;
/** Those who wrote so lately are going on to write. */
const WRITING_MS = 500;
/** Besides taking its document apart, which is measured, an upload keeps the thread about as long again, and so long. */
const REQUESTS_MS = 1.5;

/** Who falls behind for so long yields no more: what waits in MongoDB would only become more. */
const LONGEST_YIELD_MS = 30_000;
/** No upload waits longer for the one before it: that may have taken so long because the process was stopped. */
const LONGEST_WAIT_MS = 10_000;

/** What tells of a thread, and of time. */
export interface ThreadClock {
  /** In milliseconds. */
  readonly now: () => number;
  /** The share of the time that the thread was not idle, since it was asked last. */
  readonly utilization: () => number;
}

/** A thread that writers and uploads share, and how much of it is left for uploads. */
export class SharedThread {
  readonly #clock: ThreadClock;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isBusy = false;
  /** When the last upload began. */
  #beganAt = Number.NEGATIVE_INFINITY;
  /** For how long it kept the thread. */
  #cost = REQUESTS_MS;

  constructor(clock: ThreadClock) {
    this.#clock = clock;
  }

  /** Told of each write. */
  wrote(): void {
    this.#wroteAt = this.#clock.now();
  }

  /** The time, in milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /** Whether somebody writes, whom uploads yield to. */
  get isYielding(): boolean {
    return this.#clock.now() - this.#wroteAt <= WRITING_MS;
  }

  /** For how many milliseconds an upload is to wait. */
  waitMs(): number {
    if (!this.isYielding) return 0;
    const share = this.#hasNothingToSpare() ? BUSY_SHARE : SHARE;
    const apart = Math.min(this.#cost / share, LONGEST_WAIT_MS);
    return Math.max(0, this.#beganAt + apart - this.#clock.now());
  }

  /** Told that an upload begins. */
  begins(): void {
    this.#beganAt = this.#clock.now();
  }

  /** Told for how long the last upload took to take its document apart. */
  took(ms: number): void {
    this.#cost = 2 * ms + REQUESTS_MS;
  }

  #hasNothingToSpare(): boolean {
    const now = this.#clock.now();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#isBusy = this.#clock.utilization() > BUSY;
      this.#lookedAt = now;
    }
    return this.#isBusy;
  }
}

/** This thread: the uploads of all collections share what is left of it. */
const THREAD = new SharedThread({
  now: () => performance.now(),
  utilization: sinceLastLook(),
});

function sinceLastLook(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/**
 * Lets uploads have as much of the thread as writers do not feel: a tenth of its time, a thirtieth where writers keep
 * it busy, and all of it once nobody writes, or where that was too little for half a minute. What waits then is in
 * MongoDB, and loses nothing by that.
 */
export class Pace {
  readonly #thread: SharedThread;
  #isHurried = false;
  #startedAt: number;
  #wake: () => void = () => undefined;

  constructor(thread: SharedThread = THREAD) {
    this.#thread = thread;
    this.#startedAt = thread.now();
  }

  /** Told when there is something to upload again, after all was. */
  starts(): void {
    this.#startedAt = this.#thread.now();
  }

  /** Told of each write that is not to wait for its upload. */
  wrote(): void {
    this.#thread.wrote();
  }

  /** Whether uploads are to yield to nobody. */
  hurry(isHurried: boolean): void {
    this.#isHurried = isHurried;
    if (isHurried) this.#wake();
  }

  /** Whether uploads yield to writers at the moment. */
  get isYielding(): boolean {
    return this.#mayYield && this.#thread.isYielding;
  }

  /** Waits until the next upload may begin. */
  async turn(): Promise<void> {
    for (let ms = this.#thread.waitMs(); ms > 0 && this.#mayYield; ms = this.#thread.waitMs()) await this.#pause(ms);
    this.#thread.begins();
  }

  /** Told for how long the last upload took to take its document apart. */
  took(ms: number): void {
    this.#thread.took(ms);
  }

  get #mayYield(): boolean {
    return !this.#isHurried && this.#thread.now() - this.#startedAt < LONGEST_YIELD_MS;
  }

  /** Looks again now and then: the thread may come to rest meanwhile. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, Math.min(ms, LOOK_MS)).unref();
    });
  }
}
