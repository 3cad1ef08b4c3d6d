import { canonicalKey } from '../bson/canonical-key.ts';
import { StorageError } from '../errors.ts';
import { markRow } from './mark-processed.ts';
import { NoRoom, StoredMarks } from './mark-stored.ts';
import { rowsIn } from './outbox.ts';
import type { Pace } from './pace.ts';
import { type Row, referring } from './row.ts';
import { type Known, type Offloading, uploadRow } from './upload-row.ts';

/** Told of each version that has been stored. */
export type OnStored = (row: Row) => Promise<void>;

/** What is left of the documents whose versions were to be stored. */
export interface Left {
  /** The ids of those that could not be, by their keys, while others could; `all` where nothing could. */
  readonly ids: ReadonlyMap<string, unknown> | 'all';
  readonly error?: unknown;
}

const UPLOADS_AT_ONCE = 8;

/** How versions are stored. */
export interface UploadOptions {
  readonly onStored: OnStored;
  readonly pace: Pace;
}

/**
 * Stores all versions of some documents that are not: those of one document one after the other, oldest first. Once
 * nothing succeeds any more the rest is not tried.
 */
export async function uploadDocuments(
  target: Offloading,
  ids: readonly unknown[],
  options: UploadOptions,
): Promise<Left> {
  const run = new UploadRun(target, options);
  try {
    for await (const row of rowsIn(target, 'new-not-synched', ids)) {
      await options.pace.turn();
      await run.begin(row);
      if (run.isInVain) break;
    }
    await run.ended();
    return { ids: run.isInVain ? 'all' : run.left, error: run.error };
  } catch (error) {
    await run.ended();
    return { ids: 'all', error };
  }
}

class UploadRun {
  readonly left = new Map<string, unknown>();
  error: unknown;
  #stored = 0;
  #failuresInARow = 0;
  readonly #target: Offloading;
  readonly #options: UploadOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #last = new Map<string, Promise<void>>();
  readonly #known = new Map<string, Known[]>();
  readonly #marks: StoredMarks;
  #isEnding = false;

  constructor(target: Offloading, options: UploadOptions) {
    this.#target = target;
    this.#options = options;
    this.#marks = new StoredMarks(target, () => this.#hasRoom && options.pace.isYielding);
  }

  /** Whether more uploads will begin before one of those under way has ended. */
  get #hasRoom(): boolean {
    return !this.#isEnding && this.#running.size < UPLOADS_AT_ONCE;
  }

  /** Whether object storage does not answer, or as many have failed in a row as are under way at once. */
  get isInVain(): boolean {
    if (this.#failuresInARow >= UPLOADS_AT_ONCE) return true;
    return this.#failuresInARow > 0 && this.#stored === 0 && this.error instanceof StorageError && this.error.retryable;
  }

  /** Waits until there is room for one more. */
  async begin(row: Row): Promise<void> {
    const key = canonicalKey(row.id);
    const before = this.#last.get(key) ?? Promise.resolve();
    const upload = before
      .then(() => this.#upload(row, key))
      .catch((error: unknown) => {
        this.error = error;
        this.left.set(key, row.id);
        this.#failuresInARow += 1;
      })
      .finally(() => void this.#running.delete(upload));
    this.#last.set(key, upload);
    this.#running.add(upload);
    if (this.#hasRoom) return;
    this.#marks.flush();
    await Promise.race(this.#running);
  }

  async ended(): Promise<void> {
    this.#isEnding = true;
    this.#marks.flush();
    await Promise.all(this.#running);
  }

  async #upload(row: Row, key: string): Promise<void> {
    const ofRun = this.#known.get(key) ?? [];
    this.#known.set(key, ofRun);
    const known = [...ofRun, row.system, ...(await knownBefore(this.#target, row))];
    const started = performance.now();
    const storing = uploadRow(this.#target, row, known, this.#marks.mark).catch((error: unknown) =>
      withoutRoom(this.#target, row, error),
    );
    this.#options.pace.took(performance.now() - started);
    const stored = await storing;
    this.#stored += 1;
    this.#failuresInARow = 0;
    if (stored === undefined) return;
    ofRun.push(stored);
    await this.#options.onStored(row);
  }
}

/** A version that has no room for what it refers to leaves MongoDB at once. */
async function withoutRoom(target: Offloading, row: Row, error: unknown): Promise<Known> {
  if (!(error instanceof NoRoom)) throw error;
  const { refers } = error;
  const bytes = referring(target.bson, row.bytes, refers);
  const whole = { ...row, bytes, system: { ...row.system, ...refers } };
  if (!(await markRow(target, whole, row))) throw error;
  return refers;
}

/** Where the version before has its payload, and the one whose content this one repeats. */
async function knownBefore({ versions }: Offloading, { id, system }: Row): Promise<readonly Known[]> {
  const { ov, restoredFrom } = system;
  if (ov === 0) return [];
  const ovs = restoredFrom === undefined ? [ov - 1] : [ov - 1, restoredFrom];
  const before = versions.find({ '_id.id': id, '_id.ov': { $in: ovs } } as never, {
    projection: { '_system.payload': 1, '_system.blobs': 1 },
  });
  return (await before.toArray()).map(({ _system }) => (_system ?? {}) as Known);
}
