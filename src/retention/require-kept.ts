import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { tenantOfId } from '../commit/tenant-of-id.ts';
import { BeyondRetentionError } from '../errors.ts';
import { systemOf } from '../system/bookkeeping.ts';
import { BY_ID } from '../system/version-indexes.ts';
import type { VersionFields } from '../types.ts';
import { type Floor, readFloor } from './floor.ts';
import { isTrimmed } from './is-trimmed.ts';
import { keptRecords } from './kept-records.ts';

/** A version by its number, or the one that was current at a point in time. */
export type Asked = number | Date | { readonly cv: number };

type Session = mongo.ClientSession | undefined;

/** A floor below which something was dropped. */
type DroppingFloor = Floor & { readonly droppedUntil: Date };

/** Whether a version that is asked for may have been dropped. */
export function mayBeDropped(floor: Floor | undefined, asked: Asked): floor is DroppingFloor {
  if (floor?.droppedUntil === undefined) return false;
  if (typeof asked === 'number') return true;
  if (asked instanceof Date) return asked < floor.droppedUntil;
  return floor.droppedCv !== undefined && asked.cv < floor.droppedCv;
}

/**
 * Sees to it that a version which is not there was not dropped either.
 *
 * @throws BeyondRetentionError
 */
export async function requireKept(store: Store, id: unknown, asked: Asked, session?: Session): Promise<void> {
  const floor = await readFloor(store, tenantOfId(store, id), session);
  if (!mayBeDropped(floor, asked)) return;
  const versions = await versionsLeft(store, id, session);
  if (!isTrimmed(versions, (version) => isAfter(version, asked))) return;
  throw new BeyondRetentionError(store.head.collectionName, id, asked, floor);
}

function isAfter({ ov, cv, updatedAt }: VersionFields, asked: Asked): boolean {
  if (typeof asked === 'number') return ov > asked;
  if (asked instanceof Date) return updatedAt !== undefined && updatedAt > asked;
  return cv !== undefined && cv > asked.cv;
}

/** The bookkeeping of all versions that are left of a document, in ascending order. */
async function versionsLeft(store: Store, id: unknown, session: Session): Promise<VersionFields[]> {
  const options = { projection: { _id: 1, _system: 1 }, ...(session === undefined ? {} : { session }) };
  const head = await store.head.findOne({ _id: { $eq: id as never } }, options);
  const records = await store.versions.find({ '_id.id': id } as Filter, { ...options, sort: BY_ID }).toArray();
  const stored = [...records, ...(head === null ? [] : [head])].map(({ _system }) => systemOf(_system));
  const kept = (await keptRecords(store, id)).map(({ system }) => system);
  return [...kept, ...stored].sort((a, b) => a.ov - b.ov);
}
