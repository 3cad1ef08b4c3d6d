import { finishErasures } from '../commit/erase-document.ts';
import { erasuresUnderWay } from '../commit/erasures.ts';
import { continued, lastBefore } from '../commit/past-life.ts';
import type { Store } from '../commit/store.ts';
import { inTransaction, type Transaction } from '../commit/transaction.ts';
import { tombstoneRecord } from '../commit/version-record.ts';
import { ensureVersions, forgetVersions } from '../commit/versions-collection.ts';
import { settleManifests } from '../retention/doomed-manifests.ts';
import { tenantOf } from '../row-id.ts';
import type { VersionFields } from '../types.ts';
import { allHistories, historyOf, type IdRange } from './histories.ts';
import type { FindingKind, StoredHistory } from './judge.ts';
import { isHarmless, judgeIn, settledFindings, type VerifyReport, verify } from './verify.ts';

/** What was repaired, and how the collection is now. */
export interface RecoverReport extends VerifyReport {
  /** How many documents or indexes were repaired, by what was wrong with them. */
  readonly repaired: Readonly<Partial<Record<FindingKind, number>>>;
}

/**
 * Repairs what a writer that does not keep history has left behind, so that each document's numbers go on and each
 * deletion is on record. What is lost stays lost, and is marked as a gap. Versions are never rewritten: other damage to
 * the history collection is left as it is and reported.
 *
 * Erasures that were cut short are finished, as far as this model has the object storage for it. Any other crash needs no repair, since heads and versions are written in one
 * transaction. Doing it again writes nothing. Objects are for `verify()` to look at.
 */
export async function recover(store: Store, ids?: IdRange): Promise<RecoverReport> {
  store.payload?.drain();
  if (store.retention?.rollup !== undefined) await settleManifests(store, tenantOf(ids?.$gte));
  const repaired: Partial<Record<FindingKind, number>> = {};
  const count = (kind: FindingKind, number = 1) => {
    repaired[kind] = (repaired[kind] ?? 0) + number;
  };
  const erasures = await erasuresUnderWay(store, ids);
  await finishErasures(store, erasures);
  const finished = erasures.length - (await erasuresUnderWay(store, ids)).length;
  if (finished > 0) count('unfinished-erasure', finished);
  const { counts } = await verify(store, { limit: 0, objects: false }, ids);
  if (counts['missing-index'] !== undefined) {
    forgetVersions(store);
    await ensureVersions(store, undefined);
    count('missing-index', counts['missing-index']);
  }
  if (!REPAIRABLE.some((kind) => counts[kind] !== undefined))
    return { ...(await verify(store, { objects: false }, ids)), repaired };
  for await (const history of allHistories(store, () => undefined, ids)) {
    const findings = await settledFindings(store, history);
    if (findings.every(isHarmless)) continue;
    const kind = await inTransaction(store, undefined, (tx) => repair(store, tx, history.id));
    if (kind !== undefined) count(kind);
  }
  return { ...(await verify(store, { objects: false }, ids)), repaired };
}

const REPAIRABLE: readonly FindingKind[] = ['unversioned-head', 'reset-head', 'missing-tombstone'];

async function repair(store: Store, tx: Transaction, id: unknown): Promise<FindingKind | undefined> {
  const history = await historyOf(store, id, tx.session);
  const kind = judgeIn(store, history).find((finding) => REPAIRABLE.includes(finding.kind))?.kind;
  if (kind === 'missing-tombstone') await addTombstone(store, tx, history);
  else if (kind !== undefined) await renumberHead(store, tx, history);
  return kind;
}

/** The head goes on after its last version, as the next write to it would have it. */
async function renumberHead(store: Store, tx: Transaction, { id, head, records }: StoredHistory): Promise<void> {
  const system = continued(head ?? { ov: 0 }, records.at(-1) as VersionFields);
  await store.head.updateOne({ _id: { $eq: id as never } }, { $set: { _system: system } }, { session: tx.session });
}

/**
 * The document that vanished had a number and left no record, so that the deletion has the one after it. When it
 * vanished nobody knows; since its last known version ended there is nothing to show.
 */
async function addTombstone(store: Store, tx: Transaction, { id, records }: StoredHistory): Promise<void> {
  const last = records.at(-1) as VersionFields;
  const { ov, from, functionIds, erased } = lastBefore(last);
  const deletedAt = from ?? store.clock.now();
  const tombstone: VersionFields = {
    ov: ov + 1,
    op: 'DELETE',
    ...(last.insertedAt === undefined ? {} : { insertedAt: last.insertedAt }),
    updatedAt: deletedAt,
    deleted: true,
    deletedAt,
    gap: true,
    ...(functionIds === undefined ? {} : { functionIds }),
    ...(erased === undefined ? {} : { erased }),
  };
  await store.versions.insertOne(tombstoneRecord(store, id, tombstone) as never, {
    session: tx.session,
    forceServerObjectId: true,
  });
}
