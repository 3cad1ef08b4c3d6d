import type { mongo } from 'mongoose';
import type { DriverOptions, Filter } from '../commit/captured-write.ts';
import { isInMongo, lookForForeignPayload } from '../commit/foreign-payload.ts';
import { withoutPayload } from '../commit/payload-away.ts';
import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import { preparing } from '../offload/finishing-cursor.ts';
import { pathsOfFilter, pathsOfSort } from '../offload/needed-paths.ts';
import { checkPipeline, checkPipelineOnceKnown, type KeptOf } from '../offload/offload-pipeline.ts';
import { projectionPaths } from '../payload/covered-by.ts';
import { showsSystem } from '../system/show.ts';
import type { Instant, RawDocument } from '../types.ts';
import { distinctUnder, distinctValues } from './distinct-values.ts';
import { collectionVersionOf, dateOf, isCollectionVersion, type Point } from './instant.ts';
import { both, headCurrentAt } from './interval.ts';
import { PastCursor } from './past-cursor.ts';
import { PastPipeline } from './past-pipeline.ts';
import { findHeads, findRecords, type PastQuery } from './past-query.ts';
import { type Union, unionOf } from './past-union.ts';
import { readAllPast, readPast } from './read-past.ts';
import { recordPath } from './record-paths.ts';
import { recordSearch } from './record-search.ts';
import { requireVersioning } from './require-versioning.ts';
import { idsIn, openRetained, type PastScope, readRetained } from './retained.ts';
import { retainedAggregate } from './retained-aggregate.ts';
import {
  consistentAggregate,
  inItsSnapshot,
  inSnapshot,
  isConsistent,
  onceAvailable,
  toldIfExpired,
} from './snapshot.ts';
import { sortOf } from './sort.ts';

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

type Session = mongo.ClientSession | undefined;

export interface PastReaderOptions {
  /** Whether `_system` shows. */
  readonly visible: boolean;
  readonly isVersioned: (collection: string) => boolean;
  /** What collections keep in MongoDB, where that is not all of their documents. */
  readonly keptOf: KeptOf;
  /** What other collections are kept in. */
  readonly storeOf: (collection: string) => Store | undefined;
  /** Whose documents are read, where tenants share the collections. */
  readonly tenant: string | undefined;
}

/**
 * Answers the driver's reading calls as of the instant in their options. An answer that takes more than one command
 * takes them all in one snapshot, or in the caller's transaction: beside writers it would miss or repeat documents.
 */
export class PastReader {
  readonly #store: Store;
  readonly #visible: boolean;
  readonly #isVersioned: (collection: string) => boolean;
  readonly #keptOf: KeptOf;
  readonly #storeOf: PastReaderOptions['storeOf'];
  readonly #tenant: string | undefined;

  constructor(store: Store, { visible, isVersioned, keptOf, storeOf, tenant }: PastReaderOptions) {
    this.#store = store;
    this.#storeOf = storeOf;
    this.#tenant = tenant;
    this.#visible = visible;
    this.#isVersioned = isVersioned;
    this.#keptOf = keptOf;
  }

  find(filter: Filter, options: DriverOptions): PastCursor {
    const callers = options.session ?? undefined;
    return new PastCursor(this.#queryOf(filter, options), {
      oneByOne: (query) => afterwards(requireInline(this.#store, query), () => this.#oneByOne(query, callers)),
      all: (query) => requireInline(this.#store, query).then(() => this.#all(query, callers)),
      explain: (query, verbosity) => this.#explain(query, callers, verbosity),
    });
  }

  async findOne(filter: Filter, options: DriverOptions): Promise<RawDocument | null> {
    const query = this.#queryOf(filter, { ...options, limit: 1 });
    const callers = options.session ?? undefined;
    if (options.explain !== undefined)
      return this.#explain(query, callers, options.explain as mongo.ExplainVerbosityLike);
    const [document] = await this.#all(query, callers);
    return document ?? null;
  }

  async countDocuments(filter: Filter, options: DriverOptions): Promise<number> {
    const query = this.#queryOf(filter, options);
    const total = await this.#retained(query, options.session ?? undefined, (callers) =>
      withIndexes(query, (hinted) => inSnapshot(this.#store, callers, (session) => this.#count(hinted, session))),
    );
    const rest = Math.max(0, total - query.skip);
    return query.limit === 0 ? rest : Math.min(rest, query.limit);
  }

  async #count({ filter, at, shared, unhinted }: PastQuery, session: mongo.ClientSession): Promise<number> {
    const { head, versions } = this.#store;
    const heads = await head.countDocuments(both(filter, headCurrentAt(at)), { ...shared, session });
    const { filter: records, hint } = recordSearch(this.#store, filter, at, false);
    const named = hint === undefined || unhinted ? {} : { hint };
    return heads + (await versions.countDocuments(records, { ...shared, ...named, session }));
  }

  async distinct(key: string, filter: Filter, options: DriverOptions): Promise<unknown[]> {
    const query = this.#queryOf(filter, options);
    const { at, shared } = query;
    const { head, versions } = this.#store;
    const read = async (session: mongo.ClientSession) => {
      const heads = await head.distinct(key, both(filter, headCurrentAt(at)), { ...shared, session });
      const records = recordSearch(this.#store, filter, at, false);
      return [...heads, ...(await versions.distinct(recordPath(key), records.filter, { ...shared, session }))];
    };
    const values = await this.#retained(query, options.session ?? undefined, (callers) =>
      inSnapshot(this.#store, callers, read),
    );
    if (shared.collation === undefined) return distinctValues(values);
    const { db } = versions as unknown as { db: mongo.Db };
    return distinctUnder(db, shared, values);
  }

  aggregate(pipeline: readonly RawDocument[], options: DriverOptions): mongo.AggregationCursor {
    if (options.session?.inTransaction()) throw aggregateInTransaction();
    const { chronos: _read, ...rest } = options;
    const { head, payload } = this.#store;
    const result = checkPipeline(head.collectionName, pipeline, this.#keptOf);
    const fetched = payload !== undefined && result === 'documents' ? payload : undefined;
    const shown = this.#visible || fetched !== undefined;
    const at = this.#instant(options);
    const past = new PastPipeline(this.#store, at, shown, this.#isVersioned);
    const stages = past.of(head.collectionName, pipeline);
    const scopes = [...past.collections].flatMap((name) => {
      const store = name === head.collectionName ? this.#store : this.#storeOf(name);
      return store === undefined ? [] : [{ store, tenant: this.#tenant, at }];
    });
    for (const { store } of scopes) requireVersioning(store, 'read the past of');
    const cursor = preparing(retainedAggregate(consistentAggregate(this.#store, stages, rest), scopes), () =>
      checkPipelineOnceKnown(head.collectionName, pipeline, this.#keptOf),
    );
    return fetched?.finishingWhole(cursor, this.#visible) ?? cursor;
  }

  #all(query: PastQuery, callers: Session): Promise<RawDocument[]> {
    return this.#retained(query, callers, (reading) =>
      withIndexes(query, (hinted) => {
        const union = isConsistent(reading) ? undefined : unionOf(this.#store, hinted);
        if (union !== undefined) return cursorOf(this.#store, union).toArray();
        return inSnapshot(this.#store, reading, (session) => readAllPast(this.#store, hinted, session));
      }),
    );
  }

  #retained<T>(query: PastQuery, callers: Session, read: (session: Session) => Promise<T>): Promise<T> {
    return readRetained([this.#scopeOf(query)], callers, read);
  }

  #scopeOf({ filter, at, shared }: PastQuery): PastScope {
    return { store: this.#store, tenant: this.#tenant, at, ids: idsIn(filter, shared.collation) };
  }

  async *#oneByOne(query: PastQuery, callers: Session): AsyncGenerator<RawDocument> {
    const begin = (session: Session) => onceAvailable(() => begun(this.#documents(query, session)));
    const discard = ({ documents }: Begun) => documents.return(undefined);
    const { answer, close } = await openRetained([this.#scopeOf(query)], callers, begin, discard);
    try {
      if (answer.first.done !== true) yield answer.first.value;
      yield* answer.documents;
    } catch (error) {
      // In a transaction of the caller's the error says whether to run it once more.
      if (callers?.inTransaction()) throw error;
      toldIfExpired(error);
    } finally {
      await answer.documents.return(undefined);
      await close();
    }
  }

  async *#documents(query: PastQuery, callers: Session): AsyncGenerator<RawDocument> {
    if (isConsistent(callers)) return yield* readPast(this.#store, query, callers);
    const union = unionOf(this.#store, query);
    if (union !== undefined) return yield* cursorOf(this.#store, union);
    const session = this.#store.client.startSession({ snapshot: true });
    try {
      yield* readPast(this.#store, query, session);
    } finally {
      await session.endSession();
    }
  }

  /** The plans of both sides. */
  async #explain(
    query: PastQuery,
    session: Session,
    verbosity: mongo.ExplainVerbosityLike | undefined,
  ): Promise<RawDocument> {
    const explained = { ...query, explaining: true } as const;
    const plan = (cursor: mongo.FindCursor) => (verbosity === undefined ? cursor.explain() : cursor.explain(verbosity));
    return {
      head: await plan(findHeads(this.#store, explained, session)),
      versions: await plan(findRecords(this.#store, explained, session)),
    };
  }

  #queryOf(filter: Filter, options: DriverOptions): PastQuery {
    const { sort, projection, fields, skip, limit, hint } = options as {
      sort?: unknown;
      projection?: RawDocument;
      fields?: RawDocument;
      skip?: number;
      limit?: number;
      hint?: mongo.Hint;
    };
    return {
      filter,
      at: this.#instant(options),
      visible: this.#visible || showsSystem(options),
      sort: sortOf(sort),
      projection: projection ?? fields,
      skip: skip ?? 0,
      limit: Math.abs(limit ?? 0),
      hint,
      shared: Object.fromEntries(SHARED.filter((key) => options[key] !== undefined).map((key) => [key, options[key]])),
    };
  }

  #instant(options: DriverOptions): Point {
    requireVersioning(this.#store, 'read the past of');
    const { asOf } = options.chronos as { asOf: Instant };
    return isCollectionVersion(asOf) ? collectionVersionOf(asOf) : dateOf(asOf);
  }
}

/** Which part of documents is in MongoDB has to be read, once. */
async function requireInline(store: Store, { filter, sort, projection }: PastQuery): Promise<void> {
  const { payload } = store;
  await lookForForeignPayload(store);
  const shown = projectionPaths((projection ?? {}) as RawDocument);
  if (!isInMongo(store, [...pathsOfFilter(filter), ...pathsOfSort(sort), ...shown]))
    throw withoutPayload(store, 'read');
  if (payload === undefined) return;
  await payload.kept.known();
  payload.requireFilter('find', filter);
  payload.requireSort('sort', sort);
}

async function* afterwards<T>(first: Promise<void>, then: () => AsyncGenerator<T>): AsyncGenerator<T> {
  await first;
  yield* then();
}

interface Begun {
  readonly documents: AsyncGenerator<RawDocument>;
  readonly first: IteratorResult<RawDocument>;
}

/** An answer whose first document is there, and with it the snapshot of all others. */
async function begun(documents: AsyncGenerator<RawDocument>): Promise<Begun> {
  return { documents, first: await documents.next() };
}

function cursorOf({ payload }: Store, union: Union): mongo.AggregationCursor<RawDocument> {
  const { collection, stages, options, finish } = union;
  const cursor = inItsSnapshot(collection.aggregate([...stages], options));
  return payload?.finishing(cursor, finish) ?? cursor;
}

const BAD_VALUE = 2;

/** Asks once more without naming an index where the server does not have it yet. */
async function withIndexes<T>(query: PastQuery, read: (query: PastQuery) => Promise<T>): Promise<T> {
  try {
    return await read(query);
  } catch (error) {
    if ((error as { code?: unknown }).code !== BAD_VALUE) throw error;
    return read({ ...query, unhinted: true });
  }
}

function aggregateInTransaction(): ConfigError {
  return new ConfigError({
    message:
      'Cannot aggregate as of a past instant in a transaction: the server has no $unionWith there. Read with asOf(at).find(), or aggregate outside of the transaction',
  });
}
