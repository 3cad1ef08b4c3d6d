import type { Filter } from '../commit/captured-write.ts';
import { heldAmong } from '../commit/held.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import type { DueRecord } from './due-records.ts';

/**
 * Without those that have to stay: those of documents that are held, and the last record of a document that vanished
 * unseen, since its numbers go on from there.
 */
export async function leaving(store: Store, records: readonly DueRecord[]): Promise<readonly DueRecord[]> {
  const ids = [...new Map(records.map(({ id }) => [idKey(id), id])).values()];
  const last = await lastOfVanished(store, ids);
  const held = await heldAmong(store, ids);
  return records.filter(({ id, ov }) => last.get(idKey(id)) !== ov && !held.has(idKey(id)));
}

async function lastOfVanished(store: Store, ids: readonly unknown[]): Promise<Map<string, number>> {
  const heads = await store.head.find({ _id: { $in: ids as never[] } }, { projection: { _id: 1 } }).toArray();
  const living = new Set(heads.map(({ _id }) => idKey(_id)));
  const last = new Map<string, number>();
  for (const id of ids) {
    if (living.has(idKey(id))) continue;
    const newest = { sort: { '_id.ov': -1 }, projection: { _id: 1 } } as const;
    const record = await store.versions.findOne({ '_id.id': id } as Filter, newest);
    if (record !== null) last.set(idKey(id), (record._id as unknown as { ov: number }).ov);
  }
  return last;
}
