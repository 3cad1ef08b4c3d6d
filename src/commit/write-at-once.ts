import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';
import type { CapturedUpdate, Change, Outcome, UpdateOperators } from './captured-write.ts';
import { checkVersions } from './checked-versions.ts';
import { carried } from './driver-options.ts';
import { isDecidable, verdict } from './no-change.ts';
import { pinnedId } from './pinned-id.ts';
import { results } from './results.ts';
import { nextSystemOperators, successorFrom } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { preImage, versionRecord } from './version-record.ts';
import { checkExpected, stampOf } from './write-single.ts';

export type OperatorUpdate = CapturedUpdate & { readonly change: Extract<Change, { form: 'operators' }> };

/**
 * Whether an update may be carried out by {@link writeAtOnce}: it is the commonest kind, told in operators whose effect
 * shows in the document they meet, and the caller wants no more back than counts or that very document.
 */
export function canWriteAtOnce(write: CapturedUpdate): write is OperatorUpdate {
  const { options, change, chronos } = write;
  if (change.form !== 'operators' || options.upsert === true || options.explain !== undefined) return false;
  if (chronos.functionId !== undefined || write.op !== 'UPDATE' || !isDecidable(change)) return false;
  if (write.method === 'updateOne') return true;
  return write.method === 'findOneAndUpdate' && options.returnDocument !== 'after' && isEmpty(options.projection);
}

function isEmpty(projection: unknown): boolean {
  return projection === undefined || projection === null || Object.keys(projection).length === 0;
}

/**
 * The same as `writeSingle` in a round trip less: one command changes the document and returns what it was.
 * Only in a transaction of our own, because it is aborted where the write turns out to change nothing.
 */
export async function writeAtOnce(store: Store, tx: Transaction, write: OperatorUpdate): Promise<Outcome> {
  const stamp = stampOf(store, tx, write);
  const bytes = await swap(store, tx, write, nextSystemOperators(stamp));
  if (bytes === undefined) {
    tx.numbers?.giveBack();
    checkExpected(store, write, pinnedId(write.filter), null);
    return results.missed(write);
  }
  const pre = preImage(store.bson, bytes);
  checkExpected(store, write, pre.id, pre.system.ov);
  const until = successorFrom(pre.system, stamp);
  if (verdict(store.bson, write.change, pre) === 'same') {
    await tx.session.abortTransaction();
    return results.unchanged(store, write, pre);
  }
  await store.versions.insertOne(versionRecord(store, pre, until, stamp.cv) as never, {
    session: tx.session,
    forceServerObjectId: true,
  });
  await checkVersions(store, tx, [pre.id]);
  return results.updated(store, write, pre);
}

async function swap(
  store: Store,
  tx: Transaction,
  write: OperatorUpdate,
  system: Record<string, Record<string, unknown>>,
): Promise<Uint8Array | undefined> {
  const { sort, collation, hint, arrayFilters } = write.options;
  const options = {
    ...carried(write.options),
    ...(sort === undefined ? {} : { sort }),
    ...(collation === undefined ? {} : { collation }),
    ...(hint === undefined ? {} : { hint }),
    ...(arrayFilters === undefined ? {} : { arrayFilters }),
    session: tx.session,
    returnDocument: 'before',
    includeResultMetadata: true,
    raw: true,
  };
  const update = withOperators(write.change.spec, system) as mongo.UpdateFilter<RawDocument>;
  const found = (await store.head.findOneAndUpdate(write.filter, update, options as object)) as unknown as {
    value: Uint8Array | null;
  };
  return found.value ?? undefined;
}

/** An update with further fields under its operators. */
export function withOperators(
  spec: UpdateOperators,
  system: Record<string, Record<string, unknown>>,
): Record<string, Record<string, unknown>> {
  const merged: Record<string, Record<string, unknown>> = { ...spec };
  for (const [operator, fields] of Object.entries(system)) {
    if (Object.keys(fields).length > 0) merged[operator] = { ...merged[operator], ...fields };
  }
  return merged;
}
