import { collectionPrefix, isPayloadKey } from '../payload/payload-key.ts';
import { listAll, type ObjectFacts, type PayloadStore } from '../payload/payload-store.ts';
import { eachAtOnce } from './at-once.ts';
import { condemn } from './condemned.ts';
import { deleteObject } from './delete-object.ts';
import { KeyFilter } from './key-filter.ts';
import { requireNotOthers, requireOwned, storesOf, timeOf } from './owner.ts';
import { type Place, placesOf } from './places.ts';
import { referredKeys } from './references.ts';
import type { Offloading } from './upload-row.ts';

/** What a sweep has looked at and removed; in a dry run, what it would remove. */
export interface SweepCounts {
  /** Objects looked at. */
  readonly objects: number;
  /** Objects that nothing refers to. */
  readonly orphans: number;
  /** Their length, in bytes. */
  readonly bytes: number;
  /** Those of them that the store is not allowed to delete yet: they are under a retention or a legal hold. */
  readonly retained: number;
  /** Uploads that were interrupted, whose parts are gone; counted in a real run alone. */
  readonly interrupted: number;
}

export const NOTHING_SWEPT: SweepCounts = { objects: 0, orphans: 0, bytes: 0, retained: 0, interrupted: 0 };

export interface SweepRun {
  /** Limits it to the objects of one of the tenants that share the collection. */
  readonly tenant?: string | undefined;
  /** Objects younger than this stay, in milliseconds: somebody may be about to refer to them. */
  readonly graceMs: number;
  readonly dryRun: boolean;
  /** Told of each object that nothing refers to. */
  readonly onOrphan: (key: string) => void;
  /** Told after each page. */
  readonly onProgress: (counts: SweepCounts) => void;
}

/** Keys of one look for references. */
const BATCH_KEYS = 50_000;
const PAGE = 1_000;
const AT_ONCE = 16;
/** Of a document's versions some have a blob or two. */
const KEYS_PER_VERSION = 2;

/**
 * Removes what is left of a collection's objects and nothing refers to: of uploads that were cut short, of versions that
 * are gone.
 *
 * 1. All references are read once, into a filter of fixed size.
 * 2. The objects are listed. Of those that are old enough, the filter does not know almost all that are not referred to;
 *    of the others it takes a few for known, which the next sweep finds.
 * 3. What it does not know is condemned, and looked for among the references once more: see `condemned.ts`.
 * 4. What still nobody refers to is removed, with all versions of it that the store keeps.
 *
 * That is done where the collection has its objects, and where it once had them. Ages are told by the store's own clock,
 * but in a dry run, which writes nothing, by that of this process. A crash after any step leaves what the next sweep
 * removes.
 */
export async function sweepObjects(target: Offloading, run: SweepRun): Promise<SweepCounts> {
  for (const store of storesOf(target)) await (run.dryRun ? requireNotOthers : requireOwned)(target, store);
  const sweep = new Sweep(target, run);
  const { open } = await placesOf(target);
  const known = await knownKeys(target);
  for (const place of open) await sweep.sweep(place, known);
  return sweep.counts;
}

async function knownKeys(target: Offloading): Promise<KeyFilter> {
  const { head, versions } = target;
  const rows = (await head.estimatedDocumentCount()) + (await versions.estimatedDocumentCount());
  const filter = new KeyFilter(rows * KEYS_PER_VERSION);
  for await (const key of referredKeys(target)) filter.add(key);
  return filter;
}

type Counts = { -readonly [K in keyof SweepCounts]: SweepCounts[K] };

class Sweep {
  readonly counts: Counts = { ...NOTHING_SWEPT };
  readonly #target: Offloading;
  readonly #run: SweepRun;

  constructor(target: Offloading, run: SweepRun) {
    this.#target = target;
    this.#run = run;
  }

  async sweep(place: Place, known: KeyFilter): Promise<void> {
    const { dryRun, graceMs, tenant } = this.#run;
    const { store, address } = place;
    const prefix = collectionPrefix(tenant === undefined ? address : { ...address, tenant });
    const now = dryRun ? new Date() : await timeOf(place, store);
    const before = new Date(now.getTime() - graceMs);
    if (!dryRun) this.counts.interrupted += await store.sweepInterrupted(before, { prefix });
    let batch: ObjectFacts[] = [];
    for await (const object of this.#candidates(store, prefix, before)) {
      if (known.mayHave(object.key)) continue;
      batch.push(object);
      if (batch.length < BATCH_KEYS) continue;
      await this.#remove(store, batch);
      batch = [];
    }
    await this.#remove(store, batch);
    this.#run.onProgress({ ...this.counts });
  }

  /** Objects of the collection's documents that are old enough. */
  async *#candidates(store: PayloadStore, prefix: string, before: Date): AsyncGenerator<ObjectFacts> {
    for await (const object of listAll(store, prefix, { allVersions: true })) {
      if (!this.#isOwn(object.key.slice(prefix.length))) continue;
      this.counts.objects += 1;
      if (this.counts.objects % PAGE === 0) this.#run.onProgress({ ...this.counts });
      if (object.modified <= before) yield object;
    }
  }

  /** Tenants of a shared collection come before the ids. */
  #isOwn(rest: string): boolean {
    const isOfAll = this.#target.isShared && this.#run.tenant === undefined;
    return isPayloadKey(isOfAll ? rest.slice(rest.indexOf('/') + 1) : rest);
  }

  async #remove(store: PayloadStore, batch: readonly ObjectFacts[]): Promise<void> {
    if (batch.length === 0) return;
    const orphans = new Map(batch.map((object) => [object.key, object]));
    if (!this.#run.dryRun) await condemn(this.#target, orphans.keys());
    for await (const key of referredKeys(this.#target)) orphans.delete(key);
    await eachAtOnce(orphans.values(), AT_ONCE, async ({ key, length }) => {
      if (!this.#run.dryRun && (await deleteObject(store, key)) === 'retained') this.counts.retained += 1;
      this.counts.orphans += 1;
      this.counts.bytes += length;
      this.#run.onOrphan(key);
    });
  }
}
