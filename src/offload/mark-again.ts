import type { mongo } from 'mongoose';
import { keepingPart, type PayloadMap } from '../payload/payload-map.ts';
import type { RawDocument } from '../types.ts';
import { eachAtOnce } from './at-once.ts';
import { partToKeep, replaced } from './mark-processed.ts';
import type { PlanContext } from './read-plan.ts';
import { type Row, rowOf } from './row.ts';
import { ToleratedFailures } from './tolerated-failures.ts';
import type { Offloading } from './upload-row.ts';

const AT_ONCE = 8;
const BATCH_ROWS = 100;
const PROCESSED = { '_system.state': 'processed' } as mongo.Filter<RawDocument>;

/** Whether anything of a collection is in MongoDB only in part. */
export async function hasProcessed({ head, versions }: Offloading): Promise<boolean> {
  const found = [head, versions].map((one) => one.findOne(PROCESSED, { projection: { _id: 1 } }));
  return (await Promise.all(found)).some((row) => row !== null);
}

/**
 * Leaves of all versions that are processed in MongoDB what is to be kept of them now. It is no change of any document,
 * and makes no version.
 *
 * @returns that it was done
 * @throws StorageError in the end, if some of them could not be read
 */
export async function markAgain(target: Offloading, present: PlanContext['present']): Promise<true> {
  const failures = new ToleratedFailures();
  await eachAtOnce(processedRows(target), AT_ONCE, async (row) => {
    await failures.run(() => markedAgain(target, present, row));
  });
  failures.end();
  return true;
}

async function markedAgain(target: Offloading, present: PlanContext['present'], row: Row): Promise<boolean> {
  const map = await target.kept.marking();
  const now = await present(row.bytes);
  // It is another version by now, which was whole, and was marked by what is to be kept now if it was.
  if (now?.row !== row.bytes) return false;
  return replaced(target, row, partAgain(row, now.document, map));
}

/** What is to stay of a processed version now. What is a blob by now, but was stored as a property, stays one. */
export function partAgain(row: Row, whole: Uint8Array, map: PayloadMap): Uint8Array {
  return partToKeep(row, whole, map) ?? partToKeep(row, whole, keepingPart(map, { ...map, blobPaths: [] })) ?? whole;
}

/** Heads first: one that is superseded meanwhile comes as a record. */
async function* processedRows({ head, versions, bson }: Offloading): AsyncGenerator<Row> {
  for (const collection of [head, versions]) {
    for await (const bytes of collection.find(PROCESSED, { raw: true, sort: { _id: 1 }, batchSize: BATCH_ROWS })) {
      yield rowOf(bson, bytes as unknown as Uint8Array, collection === head);
    }
  }
}
