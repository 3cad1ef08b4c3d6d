import { topLevel } from '../bson/exact.ts';
import type { Filter } from '../commit/captured-write.ts';
import { beginErasure, contentOf, type Erased, finishErasures } from '../commit/erase-document.ts';
import { countResults, erasuresUnderWay } from '../commit/erasures.ts';
import { areSomeHeld, requireNoneHeld } from '../commit/held.ts';
import type { Store } from '../commit/store.ts';
import { type Confirmation, requireConfirmed } from '../confirmed.ts';
import { effectiveOptions } from '../context.ts';
import { keptRecords } from '../retention/kept-records.ts';
import { shownId } from '../row-id.ts';
import type { Attribution } from '../types.ts';
import type { IdRange } from './histories.ts';

/** Which documents to erase: by their ids, living or deleted, or the living ones that a filter matches. */
export type HardDeleteTarget =
  | { readonly id: unknown }
  | { readonly ids: readonly unknown[] }
  | { readonly filter: Readonly<Record<string, unknown>> };

/** How documents are erased. The actor and the reason stay, in the proof. */
export interface HardDeleteOptions extends Attribution, Confirmation {
  /** Called after every hundred documents. */
  readonly onProgress?: ((progress: HardDeleteProgress) => void) | undefined;
}

export interface HardDeleteProgress extends Erased {
  /** Documents erased so far. */
  readonly documents: number;
  /** Documents looked at so far. */
  readonly done: number;
  /** About how many there are. */
  readonly total: number;
}

/** What was erased, or in a dry run would be. */
export interface HardDeleteReport extends Erased {
  readonly documents: number;
  readonly dryRun: boolean;
  /** The ids of the first thousand documents. */
  readonly ids: readonly unknown[];
}

/** The same as what is stored: the ids of documents, or a filter over heads. */
export type ErasureTargets = { readonly ids: readonly unknown[] } | { readonly filter: Filter };

const MAX_LISTED = 1_000;
const BATCH = 100;

/**
 * Erases documents with all of their history, so that nothing of their content is left in the collections of the
 * database or in object storage. Of each a proof stays that it was erased, by whom, when and why, which `history` shows
 * and from which its numbers go on if its id comes back.
 *
 * A run that was cut short is finished by any later one, or by `recover()`. Where one of the documents is held, none is
 * erased; if it comes to be held only while they are, those that come after it stay.
 *
 * @param ids limits what is finished to the documents of these ids
 * @throws LegalHoldError
 */
export async function hardDelete(
  store: Store,
  target: ErasureTargets,
  options: HardDeleteOptions,
  ids?: IdRange,
): Promise<HardDeleteReport> {
  const { dryRun = false, onProgress, actor, reason } = options;
  requireConfirmed(`erase documents of ${store.head.collectionName}`, options);
  await requireNoTargetHeld(store, target);
  const run = new Run(dryRun);
  const total = onProgress === undefined ? 0 : await countTargets(store, target);
  if (!dryRun) run.add(await finishErasures(store, await erasuresUnderWay(store, ids)));
  let done = 0;
  for await (const batch of batchesOf(store, target)) {
    const step = dryRun ? countBatch(store, batch, run) : eraseBatch(store, batch, { actor, reason }, run);
    run.add(await step);
    done += batch.length;
    const { ids: _ids, dryRun: _dry, ...counts } = run.report();
    onProgress?.({ ...counts, done, total: Math.max(total, done) });
  }
  return run.report();
}

/** What one run has done so far. */
class Run {
  readonly #dryRun: boolean;
  readonly #ids: unknown[] = [];
  #documents = 0;
  #counts: Erased = { versions: 0, results: 0, objects: 0, retained: 0, unreachable: [] };

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  list(id: unknown): void {
    this.#documents += 1;
    if (this.#ids.length < MAX_LISTED) this.#ids.push(shownId(id));
  }

  add({ versions, results, objects, retained, unreachable }: Erased): void {
    const counts = this.#counts;
    this.#counts = {
      versions: counts.versions + versions,
      results: counts.results + results,
      objects: counts.objects + objects,
      retained: counts.retained + retained,
      unreachable: [...new Set([...counts.unreachable, ...unreachable])],
    };
  }

  report(): HardDeleteReport {
    return { dryRun: this.#dryRun, documents: this.#documents, ...this.#counts, ids: this.#ids };
  }
}

async function eraseBatch(store: Store, ids: readonly unknown[], attribution: Attribution, run: Run): Promise<Erased> {
  const begun = [];
  let versions = 0;
  try {
    for (const id of ids) {
      const one = await beginErasure(store, id, { options: effectiveOptions(attribution) });
      if (one === undefined) continue;
      begun.push(one.erasure);
      versions += one.versions;
      run.list(id);
    }
  } catch (error) {
    await finishErasures(store, begun);
    throw error;
  }
  const rest = await finishErasures(store, begun);
  return { ...rest, versions: versions + rest.versions };
}

async function countBatch(store: Store, ids: readonly unknown[], run: Run): Promise<Erased> {
  let versions = 0;
  for (const id of ids) {
    const heads = await store.head.countDocuments({ _id: { $eq: id as never } });
    const records = await store.versions.countDocuments({ ...contentOf(id), '_system.thawed': { $exists: false } });
    const own = heads + records + (await keptRecords(store, id)).length;
    if (own > 0) run.list(id);
    versions += own;
  }
  return { versions, results: await countResults(store, ids), objects: 0, retained: 0, unreachable: [] };
}

async function requireNoTargetHeld(store: Store, target: ErasureTargets): Promise<void> {
  if (!(await areSomeHeld(store))) return;
  for await (const batch of batchesOf(store, target)) await requireNoneHeld(store, batch);
}

async function countTargets(store: Store, target: ErasureTargets): Promise<number> {
  return 'ids' in target ? target.ids.length : store.head.countDocuments(target.filter);
}

async function* batchesOf(store: Store, target: ErasureTargets): AsyncGenerator<readonly unknown[]> {
  let batch: unknown[] = [];
  for await (const id of 'ids' in target ? target.ids : idsOf(store, target.filter)) {
    batch.push(id);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Ids of the very types they are stored with, in an order that writes made meanwhile cannot upset. */
async function* idsOf(store: Store, filter: Filter): AsyncGenerator<unknown> {
  const inOrder = { sort: { _id: 1 }, hint: { _id: 1 }, batchSize: BATCH } as const;
  const heads = store.head.find(filter, { ...inOrder, projection: { _id: 1 }, raw: true });
  for await (const bytes of heads) yield topLevel(store.bson, bytes as unknown as Uint8Array, '_id');
}
