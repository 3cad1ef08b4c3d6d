import type { Filter } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { isDuplicateKey, isRefusal } from '../commit/mongo-errors.ts';
import { effectiveOptions } from '../context.ts';
import { DocumentTooLargeError, VersionNotFoundError } from '../errors.ts';
import type { Point } from '../history/instant.ts';
import { shownId } from '../row-id.ts';
import type { Attribution, ChronosWriteOptions } from '../types.ts';
import { bringBack } from './restore.ts';
import {
  countCandidates,
  type PlannedPage,
  type PlannedStep,
  type RestoreScope,
  replanned,
  restorePlan,
} from './restore-plan.ts';

/** How a collection is restored. */
export interface RestoreCollectionOptions extends Attribution {
  /**
   * Restores only the documents that match it now or matched it then: afterwards it finds exactly what it found then.
   * @default all documents
   */
  readonly filter?: Record<string, unknown> | undefined;
  /**
   * Only tell what would be done. Nothing is written.
   * @default false
   */
  readonly dryRun?: boolean | undefined;
  /**
   * What becomes of documents that were born after the instant: they are deleted, as by `deleteOne` and with a history
   * of their own, or kept as they are.
   * @default 'delete'
   */
  readonly born?: 'delete' | 'keep' | undefined;
  /** Called after each page. */
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  /**
   * How many documents are planned and committed at once.
   * @default 100
   */
  readonly pageSize?: number | undefined;
  /** Name of the function or job that restores; collected in `_system.functionIds`. */
  readonly functionId?: string | undefined;
}

/** What was done, or in a dry run would be, counted in documents. */
export interface RestoreCounts {
  /** Living documents that were given an earlier content. */
  restored: number;
  /** Documents deleted since, that were brought back. */
  recreated: number;
  /** Documents born later, that were deleted. */
  deleted: number;
  /** Documents born later, that were kept. */
  kept: number;
  /** Documents that have changed since, but are in that state again. Those that have not changed are not counted. */
  unchanged: number;
  /** Documents that the server refused to restore, such as for a unique value that another one has by now. */
  failed: number;
}

export interface RestoreProgress extends Readonly<RestoreCounts> {
  /** Documents looked at so far. */
  readonly done: number;
  /** About how many there are to look at. */
  readonly total: number;
}

/** What a restore does to one document. */
export interface RestoreAction {
  readonly id: unknown;
  readonly action: 'restore' | 'recreate' | 'delete';
  /** The document's version now; null where it is deleted. */
  readonly from: number | null;
  /** The version whose content comes back; null where the document is deleted. */
  readonly to: number | null;
}

export interface RestoreReport extends Readonly<RestoreCounts> {
  readonly at: Point;
  readonly dryRun: boolean;
  /** In a dry run, what would be done to the first thousand documents. */
  readonly actions: readonly RestoreAction[];
  /** The first thousand documents that could not be restored, and why. They are as they were. */
  readonly failures: readonly { readonly id: unknown; readonly error: unknown }[];
}

const MAX_LISTED = 1_000;
const PAGE_SIZE = 100;

/**
 * Takes a collection, or the part of it that a filter selects, back to its state as of an instant. Each document is
 * restored by a version of its own, in a transaction that also holds what it supersedes; those that are in that state
 * already get none. So a run that was cut short is finished by running it again, and writers need not stop meanwhile.
 *
 * @param filter of the documents of one tenant, where tenants share the collection
 * @param tenant that one
 */
export async function restoreCollection(
  committer: Committer,
  at: Point,
  filter: Filter,
  options: RestoreCollectionOptions = {},
  tenant?: string,
): Promise<RestoreReport> {
  const { actor, reason, functionId, dryRun = false, born = 'delete', pageSize = PAGE_SIZE, onProgress } = options;
  const scope: RestoreScope = { tenant, at, filter, born, pageSize };
  const run = new Run(committer, scope, effectiveOptions({ actor, reason, functionId }), dryRun);
  const total = onProgress === undefined ? 0 : await countCandidates(committer.store, scope);
  // While one page is committed the next one is planned.
  let committing = Promise.resolve();
  for await (const page of restorePlan(committer.store, scope)) {
    await committing;
    committing = run.carryOut(page);
    committing.catch(() => undefined);
    onProgress?.({ ...run.counts, done: run.done, total: Math.max(total, run.done) });
  }
  await committing;
  await run.tryAgain();
  onProgress?.({ ...run.counts, done: run.done, total: run.done });
  return run.report();
}

/** One run over the plan: what it has done so far. */
class Run {
  readonly counts: RestoreCounts = { restored: 0, recreated: 0, deleted: 0, kept: 0, unchanged: 0, failed: 0 };
  readonly #committer: Committer;
  readonly #scope: RestoreScope;
  readonly #chronos: ChronosWriteOptions;
  readonly #dryRun: boolean;
  readonly #actions: RestoreAction[] = [];
  #failures: { id: unknown; error: unknown }[] = [];
  #done = 0;

  constructor(committer: Committer, scope: RestoreScope, chronos: ChronosWriteOptions, dryRun: boolean) {
    this.#committer = committer;
    this.#scope = scope;
    this.#chronos = chronos;
    this.#dryRun = dryRun;
  }

  get done(): number {
    return this.#done;
  }

  /** All steps of a page are handed over at once, so that they share transactions. */
  async carryOut({ looked, steps }: PlannedPage): Promise<void> {
    await Promise.all(steps.map((step) => this.#carryOut(step)));
    this.#done += looked;
  }

  /** A unique value may have been taken by a document that has given it back only later in the run. */
  async tryAgain(): Promise<void> {
    for (let before = Number.POSITIVE_INFINITY; this.#failures.length < before; ) {
      before = this.#failures.length;
      const again = this.#failures.filter(({ error }) => isDuplicateKey(error));
      this.#failures = this.#failures.filter(({ error }) => !isDuplicateKey(error));
      this.counts.failed -= again.length;
      for (const { id } of again) {
        const step = await replanned(this.#committer.store, this.#scope, id);
        if (step !== undefined) await this.#carryOut(step);
      }
    }
  }

  report(): RestoreReport {
    const { counts } = this;
    const failures = this.#failures.map(({ id, error }) => ({ id: shownId(id), error }));
    return { ...counts, at: this.#scope.at, dryRun: this.#dryRun, actions: this.#actions, failures };
  }

  async #carryOut(step: PlannedStep): Promise<void> {
    if (this.#dryRun) return this.#note(step);
    try {
      await this.#write(step);
      this.#count(step);
    } catch (error) {
      // What is wrong with one document says nothing of the others; a lost connection does.
      const { store } = this.#committer;
      const isOfTheDocument = error instanceof DocumentTooLargeError || error instanceof VersionNotFoundError;
      if (!isRefusal(store, error) && !isOfTheDocument) throw error;
      this.counts.failed += 1;
      if (this.#failures.length < MAX_LISTED) this.#failures.push({ id: idOf(step), error });
    }
  }

  async #write(step: PlannedStep): Promise<void> {
    switch (step.action) {
      case 'restore':
      case 'recreate':
        await bringBack(this.#committer, step.version, this.#chronos);
        return;
      case 'delete': {
        const filter: Filter = { _id: { $eq: step.id as never } };
        const write = { kind: 'delete', method: 'deleteOne', filter, chronos: this.#chronos, options: {} } as const;
        await this.#committer.write(write);
      }
    }
  }

  #note(step: PlannedStep): void {
    this.#count(step);
    if (this.#actions.length === MAX_LISTED) return;
    const { action, ov } = step;
    if (action === 'delete') this.#actions.push({ id: shownId(step.id), action, from: ov, to: null });
    if (action === 'restore' || action === 'recreate') {
      this.#actions.push({ id: shownId(step.version.id), action, from: ov, to: step.version.ov });
    }
  }

  #count({ action }: PlannedStep): void {
    this.counts[COUNTED_AS[action]] += 1;
  }
}

const COUNTED_AS = {
  restore: 'restored',
  recreate: 'recreated',
  delete: 'deleted',
  keep: 'kept',
  none: 'unchanged',
} as const;

function idOf(step: PlannedStep): unknown {
  return 'version' in step ? step.version.id : step.id;
}
