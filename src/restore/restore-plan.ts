import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { preImage } from '../commit/version-record.ts';
import { storedVersionAt, whole } from '../history/document-history.ts';
import type { Point } from '../history/instant.ts';
import { both, headCurrentAt, recordCurrentAt, recordEndsAfter } from '../history/interval.ts';
import { recordFilter } from '../history/record-paths.ts';
import { requireRetained } from '../history/retained.ts';
import { wholeLength } from '../offload/whole-length.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import { BY_ID_AND_END } from '../system/version-indexes.ts';
import type { RawDocument } from '../types.ts';
import { isCurrent, type Restorable, restorable } from './restorable.ts';

/** The documents a restore is about, and the instant it takes them back to. */
export interface RestoreScope {
  /** Whose documents they are, where tenants share the collection. */
  readonly tenant: string | undefined;
  readonly at: Point;
  /** Documents that match it now, or that matched it then. */
  readonly filter: Filter;
  readonly born: 'delete' | 'keep';
  readonly pageSize: number;
}

/** What is to be done to one document. */
export type PlannedStep =
  | { readonly action: 'restore' | 'recreate' | 'none'; readonly ov: number | null; readonly version: Restorable }
  | { readonly action: 'delete' | 'keep'; readonly ov: number; readonly id: unknown };

/** Some steps, and how many documents it took to find them. */
export interface PlannedPage {
  readonly looked: number;
  readonly steps: readonly PlannedStep[];
}

/** A page of versions is bounded in bytes as well: so many of 16 MB would not fit into memory. */
const PAGE_BYTES = 8_000_000;

/**
 * Yields, page by page, what it takes to bring documents back to their state as of an instant. Documents born later
 * come first: once they are deleted, the unique values they have taken are free for those that return.
 *
 * A document that has not changed since is not looked at; each other one is read at most twice, so that memory stays
 * flat however many there are.
 *
 * @throws BeyondRetentionError where retention has dropped some of it
 */
export async function* restorePlan(store: Store, scope: RestoreScope): AsyncGenerator<PlannedPage> {
  yield* whileRetained(store, scope, changedSince);
  yield* whileRetained(store, scope, superseded);
}

/**
 * Pages that miss nothing of the past. What left before a page was looked at may be missing from it, so that such a page
 * is not carried out, and all begin anew; what is restored by then is found to be.
 */
async function* whileRetained(
  store: Store,
  scope: RestoreScope,
  read: (store: Store, scope: RestoreScope) => AsyncGenerator<PlannedPage>,
): AsyncGenerator<PlannedPage> {
  const past = { store, tenant: scope.tenant, at: scope.at };
  for (let isComplete = false; !isComplete; ) {
    await requireRetained(past);
    isComplete = true;
    for await (const page of read(store, scope)) {
      isComplete = await requireRetained(past);
      if (!isComplete) break;
      yield page;
    }
    isComplete &&= await requireRetained(past);
  }
}

/** How many documents {@link restorePlan} is going to look at. */
export async function countCandidates(store: Store, { at, filter }: RestoreScope): Promise<number> {
  const changed = await store.head.countDocuments(changedHeads(filter, at), { hint: { _id: 1 } });
  return changed + (await store.versions.countDocuments(recordsAt(filter, at), { hint: BY_ID_AND_END }));
}

/** The step for one document, as of now. */
export async function replanned(store: Store, { at }: RestoreScope, id: unknown): Promise<PlannedStep | undefined> {
  const version = await storedVersionAt(store, id, at);
  if (version === undefined) return undefined;
  return (await stepsFor(store, [restorable(store, version)]))[0];
}

/** Heads that were not current at the instant: those that had no version then, and those the filter did not match. */
async function* changedSince(store: Store, scope: RestoreScope): AsyncGenerator<PlannedPage> {
  const { tenant, at, filter, born, pageSize } = scope;
  const order = { sort: { _id: 1 }, hint: { _id: 1 } } as const;
  const heads = store.head.find(changedHeads(filter, at), { ...order, raw: true, batchSize: pageSize });
  for await (const page of pagesOf(store, heads, pageSize)) {
    await requireRetained({ store, tenant, at });
    const images = page.map((bytes) => preImage(store.bson, bytes));
    const ids = images.map(({ id }) => id);
    const lived = await livedAt(store, ids, at);
    const newborn = images.filter(({ id }) => !lived.has(idKey(id)));
    const steps = newborn.map(({ id, system }) => ({ action: born, ov: system.ov, id }) as const);
    yield { looked: page.length, steps };
    for await (const strays of straysAt(store, ids, scope)) yield { looked: 0, steps: await stepsOf(store, strays) };
  }
}

/** Which of the documents had a version at the instant. */
async function livedAt(store: Store, ids: readonly unknown[], at: Point): Promise<Set<string>> {
  const records = store.versions.find(recordsOf(ids, at), { projection: { _id: 1 } });
  return new Set((await records.toArray()).map(({ _id }) => idKey((_id as unknown as { id: unknown }).id)));
}

/** Versions of documents that the filter matches now but did not match then: they have to leave what it finds. */
async function* straysAt(
  store: Store,
  ids: readonly unknown[],
  { at, filter, pageSize }: RestoreScope,
): AsyncGenerator<Uint8Array[]> {
  if (Object.keys(filter).length === 0) return;
  const unmatched = { $nor: [recordFilter(filter)] } as Filter;
  yield* pagesOf(store, store.versions.find(both(recordsOf(ids, at), unmatched), { raw: true }), pageSize);
}

/** Versions that were current at the instant and are not any more, in the order of their documents' ids. */
async function* superseded(store: Store, { tenant, at, filter, pageSize }: RestoreScope): AsyncGenerator<PlannedPage> {
  const order = { sort: BY_ID_AND_END, hint: BY_ID_AND_END } as const;
  const records = store.versions.find(recordsAt(filter, at), { ...order, raw: true, batchSize: pageSize });
  for await (const page of pagesOf(store, records, pageSize)) {
    await requireRetained({ store, tenant, at });
    yield { looked: page.length, steps: await stepsOf(store, page) };
  }
}

async function stepsOf(store: Store, page: readonly Uint8Array[]): Promise<PlannedStep[]> {
  return stepsFor(store, await Promise.all(page.map((bytes) => restorableRecord(store, bytes))));
}

/** Holds no more than one whole head at a time. */
async function stepsFor(store: Store, versions: readonly Restorable[]): Promise<PlannedStep[]> {
  if (versions.length === 0) return [];
  const byId = new Map(versions.map((version) => [idKey(version.id), version]));
  const heads = store.head.find({ _id: { $in: versions.map(({ id }) => id) as never[] } }, { raw: true });
  const steps = new Map<Restorable, PlannedStep>();
  for await (const head of heads) {
    const { id, system, bytes } = preImage(store.bson, head as unknown as Uint8Array);
    const version = byId.get(idKey(id)) as Restorable;
    const action = isCurrent(version, await whole(store, bytes)) ? 'none' : 'restore';
    steps.set(version, { action, ov: system.ov, version });
  }
  return versions.map((version) => steps.get(version) ?? { action: 'recreate', ov: null, version });
}

async function restorableRecord(store: Store, row: Uint8Array): Promise<Restorable> {
  const bytes = await whole(store, row);
  return restorable(store, { bytes, system: systemOfBytes(store.bson, bytes), isHead: false });
}

function changedHeads(filter: Filter, at: Point): Filter {
  return both(filter, { $nor: [headCurrentAt(at)] });
}

function recordsAt(filter: Filter, at: Point): Filter {
  return recordCurrentAt(at, recordFilter(filter) as Filter);
}

function recordsOf(ids: readonly unknown[], at: Point): Filter {
  return { '_id.id': { $in: ids as never[] }, ...recordEndsAfter(at) };
}

/** Raw documents in pages, bounded in number and in the bytes that they have when they are whole. */
async function* pagesOf(
  { bson }: Store,
  cursor: mongo.FindCursor<RawDocument>,
  size: number,
): AsyncGenerator<Uint8Array[]> {
  let page: Uint8Array[] = [];
  let bytes = 0;
  for await (const document of cursor) {
    const raw = document as unknown as Uint8Array;
    page.push(raw);
    bytes += wholeLength(raw.length, systemOfBytes(bson, raw));
    if (page.length < size && bytes < PAGE_BYTES) continue;
    yield page;
    page = [];
    bytes = 0;
  }
  if (page.length > 0) yield page;
}
