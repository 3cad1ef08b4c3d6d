import type { mongo } from 'mongoose';
import { equalsIgnoring } from '../bson/exact.ts';
import type { RawDocument } from '../types.ts';
import type {
  CapturedDeleteMany,
  CapturedManyWrite,
  CapturedUpdate,
  CapturedUpdateMany,
  Filter,
  ManyCounts,
  UpdateOperators,
} from './captured-write.ts';
import { checkVersions } from './checked-versions.ts';
import { insideTransaction } from './driver-options.ts';
import { checkExpected } from './expected-version.ts';
import { keepDeleted, keepSuperseded } from './keep-records.ts';
import { isDecidable, verdict } from './no-change.ts';
import { requireWhole } from './payload-away.ts';
import { idKey, pinnedTo } from './pinned-id.ts';
import { updateArgument } from './sendable-change.ts';
import { nextSystemOperators, successorFrom } from './stamp.ts';
import { stampOfMany } from './stamp-of.ts';
import type { Store } from './store.ts';
import { takeBack } from './take-back.ts';
import type { Transaction } from './transaction.ts';
import { type PreImage, preImage } from './version-record.ts';
import { withOperators } from './write-at-once.ts';
import { type Settled, writeGroup } from './write-group.ts';
import { writeSingle } from './write-single.ts';

/** Writes documents as they were read, each with its version record, in the transaction that read them. */
export async function writeChunk(
  store: Store,
  tx: Transaction,
  write: CapturedManyWrite,
  images: readonly PreImage[],
): Promise<ManyCounts> {
  if (images.length === 0) return missMany(store, tx, write);
  if (write.kind === 'updateMany') requireWhole(images);
  for (const { id, system } of images) checkExpected(store, write, id, system.ov);
  if (write.kind === 'deleteMany') return deleteChunk(store, tx, write, images);
  const { change } = write;
  const { functionId } = write.chronos;
  const apart = change.form === 'pipeline' || functionId !== undefined || tx.numbers !== undefined;
  if (apart) return updateEach(store, tx, write, images);
  return updateChunk(store, tx, { ...write, change }, images);
}

/** Nothing matches; the call still runs, for the server's complaint if it has one. */
export async function missMany(store: Store, tx: Transaction, write: CapturedManyWrite): Promise<ManyCounts> {
  if (write.kind === 'updateMany') {
    const argument = updateArgument(write.change) as mongo.UpdateFilter<RawDocument>;
    const { upsert: _upsert, ...options } = insideTransaction(write.options, tx.session);
    await store.head.updateMany(among(write.filter, []), argument, options);
  }
  return noCounts();
}

async function deleteChunk(
  store: Store,
  tx: Transaction,
  write: CapturedDeleteMany,
  images: readonly PreImage[],
): Promise<ManyCounts> {
  const stamp = stampOfMany(store, write);
  await store.head.deleteMany({ _id: { $in: images.map(({ id }) => id) as never[] } }, { session: tx.session });
  await keepDeleted(
    store,
    tx,
    images.map((pre) => ({ pre, stamp: { ...stamp, cv: tx.numbers?.next() } })),
  );
  return { matched: 0, modified: 0, deleted: images.length };
}

async function updateChunk(
  store: Store,
  tx: Transaction,
  write: CapturedUpdateMany & { readonly change: { readonly form: 'operators' } },
  images: readonly PreImage[],
): Promise<ManyCounts> {
  const stamp = stampOfMany(store, write);
  const judged = images.map((pre) => ({ pre, verdict: verdict(store.bson, write.change, pre) }));
  const same = judged.filter((image) => image.verdict === 'same').map(({ pre }) => pre);
  const sent = judged.filter((image) => image.verdict !== 'same').map(({ pre }) => pre);
  // What changes nothing is sent all the same, as it came: the server may have a complaint.
  await updateThese(store, tx, write, same, write.change.spec);
  await updateThese(store, tx, write, sent, withOperators(write.change.spec, nextSystemOperators(stamp)));
  const unsure = judged.filter((image) => image.verdict === 'unsure').map(({ pre }) => pre);
  const unchanged = await takeBackUnchanged(store, tx, unsure);
  const changed = sent.filter((pre) => !unchanged.has(pre));
  await keepSuperseded(
    store,
    tx,
    changed.map((pre) => ({ pre, until: successorFrom(pre.system, stamp) })),
  );
  await checkVersions(store, tx, idsOf(changed));
  return { matched: images.length, modified: changed.length, deleted: 0 };
}

async function updateThese(
  store: Store,
  tx: Transaction,
  write: CapturedUpdateMany,
  images: readonly PreImage[],
  spec: UpdateOperators,
): Promise<void> {
  if (images.length === 0) return;
  const options = { ...insideTransaction(write.options, tx.session), upsert: false };
  await store.head.updateMany(among(write.filter, idsOf(images)), spec as mongo.UpdateFilter<RawDocument>, options);
}

/** Gives documents that proved unchanged their previous bookkeeping again. */
async function takeBackUnchanged(store: Store, tx: Transaction, unsure: readonly PreImage[]): Promise<Set<PreImage>> {
  if (unsure.length === 0) return new Set();
  const byId = new Map(unsure.map((pre) => [idKey(pre.id), pre]));
  const unchanged = new Set<PreImage>();
  const posts = store.head.find({ _id: { $in: idsOf(unsure) as never[] } }, { session: tx.session, raw: true });
  for await (const raw of posts) {
    const post = preImage(store.bson, raw as unknown as Uint8Array);
    const pre = byId.get(idKey(post.id));
    if (pre !== undefined && equalsIgnoring(pre.bytes, post.bytes, '_system')) unchanged.add(pre);
  }
  await takeBack(store, tx, [...unchanged]);
  return unchanged;
}

/**
 * Each document with a bookkeeping of its own: a pipeline may replace the whole document, and where versions are
 * numbered across the collection no two get the same.
 */
async function updateEach(
  store: Store,
  tx: Transaction,
  write: CapturedUpdateMany,
  images: readonly PreImage[],
): Promise<ManyCounts> {
  const { upsert: _upsert, ...options } = write.options;
  const writes = images.map(
    ({ id }): CapturedUpdate => ({
      kind: 'update',
      method: 'updateOne',
      op: 'UPDATE',
      change: write.change,
      chronos: write.chronos,
      options,
      // All that matched is here; saying so again for each would make a message too large to be sent.
      filter: isPositional(write.change) ? pinnedTo(write.filter, id) : { _id: { $eq: id as never } },
    }),
  );
  const counts = noCounts();
  for (const member of await writeEach(store, tx, writes, images)) {
    if ('error' in member) throw member.error;
    counts.matched += member.outcome.matched;
    counts.modified += member.outcome.modified;
  }
  return counts;
}

/** Whether an update names the item of an array that its filter has found. */
function isPositional(change: CapturedUpdateMany['change']): boolean {
  if (change.form === 'pipeline') return false;
  return Object.values(change.spec).some((fields) => Object.keys(fields).some((path) => /\.\$(\.|$)/.test(path)));
}

async function writeEach(
  store: Store,
  tx: Transaction,
  writes: readonly CapturedUpdate[],
  images: readonly PreImage[],
): Promise<Settled[]> {
  const together = tx.numbers === undefined || writes.every(({ change }) => isDecidable(change));
  if (together) return writeGroup(store, tx, writes, {}, new Map(images.map((image) => [idKey(image.id), image])));
  const settled: Settled[] = [];
  for (const write of writes) settled.push({ outcome: await writeSingle(store, tx, write) });
  return settled;
}

/** A filter narrowed to some of what it matches. */
export function among(filter: Filter, ids: readonly unknown[]): Filter {
  return { ...filter, _id: { $in: ids as never[] } };
}

function idsOf(images: readonly PreImage[]): unknown[] {
  return images.map(({ id }) => id);
}

export function noCounts(): ManyCounts {
  return { matched: 0, modified: 0, deleted: 0 };
}
