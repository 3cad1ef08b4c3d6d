import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import type { DueRecord } from './due-records.ts';
import { floorWithin, LEASE_MS } from './floor.ts';
import { keptRecords } from './kept-records.ts';
import { type Asked, requireKept } from './require-kept.ts';

/**
 * The record of a version that is not in its collection, if it has left that.
 *
 * @throws BeyondRetentionError if it was dropped
 */
export async function leftRecord(store: Store, id: unknown, asked: Asked): Promise<Uint8Array | undefined> {
  const floor = await floorWithin(store, tenantOfId(store, id), LEASE_MS);
  if (floor === undefined || (asked instanceof Date && floor.until !== undefined && asked >= floor.until))
    return undefined;
  const kept = await keptRecords(store, id, typeof asked === 'number' ? undefined : asked);
  const found = kept.find((record) => isAsked(record, asked));
  if (found === undefined) await requireKept(store, id, asked);
  return found?.bytes;
}

function isAsked({ ov, system }: DueRecord, asked: Asked): boolean {
  if (typeof asked === 'number') return ov === asked;
  if (asked instanceof Date) {
    return (system.updatedAt === undefined || system.updatedAt <= asked) && system.until > asked;
  }
  const { cv, untilCv } = system;
  return (cv === undefined || cv <= asked.cv) && untilCv !== undefined && untilCv > asked.cv;
}
