import type { mongo } from 'mongoose';
import { canonicalKey } from '../bson/compare.ts';
import type { DriverOptions, Filter } from '../commit/captured-write.ts';
import { pinnedId } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { hideInProjection } from '../system/hide.ts';
import type { Instant, RawDocument } from '../types.ts';
import { collectionVersionOf, dateOf, isCollectionVersion, type Point } from './instant.ts';
import { both, headCurrentAt, recordCurrentAt } from './interval.ts';
import { asDocument, type PastQuery, readPast } from './past-cursor.ts';
import { pastPipeline } from './past-pipeline.ts';
import { PastCursor } from './past-result.ts';
import { recordFilter, recordPath, recordProjection } from './record-paths.ts';

/** Options that mean the same on either side of an answer. */
const SHARED = [
  'collation',
  'comment',
  'maxTimeMS',
  'allowDiskUse',
  'let',
  'batchSize',
  'promoteLongs',
  'promoteValues',
  'promoteBuffers',
  'bsonRegExp',
  'useBigInt64',
];

/**
 * Answers the driver's reading calls as of the instant in their options. An answer that takes more than one command
 * takes them all in one snapshot, or in the caller's transaction: beside writers it would miss or repeat documents.
 */
export class PastReader {
  readonly #store: Store;
  readonly #visible: boolean;

  constructor(store: Store, visible: boolean) {
    this.#store = store;
    this.#visible = visible;
  }

  find(filter: Filter, options: DriverOptions): PastCursor {
    const query = this.#queryOf(filter, options);
    return new PastCursor(this.#store, query, (final) => this.#read(final, options.session ?? undefined));
  }

  async findOne(filter: Filter, options: DriverOptions): Promise<RawDocument | null> {
    const query = this.#queryOf(filter, { ...options, limit: 1 });
    const id = pinnedId(filter);
    if (id !== undefined && query.skip === 0) return this.#findPinned(query, options.session ?? undefined);
    for await (const document of this.#read(query, options.session ?? undefined)) return document;
    return null;
  }

  async countDocuments(filter: Filter, options: DriverOptions): Promise<number> {
    const { at, shared, skip, limit } = this.#queryOf(filter, options);
    const total = await this.#inSnapshot(options.session ?? undefined, async (session) => {
      const heads = await this.#store.head.countDocuments(both(filter, headCurrentAt(at)), { ...shared, session });
      const records = both(recordFilter(filter) as Filter, recordCurrentAt(at));
      return heads + (await this.#store.versions.countDocuments(records, { ...shared, session }));
    });
    const rest = Math.max(0, total - skip);
    return limit === 0 ? rest : Math.min(rest, limit);
  }

  async distinct(key: string, filter: Filter, options: DriverOptions): Promise<unknown[]> {
    const { at, shared } = this.#queryOf(filter, options);
    const values = await this.#inSnapshot(options.session ?? undefined, async (session) => {
      const heads = await this.#store.head.distinct(key, both(filter, headCurrentAt(at)), { ...shared, session });
      const records = both(recordFilter(filter) as Filter, recordCurrentAt(at));
      return [...heads, ...(await this.#store.versions.distinct(recordPath(key), records, { ...shared, session }))];
    });
    return [
      ...new Map(values.map((value): [string, unknown] => [canonicalKey(value), value]).reverse()).values(),
    ].reverse();
  }

  aggregate(pipeline: readonly RawDocument[], options: DriverOptions): mongo.AggregationCursor {
    const { chronos, session, readConcern: _own, ...rest } = options;
    const stages = pastPipeline(this.#store, pipeline, this.#instant(options), this.#visible);
    const consistent = session?.inTransaction() || session?.snapshotEnabled;
    const reading = consistent ? { session } : { readConcern: { level: 'snapshot' as const } };
    return this.#store.head.aggregate(stages, { ...rest, ...reading } as mongo.AggregateOptions);
  }

  /**
   * One document by its id takes both sides at once, without a snapshot. Only an update in between can make both miss:
   * the head was read after it and the records before; then the record it left is there when asked for again.
   */
  async #findPinned(query: PastQuery, session: mongo.ClientSession | undefined): Promise<RawDocument | null> {
    const head = () => this.#findHead(query, session);
    const record = () => this.#findRecord(query, session);
    if (session !== undefined) return (await head()) ?? (await record());
    const [current, past] = await Promise.all([head(), record()]);
    return current ?? past ?? (await record());
  }

  #findHead({ filter, at, projection, shared }: PastQuery, session?: mongo.ClientSession): Promise<RawDocument | null> {
    const options = { ...shared, ...(session === undefined ? {} : { session }), ...this.#shown(projection) };
    return this.#store.head.findOne(both(filter, headCurrentAt(at)), options as mongo.FindOptions);
  }

  async #findRecord(
    { filter, at, projection, shared }: PastQuery,
    session?: mongo.ClientSession,
  ): Promise<RawDocument | null> {
    const shown = this.#shown(projection && recordProjection(projection));
    const options = { ...shared, ...(session === undefined ? {} : { session }), ...shown };
    const condition = both(recordFilter(filter) as Filter, recordCurrentAt(at));
    const record = await this.#store.versions.findOne(condition, options as mongo.FindOptions);
    return record === null ? null : asDocument(record);
  }

  #shown(projection: RawDocument | undefined): { projection?: RawDocument } {
    const shown = this.#visible ? projection : hideInProjection(projection);
    return shown === undefined ? {} : { projection: shown };
  }

  async *#read(query: PastQuery, callers: mongo.ClientSession | undefined): AsyncGenerator<RawDocument> {
    const session = callers ?? this.#store.client.startSession({ snapshot: true });
    try {
      yield* readPast(this.#store, query, session);
    } finally {
      if (session !== callers) await session.endSession();
    }
  }

  async #inSnapshot<T>(
    callers: mongo.ClientSession | undefined,
    read: (session: mongo.ClientSession) => Promise<T>,
  ): Promise<T> {
    if (callers !== undefined) return read(callers);
    const session = this.#store.client.startSession({ snapshot: true });
    try {
      return await read(session);
    } finally {
      await session.endSession();
    }
  }

  #queryOf(filter: Filter, options: DriverOptions): PastQuery {
    const { sort, projection, fields, skip, limit, hint } = options as {
      sort?: RawDocument;
      projection?: RawDocument;
      fields?: RawDocument;
      skip?: number;
      limit?: number;
      hint?: mongo.Hint;
    };
    const ordered = sort instanceof Map ? (Object.fromEntries(sort) as RawDocument) : sort;
    return {
      filter,
      at: this.#instant(options),
      visible: this.#visible,
      sort: ordered === undefined || ordered === null || Object.keys(ordered).length === 0 ? undefined : ordered,
      projection: projection ?? fields,
      skip: skip ?? 0,
      limit: Math.abs(limit ?? 0),
      hint,
      shared: Object.fromEntries(SHARED.filter((key) => options[key] !== undefined).map((key) => [key, options[key]])),
    };
  }

  #instant(options: DriverOptions): Point {
    const { asOf } = options.chronos as { asOf: Instant };
    return isCollectionVersion(asOf) ? collectionVersionOf(asOf) : dateOf(asOf);
  }
}
