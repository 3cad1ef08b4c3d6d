import { decodeExact } from '../bson/exact.ts';
import type { PayloadMap } from '../payload/payload-map.ts';
import { splitDocument } from '../payload/split-document.ts';
import { MAJORITY } from '../system/majority.ts';
import { overwrite } from '../system/overwrite.ts';
import type { RawDocument } from '../types.ts';
import { eachAtOnce } from './at-once.ts';
import { isCondemned } from './condemned.ts';
import { flipState } from './flip-state.ts';
import { isStored } from './is-stored.ts';
import { idsIn, rowsIn, supersededIn } from './outbox.ts';
import { keysOf } from './references.ts';
import { inState, type Row, stillThere } from './row.ts';
import { ToleratedFailures } from './tolerated-failures.ts';
import { knownBlob, type Offloading, repairRow } from './upload-row.ts';

/** What became of versions whose payload is to leave MongoDB. */
export interface MarkReport {
  /** Versions of which only the part to search by is left in MongoDB; in a dry run, of which it would be. */
  readonly itemsProcessed: number;
  readonly dryRun: boolean;
}

const PAGE = 200;
const AT_ONCE = 8;

/**
 * Marks all versions that are stored and were written before an instant. Those whose objects cannot be read stay.
 *
 * @throws StorageError in the end, if there were such
 */
export async function markDue(target: Offloading, until: Date, dryRun: boolean): Promise<number> {
  const failures = new ToleratedFailures();
  const isDue = ({ system }: Row) => system.updatedAt === undefined || system.updatedAt <= until;
  let count = 0;
  for await (const ids of idsIn(target, 'new', until, PAGE)) {
    count += await markRows(target, rowsIn(target, 'new', ids), failures, { isMeant: isDue, dryRun });
  }
  failures.end();
  return count;
}

/** Marks the versions of some documents that are stored. */
export async function markDocuments(
  target: Offloading,
  ids: readonly unknown[],
  isMeant: (row: Row) => boolean,
  dryRun: boolean,
): Promise<number> {
  const failures = new ToleratedFailures();
  const count = await markRows(target, rowsIn(target, 'new', ids), failures, { isMeant, dryRun });
  failures.end();
  return count;
}

/** Marks all superseded versions that are stored. */
export async function markAllSuperseded(target: Offloading): Promise<void> {
  const failures = new ToleratedFailures();
  for await (const ids of idsIn(target, 'new', undefined, PAGE, [target.versions])) {
    await markRows(target, supersededIn(target, 'new', ids), failures);
  }
  failures.end();
}

/** Marks the superseded versions of some documents that are stored. */
export async function markSuperseded(target: Offloading, ids: readonly unknown[]): Promise<void> {
  const failures = new ToleratedFailures();
  await markRows(target, supersededIn(target, 'new', ids), failures);
  failures.end();
}

async function markRows(
  target: Offloading,
  rows: AsyncIterable<Row>,
  failures: ToleratedFailures,
  { isMeant = () => true, dryRun = false }: { isMeant?: (row: Row) => boolean; dryRun?: boolean } = {},
): Promise<number> {
  let count = 0;
  await eachAtOnce(rows, AT_ONCE, async (row) => {
    if (isMeant(row) && (dryRun || (await failures.run(() => markRow(target, row))))) count += 1;
  });
  return count;
}

/**
 * Leaves of a version in MongoDB only the part to search by, once it is certain that the whole can be had: its objects
 * are there, and are what was stored. It is no change of the document, and makes no version.
 *
 * @param found the row as MongoDB has it, where it had no room for what it refers to
 * @returns whether it was done: a row that has become another version meanwhile stays as it is. One whose objects are not
 *   what they were, or are condemned, is stored again instead, and can be marked then
 */
export async function markRow(target: Offloading, row: Row, found: Row = row): Promise<boolean> {
  const { stores } = target;
  // In this order: an object that is condemned later has a reference, and stays.
  if ((await isCondemned(target, keysOf(row.system))) || !(await isStored(stores, row.system))) {
    await repairRow(target, row);
    return false;
  }
  const left = partToKeep(row, row.bytes, await target.kept.marking());
  // One that was stored before a property of it became a blob is stored again.
  if (left !== undefined) return replaced(target, found, left);
  await repairRow(target, row);
  return false;
}

/**
 * What is to stay of a version in MongoDB; undefined where it has blobs that it does not refer to.
 *
 * @param whole the row with all of its document
 */
export function partToKeep({ system }: Row, whole: Uint8Array, map: PayloadMap): Uint8Array | undefined {
  let isComplete = true;
  const locate = (blob: Parameters<typeof knownBlob>[0]) => {
    const known = knownBlob(blob, [system]);
    if (known === undefined) isComplete = false;
    return known ?? NOWHERE;
  };
  const { inline } = splitDocument(whole, { map, locate });
  return isComplete ? inline : undefined;
}

const NOWHERE = { contentBucket: '', blobKey: '' } as const;

/** Leaves a part of a version in MongoDB in its place. @returns whether it still was the same */
export async function replaced(target: Offloading, found: Row, part: Uint8Array): Promise<boolean> {
  const { bson, head, versions } = target;
  const left = decodeExact(bson, inState(bson, part, 'processed')) as RawDocument;
  const collection = found.isHead ? head : versions;
  const { matchedCount } = await flipState((options) =>
    overwrite(collection, stillThere(found), left, { ...options, ...MAJORITY }),
  );
  return matchedCount > 0;
}
