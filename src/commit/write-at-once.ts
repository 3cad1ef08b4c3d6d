import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';
import type { CapturedDelete, CapturedUpdate, Change, Outcome, UpdateOperators } from './captured-write.ts';
import { checkVersions } from './checked-versions.ts';
import { carried } from './driver-options.ts';
import { checkExpected } from './expected-version.ts';
import { keepDeleted, keepSuperseded } from './keep-records.ts';
import { isDecidable, verdict } from './no-change.ts';
import { needsPayload, requireWhole } from './payload-away.ts';
import { pinnedId } from './pinned-id.ts';
import { results } from './results.ts';
import { nextSystem, nextSystemOperators, type Stamp, successorFrom } from './stamp.ts';
import { stampOf } from './stamp-of.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';
import { preImage } from './version-record.ts';

export type OperatorUpdate = CapturedUpdate & { readonly change: Extract<Change, { form: 'operators' }> };

/**
 * Whether a write may be carried out by {@link writeAtOnce}: it is a delete, or the commonest kind of update, told in
 * operators whose effect shows in the document they meet, and the caller wants no more back than counts or that very
 * document.
 */
export function canWriteAtOnce(write: CapturedUpdate | CapturedDelete): write is OperatorUpdate | CapturedDelete {
  const { options, chronos } = write;
  if (options.explain !== undefined || !isEmpty(options.projection)) return false;
  if (write.kind === 'delete') return true;
  const { change, method, op } = write;
  if (change.form !== 'operators' || options.upsert === true || chronos.functionId !== undefined) return false;
  if (op !== 'UPDATE' || !isDecidable(change)) return false;
  return method === 'updateOne' || (method === 'findOneAndUpdate' && options.returnDocument !== 'after');
}

function isEmpty(projection: unknown): boolean {
  return projection === undefined || projection === null || Object.keys(projection).length === 0;
}

/**
 * The same as `writeSingle` in a round trip less: one command changes the document and returns what it was.
 * Only in a transaction of our own, because it is aborted where the write turns out to change nothing.
 */
export async function writeAtOnce(
  store: Store,
  tx: Transaction,
  write: OperatorUpdate | CapturedDelete,
): Promise<Outcome> {
  const stamp = stampOf(store, tx, write);
  const { session } = tx;
  const bytes =
    write.kind === 'delete' ? await remove(store, write, { session }) : await swap(store, write, stamp, { session });
  if (bytes === undefined) {
    tx.numbers?.giveBack();
    checkExpected(store, write, pinnedId(write.filter), null);
    return results.missed(write);
  }
  const pre = preImage(store.bson, bytes);
  if (needsPayload(write)) requireWhole([pre]);
  checkExpected(store, write, pre.id, pre.system.ov);
  if (write.kind === 'delete') {
    await keepDeleted(store, tx, [{ pre, stamp }]);
    return results.deleted(store, write, pre, stamp);
  }
  if (verdict(store.bson, write.change, pre) === 'same') {
    await tx.session.abortTransaction();
    return results.unchanged(store, write, pre);
  }
  await keepSuperseded(store, tx, [{ pre, until: successorFrom(pre.system, stamp), cv: stamp.cv }]);
  await checkVersions(store, tx, [pre.id]);
  return results.updated(store, write, pre, nextSystem(pre.system, stamp));
}

/**
 * Changes a document.
 *
 * @param within the transaction, or the write concern, that it is done under
 * @returns what it was, as it was stored
 */
export async function swap(
  store: Store,
  write: OperatorUpdate,
  stamp: Stamp,
  within: Within,
): Promise<Uint8Array | undefined> {
  const update = withOperators(write.change.spec, nextSystemOperators(stamp)) as mongo.UpdateFilter<RawDocument>;
  const options = { ...optionsOf(write), ...within, returnDocument: 'before' };
  return foundValue(await store.head.findOneAndUpdate(write.filter, update, options as object));
}

/** Deletes a document. See {@link swap}. */
export async function remove(store: Store, write: CapturedDelete, within: Within): Promise<Uint8Array | undefined> {
  const options = { ...optionsOf(write), ...within };
  return foundValue(await store.head.findOneAndDelete(write.filter, options as object));
}

type Within = { readonly session: mongo.ClientSession } | { readonly writeConcern: mongo.WriteConcernSettings };

function foundValue(answer: unknown): Uint8Array | undefined {
  return (answer as { value: Uint8Array | null }).value ?? undefined;
}

function optionsOf({ options }: OperatorUpdate | CapturedDelete): Record<string, unknown> {
  const { sort, collation, hint, arrayFilters } = options;
  const given = Object.entries({ sort, collation, hint, arrayFilters }).filter(([, value]) => value !== undefined);
  return {
    ...carried(options),
    ...Object.fromEntries(given),
    includeResultMetadata: true,
    raw: true,
  };
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
