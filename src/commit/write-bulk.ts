import type { mongo } from 'mongoose';
import type { BulkItem, CapturedInsert, DriverOptions, Outcome } from './captured-write.ts';
import type { Committer } from './committer.ts';
import { takeFreshId } from './fresh-id.ts';
import { insertAll, inserted, isOutright } from './insert.ts';
import { isLargeInsert } from './large-inserts.ts';
import { mayStoreFirst } from './large-writes.ts';
import { MustStoreFirst, requireInline } from './payload-away.ts';
import { renumbering } from './renumber.ts';
import type { Store } from './store.ts';
import { Tally, type WaitingInsert } from './tally.ts';
import { inTransaction, isInTransaction, type Transaction } from './transaction.ts';
import { ensureVersions } from './versions-collection.ts';
import {
  type Culprit,
  type GroupableWrite,
  GroupNotDistinct,
  GroupTooLarge,
  idsOf,
  isGroupable,
  keyOf,
  type Settled,
  writeGroup,
} from './write-group.ts';

/** Consecutive members of a bulk write that are carried out together. */
interface Segment {
  readonly kind: 'fresh' | 'inserts' | 'group' | 'apart';
  readonly items: BulkItem[];
  readonly at: number;
}

const MAX_SEGMENT = 1_000;

/**
 * Carries out a list of writes in their order, as many at a time as are independent of each other. Like MongoDB's own
 * bulk write it is not atomic as a whole, and it ends the same way: with the counts of what was done, or with
 * `MongoBulkWriteError` naming the members that were refused. Only where the versions have to meet a condition, it is
 * all or nothing.
 */
export async function writeBulk(
  committer: Committer,
  items: readonly BulkItem[],
  options: DriverOptions,
): Promise<mongo.BulkWriteResult> {
  const { store } = committer;
  const session = options.session ?? undefined;
  if (items.some(({ kind }) => kind !== 'insert')) await ensureVersions(store, session);
  await requireInline(store, items);
  if (!isInTransaction(session) && items.some(isConditional)) {
    const whole = (tx: Transaction) => writeBulk(committer, items, { ...options, session: tx.session });
    return inTransaction(store, session, whole, 0);
  }
  const ordered = options.ordered !== false;
  const tally = new Tally(store, items, ordered);
  for (const segment of segments(store, items)) {
    await runSegment(committer, segment, options, tally);
    if (ordered && tally.failed) break;
  }
  return tally.result();
}

function isConditional({ chronos }: BulkItem): boolean {
  return chronos.expectedOv !== undefined || chronos.at !== undefined;
}

function segments(store: Store, items: readonly BulkItem[]): Segment[] {
  const all: Segment[] = [];
  const keys = new Set<string>();
  for (const [at, item] of items.entries()) {
    const kind = kindOf(store, item);
    const last = all.at(-1);
    const key = kind === 'group' ? keyOf(item as GroupableWrite) : '';
    const joins = last?.kind === kind && kind !== 'apart' && last.items.length < MAX_SEGMENT && !keys.has(key);
    if (!joins) keys.clear();
    if (kind === 'group') keys.add(key);
    if (joins) last.items.push(item);
    else all.push({ kind, items: [item], at });
  }
  return all;
}

function kindOf(store: Store, item: BulkItem): Segment['kind'] {
  if (item.kind === 'insert') {
    if (isLargeInsert(store, item)) return 'apart';
    return takeFreshId(store, item.id) ? 'fresh' : 'inserts';
  }
  if (item.kind === 'updateMany' || item.kind === 'deleteMany') return 'apart';
  return isGroupable(store, item) && !mayStoreFirst(store, item) ? 'group' : 'apart';
}

function runSegment(committer: Committer, segment: Segment, options: DriverOptions, tally: Tally): Promise<void> {
  switch (segment.kind) {
    case 'group':
      return runGroup(committer, segment, options, tally);
    case 'apart':
      return runApart(committer, segment, options, tally);
    default:
      return runInserts(committer.store, segment, options, tally);
  }
}

async function runGroup(committer: Committer, segment: Segment, options: DriverOptions, tally: Tally): Promise<void> {
  const writes = segment.items as GroupableWrite[];
  const { session } = options;
  if (isInTransaction(session)) return runWithin(committer, segment, options, tally);
  const settled = await committer.writeTogether(writes, { ordered: tally.ordered, session });
  settled.forEach((member, index) => void tally.settle(segment.at + index, member, writes[index]));
}

/** In a transaction of the caller's the first refusal is the end: the server has aborted it. */
async function runWithin(
  committer: Committer,
  { kind, items, at }: Segment,
  options: DriverOptions,
  tally: Tally,
): Promise<void> {
  const { store } = committer;
  const { session } = options;
  const culprit: Culprit = {};
  const steps = (tx: Transaction) => writeGroup(store, tx, items as GroupableWrite[], culprit);
  try {
    const settled = await renumbering(store, session, idsOf(items as GroupableWrite[]), () =>
      inTransaction(store, session, steps, items.length),
    );
    settled.forEach((member, index) => void tally.settle(at + index, member, items[index]));
  } catch (error) {
    const { index } = culprit;
    if (error instanceof GroupTooLarge) {
      const middle = items.length >> 1;
      await runWithin(committer, { kind, at, items: items.slice(0, middle) }, options, tally);
      return runWithin(committer, { kind, at: at + middle, items: items.slice(middle) }, options, tally);
    }
    if (error instanceof GroupNotDistinct || error instanceof MustStoreFirst) {
      for (const [index, item] of items.entries()) {
        await runApart(committer, { kind: 'apart', at: at + index, items: [item] }, options, tally);
      }
      return;
    }
    if (index === undefined) throw error;
    tally.settle(at + index, { error }, items[index]);
    throw tally.error();
  }
}

async function runApart(committer: Committer, segment: Segment, options: DriverOptions, tally: Tally): Promise<void> {
  const [item] = segment.items;
  if (item === undefined) return;
  const settled = await carriedOut(committer, item, options).then(
    (outcome): Settled => ({ outcome }),
    (error: unknown): Settled => ({ error }),
  );
  tally.settle(segment.at, settled, item);
  // The server has aborted the transaction: nothing of it is left to go on with.
  if (tally.failed && isInTransaction(options.session)) throw tally.error();
}

async function carriedOut(committer: Committer, item: BulkItem, options: DriverOptions): Promise<Outcome> {
  const session = options.session ?? undefined;
  if (item.kind === 'update' || item.kind === 'delete') return committer.writeAlone(item, session);
  if (item.kind === 'insert') return committer.insert({ ...item, options: { ...item.options, session } });
  const counts = await committer.writeMany({ ...item, options: { ...item.options, session } });
  return { result: undefined, inserted: 'upsertedId' in counts ? 1 : 0, ...counts };
}

async function runInserts(store: Store, segment: Segment, options: DriverOptions, tally: Tally): Promise<void> {
  let waiting: readonly WaitingInsert[] = segment.items.map((item, index) => ({
    insert: item as CapturedInsert,
    index: segment.at + index,
  }));
  while (waiting.length > 0) {
    waiting = isOutright(store, segment.kind === 'fresh')
      ? await insertOutrightOnes(store, waiting, options, tally)
      : await insertAtomicOnes(store, waiting, options, tally, segment.kind === 'fresh');
  }
}

/** Without a transaction the server itself goes on past a refused insert, or stops there. Nothing is left to do. */
async function insertOutrightOnes(
  store: Store,
  waiting: readonly WaitingInsert[],
  options: DriverOptions,
  tally: Tally,
): Promise<readonly WaitingInsert[]> {
  try {
    const inserts = waiting.map(({ insert }) => insert);
    await insertAll(store, inserts, { ...options, ordered: tally.ordered }, true);
    for (const { index, insert } of waiting) tally.count(index, inserted(insert));
  } catch (error) {
    const refused = tally.refuse(waiting, error);
    const stop = tally.ordered ? Math.min(...refused, waiting.length) : waiting.length;
    waiting.forEach(({ index, insert }, position) => {
      if (position < stop && !refused.has(position)) tally.count(index, inserted(insert));
    });
    if (tally.isUnacknowledged || isInTransaction(options.session)) throw tally.error();
  }
  return [];
}

/** In a transaction a refused insert undoes the others, which are to be done again without it. */
async function insertAtomicOnes(
  store: Store,
  waiting: readonly WaitingInsert[],
  options: DriverOptions,
  tally: Tally,
  fresh: boolean,
): Promise<readonly WaitingInsert[]> {
  const inserts = waiting.map(({ insert }) => insert);
  const session = options.session ?? undefined;
  try {
    await insertAll(store, inserts, { ...options, ordered: true }, fresh);
    for (const { index, insert } of waiting) tally.count(index, inserted(insert));
    return [];
  } catch (error) {
    const [position = 0] = tally.refuse(waiting, error);
    if (isInTransaction(session)) throw tally.error();
    return tally.ordered ? waiting.slice(0, position) : waiting.filter((_, other) => other !== position);
  }
}
