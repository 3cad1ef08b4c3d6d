import type { mongo } from 'mongoose';
import type { CapturedDelete, CapturedUpdate, Filter, Outcome } from './captured-write.ts';
import { majority } from './driver-options.ts';
import { keptByOthers } from './foreign-payload.ts';
import { verdict } from './no-change.ts';
import { needsPayload, withoutPayload } from './payload-away.ts';
import { results } from './results.ts';
import { nextSystem } from './stamp.ts';
import { stampOf } from './stamp-of.ts';
import type { Store } from './store.ts';
import { preImage } from './version-record.ts';
import { canWriteAtOnce, type OperatorUpdate, remove, swap } from './write-at-once.ts';

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
  // The first in an order may be one that must not be passed by.
  if (options.sort !== undefined && keptByOthers(store) !== undefined) return false;
  if ((options.session ?? undefined) !== undefined) return false;
  return chronos.expectedOv === undefined && chronos.at === undefined && canWriteAtOnce(write);
}

/** Nothing is looked at before it stands: what another model has put into object storage is not met. */
function meetingWhole<W extends OperatorUpdate | CapturedDelete>(write: W): W {
  return { ...write, filter: { ...write.filter, '_system.state': { $ne: 'processed' } } };
}

/** @throws ConfigError where a write has passed by a document of which only a part is in MongoDB */
async function requireNoneAway(store: Store, write: OperatorUpdate | CapturedDelete): Promise<void> {
  const { collation } = write.options;
  const options = { projection: { _id: 1 }, ...(collation === undefined ? {} : { collation }) };
  const filter = { ...write.filter, '_system.state': 'processed' } as Filter;
  if ((await store.head.findOne(filter, options as object)) !== null) throw withoutPayload(store, 'write');
}

/**
 * Carries out a write in one command, which is atomic by itself. The document is counted on with it, also where nothing
 * has changed: somebody may have read that number by then, and no other version must ever have it.
 */
export async function writeOutright(store: Store, write: OperatorUpdate | CapturedDelete): Promise<Outcome> {
  const stamp = stampOf(store, {}, write);
  const { writeConcern } = majority(write.options) as { writeConcern: mongo.WriteConcernSettings };
  const bytes = await (write.kind === 'delete'
    ? remove(store, needsPayload(write) ? meetingWhole(write) : write, { writeConcern })
    : swap(store, meetingWhole(write), stamp, { writeConcern }));
  if (bytes === undefined) {
    if (needsPayload(write)) await requireNoneAway(store, write);
    return results.missed(write);
  }
  const pre = preImage(store.bson, bytes);
  if (write.kind === 'delete') return results.deleted(store, write, pre, stamp);
  if (verdict(store.bson, write.change, pre) === 'same') return results.unchanged(store, write, pre);
  return results.updated(store, write, pre, nextSystem(pre.system, stamp));
}
