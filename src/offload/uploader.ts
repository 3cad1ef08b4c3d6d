import { ExponentialBackoff, fullJitterGenerator, type IBackoff } from 'cockatiel';
import { canonicalKey } from '../bson/canonical-key.ts';
import { idsIn } from './outbox.ts';
import { Pace } from './pace.ts';
import { type Left, type OnStored, uploadDocuments } from './upload-documents.ts';
import type { Offloading } from './upload-row.ts';

export interface UploaderOptions {
  /** For how long new versions are waited for, so that they travel together. */
  readonly batchWindowMs: number;
  /** Whether writes wait for it: then it yields to none. */
  readonly isAwaited: boolean;
  /** Awaited before anything is stored. */
  readonly before: () => Promise<void>;
  readonly onStored: OnStored;
  /** Told of documents whose new versions were stored, but for those that could not be. */
  readonly onUploaded: (ids: readonly unknown[]) => Promise<void>;
  /** Told when everything is stored. */
  readonly onIdle: () => void;
}

/** Documents of one look at the outbox. */
const PAGE = 200;
/** Further documents are found in the outbox again instead of being kept in mind. */
const MAX_WAITING = 10_000;

/** While object storage does not answer; it is asked for one document, or a few. */
const OUTAGE_BACKOFF = backoffUpTo(5_000);
/** For documents that cannot be stored while others can. */
const FAILURE_BACKOFF = backoffUpTo(30_000);

function backoffUpTo(maxDelay: number): ExponentialBackoff<number> {
  return new ExponentialBackoff({ generator: fullJitterGenerator, initialDelay: 200, maxDelay });
}

/** Errors of a client that its owner has closed: what is left is stored by whoever opens the collection next. */
const CLOSED = new Set(['MongoClientClosedError', 'MongoNotConnectedError', 'MongoTopologyClosedError']);

function isOfClosedClient(error: unknown): boolean {
  return error instanceof Error && CLOSED.has(error.name);
}

/** A version that a write has made. */
export interface WrittenVersion {
  /** The id of the document. */
  readonly id: unknown;
  readonly ov: number;
}

/** A document whose new versions are to be stored, and the promise of those who wait for it. */
interface Waiting {
  readonly id: unknown;
  /** The newest of them, if that is known. */
  ov: number | undefined;
  /** Whether it could not be stored while others could. */
  hasFailed: boolean;
  readonly stored: Promise<void>;
  readonly resolve: () => void;
}

function waitingFor(id: unknown, ov?: number): Waiting {
  let resolve: () => void = () => undefined;
  const stored = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { id, ov, hasFailed: false, stored, resolve };
}

/**
 * Stores the payloads of a collection once they are committed. What is to be stored is told by the rows themselves, so
 * that nothing is lost with a process: the next one to use the collection finds it there. As long as object storage
 * does not answer it is tried again, at intervals that grow and differ between processes; what cannot be stored while
 * other documents can does not delay them. It keeps no process alive.
 */
export class Uploader {
  readonly #target: Offloading;
  readonly #options: UploaderOptions;
  #waiting = new Map<string, Waiting>();
  readonly #underWay = new Map<string, Waiting>();
  /** What could not be stored while other documents could. */
  #failed = new Map<string, Waiting>();
  #retryTimer: NodeJS.Timeout | undefined;
  #failures: IBackoff<unknown> | undefined;
  /** Whether rows may be waiting that nobody has told of. */
  #isBehind = false;
  #isRunning = false;
  #isHurried = false;
  readonly #pace = new Pace();
  #backoff: IBackoff<unknown> | undefined;
  #lastError: unknown;
  #idle: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;

  constructor(target: Offloading, options: UploaderOptions) {
    this.#target = target;
    this.#options = options;
    this.#pace.hurry(options.isAwaited);
  }

  /** What went wrong last. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Stores new versions, soon. */
  offer(versions: readonly WrittenVersion[]): void {
    for (const version of versions) this.#add(version);
    if (!this.#options.isAwaited) this.#pace.wrote();
    this.#start();
  }

  /** Fulfilled when everything that was offered by now is stored, but for what has failed already: of that only `about`. */
  async offered(about?: unknown): Promise<void> {
    const own = about === undefined ? undefined : this.#entryOf(about);
    const all = [...this.#waiting.values(), ...this.#underWay.values(), ...this.#failed.values()];
    await Promise.all(all.filter((entry) => entry === own || !entry.hasFailed).map(({ stored }) => stored));
  }

  /** The newest version of a document that waits to be stored. */
  waitingVersion(id: unknown): number | undefined {
    return this.#entryOf(id)?.ov;
  }

  #entryOf(id: unknown): Waiting | undefined {
    const key = canonicalKey(id);
    return this.#waiting.get(key) ?? this.#underWay.get(key) ?? this.#failed.get(key);
  }

  /** Stores what others have left, soon. */
  drain(): void {
    this.#isBehind = true;
    this.#start();
  }

  /** Fulfilled when everything that is committed by now is stored: at once if object storage answers. */
  async hurry(): Promise<void> {
    this.#isHurried = true;
    this.#pace.hurry(true);
    this.#backoff = undefined;
    this.#retry();
    this.drain();
    this.#wake();
    await this.#idle;
    await Promise.all([...this.#failed.values()].map(({ stored }) => stored));
  }

  #add({ id, ov }: WrittenVersion): void {
    const key = canonicalKey(id);
    const known = this.#waiting.get(key);
    if (known !== undefined) known.ov = Math.max(known.ov ?? 0, ov);
    else if (this.#waiting.size > MAX_WAITING) this.#isBehind = true;
    else this.#waiting.set(key, waitingFor(id, ov));
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#idle = this.#run();
  }

  async #run(): Promise<void> {
    const { batchWindowMs, onIdle } = this.#options;
    this.#pace.starts();
    if (batchWindowMs > 0 && !this.#isHurried) await this.#pause(batchWindowMs);
    while (this.#waiting.size > 0 || this.#isBehind) {
      if (await this.#pass()) this.#backoff = undefined;
      else if (isOfClosedClient(this.#lastError)) break;
      else await this.#pause(this.#nextDelay());
    }
    this.#isRunning = false;
    this.#isHurried = false;
    this.#pace.hurry(this.#options.isAwaited);
    if (this.#failed.size === 0) this.#failures = undefined;
    onIdle();
  }

  #nextDelay(): number {
    this.#backoff = this.#backoff === undefined ? OUTAGE_BACKOFF.next() : this.#backoff.next(undefined);
    return this.#backoff.duration;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms).unref();
    });
  }

  /** @returns whether everything was tried, whatever came of it */
  async #pass(): Promise<boolean> {
    const entries = [...this.#waiting];
    const isBehind = this.#isBehind;
    this.#waiting = new Map();
    for (const [key, entry] of entries) this.#underWay.set(key, entry);
    this.#isBehind = false;
    for (let at = 0; at < entries.length; at += PAGE) {
      if (await this.#uploadWaiting(entries.slice(at, at + PAGE))) continue;
      for (const [key, entry] of entries.slice(at + PAGE)) this.#keep(key, entry);
      if (isBehind) this.#isBehind = true;
      return false;
    }
    return !isBehind || this.#uploadOutbox();
  }

  async #uploadWaiting(entries: readonly [string, Waiting][]): Promise<boolean> {
    const left = await this.#upload(entries.map(([, { id }]) => id));
    for (const [key, entry] of entries) {
      if (left === 'all') this.#keep(key, entry);
      else if (left.has(key)) this.#fail(key, entry);
      else this.#done(key, entry);
    }
    return left !== 'all';
  }

  async #uploadOutbox(): Promise<boolean> {
    try {
      for await (const ids of idsIn(this.#target, 'new-not-synched', undefined, PAGE)) {
        const left = await this.#upload(ids);
        if (left !== 'all') for (const [key, id] of left) this.#fail(key, waitingFor(id));
        else this.#isBehind = true;
        if (this.#isBehind) break;
      }
    } catch (error) {
      this.#lastError = error;
      this.#isBehind = true;
    }
    return !this.#isBehind;
  }

  /** @returns the documents that could not be stored */
  async #upload(ids: readonly unknown[]): Promise<Left['ids']> {
    const { before, onStored, onUploaded } = this.#options;
    const left = await before().then(
      () => uploadDocuments(this.#target, ids, { onStored, pace: this.#pace }),
      (error: unknown): Left => ({ ids: 'all', error }),
    );
    // What fails there has nothing to be stored again: it is seen to later.
    if (left.ids !== 'all') await onUploaded(ids).catch(() => undefined);
    if (left.error !== undefined || this.#failed.size === 0) this.#lastError = left.error;
    return left.ids;
  }

  #done(key: string, { resolve }: Waiting): void {
    this.#underWay.delete(key);
    resolve();
  }

  /** Whoever waits for a document that was offered again meanwhile waits for that. */
  #keep(key: string, entry: Waiting): void {
    this.#underWay.delete(key);
    const again = this.#waiting.get(key);
    if (again === undefined) this.#waiting.set(key, entry);
    else void again.stored.then(entry.resolve);
  }

  /** Has a document wait for a time of its own. */
  #fail(key: string, entry: Waiting): void {
    entry.hasFailed = true;
    this.#underWay.delete(key);
    const before = this.#failed.get(key);
    if (before === undefined) this.#failed.set(key, entry);
    else void before.stored.then(entry.resolve);
    if (this.#retryTimer !== undefined) return;
    this.#failures = this.#failures === undefined ? FAILURE_BACKOFF.next() : this.#failures.next(undefined);
    this.#retryTimer = setTimeout(() => this.#retry(), this.#failures.duration).unref();
  }

  #retry(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    const failed = [...this.#failed];
    this.#failed = new Map();
    for (const [key, entry] of failed) this.#keep(key, entry);
    if (failed.length > 0) this.#start();
  }
}
