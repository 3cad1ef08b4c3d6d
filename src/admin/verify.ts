import type { mongo } from 'mongoose';
import { type Erasure, erasuresUnderWay } from '../commit/erasures.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { versionIndexes } from '../commit/versions-collection.ts';
import { readFloor } from '../retention/floor.ts';
import { keptRecords } from '../retention/kept-records.ts';
import { mayBeDropped } from '../retention/require-kept.ts';
import { shownId } from '../row-id.ts';
import { allHistories, historyOf, type IdRange } from './histories.ts';
import { type Finding, type FindingKind, judge, type StoredHistory } from './judge.ts';
import { ObjectCheck } from './verify-objects.ts';

/** How a collection is verified. */
export interface VerifyOptions {
  /**
   * How many findings are listed. All of them are counted.
   * @default 1000
   */
  readonly limit?: number | undefined;
  /**
   * Where payloads are in object storage: whether the objects that versions refer to are read and checked by their
   * SHA-256. Otherwise it is asked whether they are there and as long as they were; with `false` not even that.
   */
  readonly objects?: boolean | undefined;
  /** Called after every thousand documents, with how many have been looked at. */
  readonly onProgress?: ((documents: number) => void) | undefined;
}

/** What a verification has found. */
export interface VerifyReport {
  /** Whether nothing is wrong. Gaps that are marked as such and a missing storage option are told, but are not wrong. */
  readonly ok: boolean;
  /** Documents looked at, living and deleted. */
  readonly documents: number;
  /** Versions looked at, current ones and tombstones included. */
  readonly versions: number;
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  readonly findings: readonly Finding[];
}

const MAX_LISTED = 1_000;
const HARMLESS: ReadonlySet<FindingKind> = new Set(['gap', 'implicit-collection']);

/**
 * Reads the bookkeeping of a whole collection and reports what no commit of this library leaves behind: the work of
 * writers that do not keep history, and of whatever has befallen its objects. It takes no lock, and no more memory for
 * more documents.
 *
 * @throws StorageError where object storage does not answer
 */
export async function verify(store: Store, options: VerifyOptions = {}, ids?: IdRange): Promise<VerifyReport> {
  const report = new Report(options.limit ?? MAX_LISTED);
  for (const finding of await judgeCollection(store)) report.add(finding);
  for (const finding of await unfinishedErasures(store, ids)) report.add(finding);
  const objects = objectCheck(store, options.objects, (finding) => report.add(finding));
  for await (const history of allHistories(store, (row) => report.add(orphan(row)), ids)) {
    report.count(history);
    for (const finding of await settledFindings(store, history)) report.add(finding);
    await objects?.add(history);
    if (report.documents % 1_000 === 0) options.onProgress?.(report.documents);
  }
  await objects?.end();
  return report.result();
}

function objectCheck(
  store: Store,
  asked: boolean | undefined,
  onFinding: (finding: Finding) => void,
): ObjectCheck | undefined {
  if (store.payload === undefined || asked === false) return undefined;
  return new ObjectCheck(store, store.payload, asked === true, onFinding);
}

/**
 * What is wrong with a history as it was read, if that is still so in a snapshot: a commit may have come between the
 * reads of its parts.
 */
export async function settledFindings(store: Store, history: StoredHistory): Promise<Finding[]> {
  const suspected = judgeIn(store, history);
  if (suspected.every(isHarmless)) return suspected;
  const session = store.client.startSession({ snapshot: true });
  try {
    const settled = await withKept(store, await historyOf(store, history.id, session));
    const floor = await readFloor(store, tenantOfId(store, history.id), session);
    return judgeIn(store, settled, ({ updatedAt }) => mayBeDropped(floor, new Date((updatedAt?.getTime() ?? 0) - 1)));
  } finally {
    await session.endSession();
  }
}

/** While no versions are kept, none of a document that is deleted is, and one that comes back begins anew. */
const UNKEPT: ReadonlySet<FindingKind> = new Set(['missing-tombstone', 'reset-head']);

/** What is wrong with a history, for a collection that keeps versions or does not. */
export function judgeIn({ versioning }: Store, ...history: Parameters<typeof judge>): Finding[] {
  return judge(...history).filter(({ kind }) => versioning || !UNKEPT.has(kind));
}

/** A history with those of its versions that are in manifests. */
async function withKept(store: Store, history: StoredHistory): Promise<StoredHistory> {
  const stored = new Set(history.records.map(({ ov }) => ov));
  const kept = (await keptRecords(store, history.id)).filter(({ ov }) => !stored.has(ov));
  if (kept.length === 0) return history;
  const records = [...kept.map(({ system }) => system), ...history.records].sort((a, b) => a.ov - b.ov);
  return { ...history, records };
}

export function isHarmless({ kind }: Finding): boolean {
  return HARMLESS.has(kind);
}

/** Findings, listed up to a limit and counted beyond it. */
export class Report {
  readonly #limit: number;
  readonly #findings: Finding[] = [];
  readonly #counts: Partial<Record<FindingKind, number>> = {};
  #documents = 0;
  #versions = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get documents(): number {
    return this.#documents;
  }

  add(finding: Finding): void {
    this.#counts[finding.kind] = (this.#counts[finding.kind] ?? 0) + 1;
    if (this.#findings.length < this.#limit) this.#findings.push(shown(finding));
  }

  count({ head, records }: StoredHistory): void {
    this.#documents += 1;
    this.#versions += records.length + (head === undefined ? 0 : 1);
  }

  result(): VerifyReport {
    const kinds = Object.keys(this.#counts) as FindingKind[];
    return {
      ok: kinds.every((kind) => HARMLESS.has(kind)),
      documents: this.#documents,
      versions: this.#versions,
      counts: this.#counts,
      findings: this.#findings,
    };
  }
}

function shown(finding: Finding): Finding {
  return 'id' in finding ? { ...finding, id: shownId(finding.id) } : finding;
}

async function unfinishedErasures(store: Store, ids: IdRange | undefined): Promise<Finding[]> {
  const erasures = await erasuresUnderWay(store, ids);
  if (erasures.length === 0) return [];
  const closed = (await store.objects?.closedPlaces()) ?? [];
  return erasures.map((erasure) => unfinished(store, erasure, closed));
}

function unfinished(store: Store, { id, ov, objects }: Erasure, closed: readonly string[]): Finding {
  const isForOthers = objects === true && store.objects === undefined;
  const isElsewhere = closed.length > 0 ? `: there may be objects in the ${closed.join(' and the ')}` : '';
  const rest = isForOthers ? ': its objects are for a model that has payload' : isElsewhere;
  return { kind: 'unfinished-erasure', id, ov, detail: `Erased up to version ${ov}, but not yet everywhere${rest}` };
}

function orphan(id: unknown): Finding {
  return { kind: 'orphan', id, detail: 'A row of the history collection that is no version record' };
}

/** A history collection that does not exist yet lacks nothing: the first write creates it. */
async function judgeCollection(store: Store): Promise<Finding[]> {
  if (!store.versioning) return [];
  const { db } = store.versions as unknown as { db: mongo.Db };
  const [info] = await db.listCollections({ name: store.versions.collectionName }).toArray();
  if (info === undefined) return [];
  const { options } = info as { options?: { storageEngine?: unknown } };
  const findings: Finding[] =
    options?.storageEngine === undefined
      ? [{ kind: 'implicit-collection', detail: `${store.versions.collectionName} has no storage options` }]
      : [];
  return [...findings, ...(await missingIndexes(store))];
}

async function missingIndexes(store: Store): Promise<Finding[]> {
  const present = (await store.versions.indexes()).map(({ key, unique }) => indexName(key, unique === true));
  return versionIndexes(store)
    .map(([keys, options]) => indexName(keys, options.unique === true))
    .filter((name) => !present.includes(name))
    .map((name) => ({ kind: 'missing-index', detail: `${store.versions.collectionName} has no index ${name}` }));
}

function indexName(keys: mongo.IndexSpecification, unique: boolean): string {
  return `${unique ? 'unique ' : ''}${JSON.stringify(keys)}`;
}
