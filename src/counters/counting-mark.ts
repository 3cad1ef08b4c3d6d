import type { mongo } from 'mongoose';
import { counterOf } from '../commit/collection-version.ts';
import type { Store } from '../commit/store.ts';
import { MAJORITY } from '../system/majority.ts';

/** Names the numbering of a collection's versions among all others, and those of what was dropped before. */
interface Mark {
  readonly _id: 'counted';
  readonly as: mongo.ObjectId;
}

/** How far the numbers of a collection have come. */
export interface Numbering {
  readonly as: mongo.ObjectId;
  /** The number that the next version gets. */
  readonly next: number;
}

const LATEST = { readPreference: 'primary', readConcern: { level: 'majority' } } as const;

/**
 * What a collection is counted as: written beside its last number, it goes where that goes, when the collection is dropped
 * or renamed. An import takes it away, for it puts versions among those that are counted.
 *
 *     users_counter: { _id: 'counted', as: ObjectId(…) }
 *
 * @returns undefined where there is no version to be counted
 */
export async function countedAs(store: Store): Promise<mongo.ObjectId | undefined> {
  const { as } = (await numbering(store)) ?? {};
  if (as !== undefined) return as;
  if ((await counterOf(store).findOne({ _id: 'cv' }, LATEST)) === null) return undefined;
  const mark = { $setOnInsert: { as: new store.mongo.ObjectId() } };
  await marksOf(store).updateOne({ _id: 'counted' }, mark, { ...MAJORITY, upsert: true });
  return (await numbering(store))?.as;
}

/** @param session the snapshot it is read in; without, what the majority has now */
export async function numbering(store: Store, session?: mongo.ClientSession): Promise<Numbering | undefined> {
  const found = await counterOf(store)
    .find({}, session === undefined ? LATEST : { session })
    .toArray();
  const next = found.find(({ _id }) => _id === 'cv')?.value;
  const as = (found as unknown as Mark[]).find(({ _id }) => _id === 'counted')?.as;
  return next === undefined || as === undefined ? undefined : { next, as };
}

function marksOf(store: Store): mongo.Collection<Mark> {
  return counterOf(store) as unknown as mongo.Collection<Mark>;
}
