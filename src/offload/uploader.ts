import { ExponentialBackoff, fullJitterGenerator, type IBackoff } from 'cockatiel';
import { canonicalKey } from '../bson/compare.ts';
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

const BACKOFF = new ExponentialBackoff<number>({
  generator: fullJitterGenerator,
  initialDelay: 200,
  maxDelay: 30_000,
});

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
  /** The newest of them. */
  ov: number;
  readonly stored: Promise<void>;
  readonly resolve: () => void;
}

function waitingFor(id: unknown, ov: number): Waiting {
  let resolve: () => void = () => undefined;
  const stored = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { id, ov, stored, resolve };
}

/**
 * Stores the payloads of a collection once they are committed. What is to be stored is told by the rows themselves, so
 * that nothing is lost with a process: the next one to use the collection finds it there. As long as object storage
 * does not answer it is tried again, at intervals that grow and differ between processes. It keeps no process alive.
 */
export class Uploader {
  readonly #target: Offloading;
  readonly #options: UploaderOptions;
  #waiting = new Map<string, Waiting>();
  readonly #underWay = new Map<string, Waiting>();
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

  /** Fulfilled when everything that was offered by now is stored. */
  async offered(): Promise<void> {
    await Promise.all([...this.#waiting.values(), ...this.#underWay.values()].map(({ stored }) => stored));
  }

  /** The newest version of a document that waits to be stored. */
  waitingVersion(id: unknown): number | undefined {
    const key = canonicalKey(id);
    return (this.#waiting.get(key) ?? this.#underWay.get(key))?.ov;
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
    this.drain();
    this.#wake();
    await this.#idle;
  }

  #add({ id, ov }: WrittenVersion): void {
    const key = canonicalKey(id);
    const known = this.#waiting.get(key);
    if (known !== undefined) known.ov = Math.max(known.ov, ov);
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
    if (batchWindowMs > 0 && !this.#isHurried) await this.#pause(batchWindowMs);
    while (this.#waiting.size > 0 || this.#isBehind) {
      if (await this.#pass()) this.#backoff = undefined;
      else if (isOfClosedClient(this.#lastError)) break;
      else await this.#pause(this.#nextDelay());
    }
    this.#isRunning = false;
    this.#isHurried = false;
    this.#pace.hurry(false);
    onIdle();
  }

  #nextDelay(): number {
    this.#backoff = this.#backoff === undefined ? BACKOFF.next() : this.#backoff.next(undefined);
    return this.#backoff.duration;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms).unref();
    });
  }

  /** @returns whether nothing is left that has to be tried again */
  async #pass(): Promise<boolean> {
    const entries = [...this.#waiting];
    const isBehind = this.#isBehind;
    this.#waiting = new Map();
    for (const [key, entry] of entries) this.#underWay.set(key, entry);
    this.#isBehind = false;
    let isDone = true;
    for (let at = 0; at < entries.length; at += PAGE) {
      if (!(await this.#uploadWaiting(entries.slice(at, at + PAGE)))) isDone = false;
    }
    if (isBehind && !(await this.#uploadOutbox())) isDone = false;
    return isDone;
  }

  async #uploadWaiting(entries: readonly [string, Waiting][]): Promise<boolean> {
    const { keys } = await this.#upload(entries.map(([, { id }]) => id));
    for (const [key, entry] of entries) {
      this.#underWay.delete(key);
      if (keys === 'all' || keys.has(key)) this.#keep(key, entry);
      else entry.resolve();
    }
    return keys !== 'all' && keys.size === 0;
  }

  /** Whoever waits for a document that was offered again meanwhile waits for that. */
  #keep(key: string, entry: Waiting): void {
    const again = this.#waiting.get(key);
    if (again === undefined) this.#waiting.set(key, entry);
    else void again.stored.then(entry.resolve);
  }

  async #uploadOutbox(): Promise<boolean> {
    try {
      for await (const ids of idsIn(this.#target, 'new-not-synched', undefined, PAGE)) {
        const { keys } = await this.#upload(ids);
        if (keys === 'all' || keys.size > 0) this.#isBehind = true;
      }
    } catch (error) {
      this.#lastError = error;
      this.#isBehind = true;
    }
    return !this.#isBehind;
  }

  async #upload(ids: readonly unknown[]): Promise<Left> {
    const { before, onStored, onUploaded } = this.#options;
    const left = await before().then(
      () => uploadDocuments(this.#target, ids, { onStored, pace: this.#pace }),
      (error: unknown): Left => ({ keys: 'all', error }),
    );
    // What fails there has nothing to be stored again: it is seen to later.
    if (left.keys !== 'all') await onUploaded(ids).catch(() => undefined);
    this.#lastError = left.error;
    return left;
  }
}
