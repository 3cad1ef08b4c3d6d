import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';
import type { CapturedDelete, CapturedUpdate, Filter, Outcome } from './captured-write.ts';
import { majority } from './driver-options.ts';
import { verdict } from './no-change.ts';
import { results } from './results.ts';
import { nextSystem } from './stamp.ts';
import type { Store } from './store.ts';
import { fieldOf, type PreImage, preImage } from './version-record.ts';
import { canWriteAtOnce, type OperatorUpdate, remove, swap } from './write-at-once.ts';
import { stampOf } from './write-single.ts';

/**
 * Whether a write can do without a transaction: no versions are kept, and nothing else has to be written with it, or to
 * be looked at before it stands.
 */
export function canWriteOutright(
  store: Store,
  write: CapturedUpdate | CapturedDelete,
): write is OperatorUpdate | CapturedDelete {
  const { versioning, collectionVersion, validate, payload } = store;
  if (versioning || collectionVersion || validate !== undefined || payload !== undefined) return false;
  if (write.kind === 'delete' && !store.logicalDelete) return false;
  const { options, chronos } = write;
  if ((options.session ?? undefined) !== undefined) return false;
  return chronos.expectedOv === undefined && chronos.at === undefined && canWriteAtOnce(write);
}

/** Carries out a write in one command, which is atomic by itself. The document is counted on with it. */
export async function writeOutright(store: Store, write: OperatorUpdate | CapturedDelete): Promise<Outcome> {
  const stamp = stampOf(store, {}, write);
  const { writeConcern } = majority(write.options) as { writeConcern: mongo.WriteConcernSettings };
  const bytes = await (write.kind === 'delete'
    ? remove(store, write, { writeConcern })
    : swap(store, write, stamp, { writeConcern }));
  if (bytes === undefined) return results.missed(write);
  const pre = preImage(store.bson, bytes);
  if (write.kind === 'delete') return results.deleted(store, write, pre, stamp);
  if (verdict(store.bson, write.change, pre) !== 'same') {
    return results.updated(store, write, pre, nextSystem(pre.system, stamp));
  }
  await countBack(store, pre, writeConcern);
  return results.unchanged(store, write, pre);
}

/** Nothing has changed: the document is the version that it was, unless it has become a later one meanwhile. */
async function countBack(store: Store, pre: PreImage, writeConcern: mongo.WriteConcernSettings): Promise<void> {
  const stored = fieldOf(pre.document, '_system');
  const update = stored === undefined ? { $unset: { _system: 1 } } : { $set: { _system: stored } };
  const filter = { _id: { $eq: pre.id }, '_system.ov': pre.system.ov + 1 } as Filter;
  await store.head.updateOne(filter, update as mongo.UpdateFilter<RawDocument>, { writeConcern });
}
