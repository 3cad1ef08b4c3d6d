import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import type { Rows } from '../system/rows.ts';
import type { RawDocument } from '../types.ts';
import type { Point } from './instant.ts';
import { begunBy, both, headCurrentAt, recordCurrentAt } from './interval.ts';
import { RECORD_STAGES } from './past-query.ts';
import { recordFilter } from './record-paths.ts';
import { requireVersioning } from './require-versioning.ts';
import type { PastScope } from './retained.ts';
import { retainedAggregate } from './retained-aggregate.ts';
import { consistentAggregate } from './snapshot.ts';

/** What is looked for, in terms of what is stored. */
export interface DeletedQuery {
  readonly filter: Filter;
  /** Whose documents, where tenants share the collection. */
  readonly rows: Pick<Rows, 'allIds' | 'tenantId'> | undefined;
  /** Undefined for now. */
  readonly at: Point | undefined;
  readonly sort: ReadonlyMap<string, 1 | -1>;
  readonly limit: number;
  /** What of the documents is wanted. */
  readonly projection: Readonly<Record<string, 1>>;
}

/**
 * The documents that a filter finds, and those that are deleted, or were at a point in time, as far as the filter finds
 * them as they last were, under the bookkeeping of their deletion. Those that were erased are none of them, and those
 * whose content retention has dropped. All of one snapshot. All records are looked through.
 *
 * @throws VersioningDisabledError; BeyondRetentionError; ConfigError in a transaction
 */
export async function findWithDeleted(
  store: Store,
  query: DeletedQuery,
  session: mongo.ClientSession | undefined,
): Promise<RawDocument[]> {
  requireVersioning(store, 'read deleted documents of');
  if (session?.inTransaction()) throw inTransaction();
  await requireInline(store, query);
  const { sort, limit, projection } = query;
  const stages = [
    ...currentStages(store, query),
    { $unionWith: { coll: store.versions.collectionName, pipeline: deletedStages(store, query) } },
    { $sort: sort },
    { $limit: limit },
    { $project: projection },
  ];
  const cursor = consistentAggregate(store, stages, { ...(session === undefined ? {} : { session }) });
  return retainedAggregate(cursor, scopesOf(store, query)).toArray() as Promise<RawDocument[]>;
}

/** What was current then has to be there; of deleted documents, whose content is from before, what is kept. */
function scopesOf(store: Store, { rows, at }: DeletedQuery): PastScope[] {
  const all = { store, tenant: rows?.tenantId };
  return at === undefined ? [all] : [{ ...all, at }, all];
}

async function requireInline({ payload }: Store, { filter, sort }: DeletedQuery): Promise<void> {
  if (payload === undefined) return;
  await payload.kept.known();
  payload.requireFilter('find', filter);
  payload.requireSort('sort', sort);
}

function currentStages({ versions }: Store, { filter, at }: DeletedQuery): RawDocument[] {
  if (at === undefined) return [{ $match: filter }];
  const records = [{ $match: recordCurrentAt(at, recordFilter(filter)) }, ...RECORD_STAGES];
  return [
    { $match: both(filter, headCurrentAt(at)) },
    { $unionWith: { coll: versions.collectionName, pipeline: records } },
  ];
}

/**
 * From the collection of versions:
 *
 * 1. Tombstones, but for those of documents that have come back: as heads, or in versions that follow.
 * 2. Their last content takes the bookkeeping of the deletion.
 */
function deletedStages({ head, versions }: Store, { filter, rows, at }: DeletedQuery): RawDocument[] {
  const begun = at === undefined ? {} : begunBy(at);
  const ofSameDocument = { localField: '_id.id', let: { ov: '$_id.ov' } };
  const later = { $expr: { $gt: ['$_id.ov', '$$ov'] }, ...begun };
  const earlier = { $expr: { $lt: ['$_id.ov', '$$ov'] }, '_system.deleted': { $ne: true } };
  const there = [{ $limit: 1 }, { $project: { _id: 1 } }];
  return [
    { $match: { '_system.deleted': true, ...begun, ...(rows === undefined ? {} : { '_id.id': rows.allIds }) } },
    lookup(head, '_id', 'head', [{ $match: begun }, ...there]),
    lookup(versions, '_id.id', 'later', [{ $match: later }, ...there]),
    { $match: { '_system.op': { $ne: 'ERASE' }, head: { $size: 0 }, later: { $size: 0 } } },
    lookup(versions, '_id.id', 'last', [{ $match: earlier }, { $sort: { '_id.ov': -1 } }, { $limit: 1 }]),
    { $unwind: '$last' },
    { $replaceWith: { $mergeObjects: ['$last', { _id: '$_id', _system: OF_DELETION }] } },
    ...RECORD_STAGES,
    { $match: filter },
  ];

  function lookup(from: Store['head'], foreignField: string, as: string, pipeline: RawDocument[]): RawDocument {
    return { $lookup: { from: from.collectionName, ...ofSameDocument, foreignField, pipeline, as } };
  }
}

const OF_DELETION = { $mergeObjects: ['$last._system', '$_system'] };

function inTransaction(): ConfigError {
  return new ConfigError({
    message:
      'Cannot list deleted documents in a transaction: the server has no $unionWith there. List them outside of it',
  });
}
