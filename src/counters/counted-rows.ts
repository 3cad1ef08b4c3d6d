import type { Store } from '../commit/store.ts';
import type { RawDocument } from '../types.ts';
import type { CountedEvent } from './counting-rule.ts';

/** Versions by their numbers: from the first one, and before the second. */
export interface CvRange {
  readonly from: number;
  readonly to: number;
}

/** What is to be known of a version to count it, in `_system.counted` of its row. */
export interface CountedAs {
  readonly event: CountedEvent;
  /** The day it was made, in UTC. */
  readonly day: Date;
  /** The tenant whose it is, as its id tells it, where tenants share the collection. */
  readonly t?: unknown;
}

/** Where versions are found by their numbers, in both collections. */
export const BY_CV = { '_system.cv': 1 } as const;

/**
 * Stages over the current documents that give the rows of all versions in a range, be they superseded by now or not. A
 * deletion has the content of the version that it ended, and no `_id` where that is there no more.
 */
export function countedRows({ versions, tenantField }: Store, { from, to }: CvRange): RawDocument[] {
  const { collectionName: coll } = versions;
  const counted = (event: unknown, id: string): RawDocument => {
    const day = { $dateTrunc: { date: '$_system.updatedAt', unit: 'day' } };
    return { event, day, ...(tenantField === undefined ? {} : { t: `${id}.t` }) };
  };
  const inRange = { '_system.cv': { $gte: from, $lt: to } };
  const superseded = [
    { $match: { ...inRange, '_system.deleted': { $ne: true } } },
    { $set: { '_system.counted': counted(MADE, '$_id.id') } },
  ];
  const deletions = [
    { $match: { ...inRange, '_system.deleted': true, '_system.wasDeleted': { $ne: true } } },
    { $set: { last: { id: '$_id.id', ov: { $subtract: ['$_id.ov', 1] } } } },
    { $lookup: { from: coll, localField: 'last', foreignField: '_id', as: 'last' } },
    { $unwind: { path: '$last', preserveNullAndEmptyArrays: true } },
    { $set: { 'last._system.counted': counted('deleted', '$_id.id') } },
    { $replaceWith: '$last' },
  ];
  return [
    { $match: inRange },
    { $set: { '_system.counted': counted(MADE, '$_id') } },
    { $unionWith: { coll, pipeline: superseded } },
    { $unionWith: { coll, pipeline: deletions } },
  ];
}

/** A version that names no op was made by the most common one. */
const MADE = {
  $cond: [
    { $eq: [{ $ifNull: ['$_system.op', { $cond: [{ $eq: ['$_system.ov', 0] }, 'CREATE', 'UPDATE'] }] }, 'CREATE'] },
    'created',
    'updated',
  ],
};
