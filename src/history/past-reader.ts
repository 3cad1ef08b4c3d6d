import type { mongo } from 'mongoose';
import { canonicalKey } from '../bson/compare.ts';
import type { DriverOptions, Filter } from '../commit/captured-write.ts';
import { pinnedId } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import { showsSystem } from '../system/show.ts';
import type { Instant, RawDocument } from '../types.ts';
import { collectionVersionOf, dateOf, isCollectionVersion, type Point } from './instant.ts';
import { both, headCurrentAt } from './interval.ts';
import { PastCursor } from './past-cursor.ts';
import { PastPipeline } from './past-pipeline.ts';
import { asDocument, findHeads, findRecords, type PastQuery, sortOf } from './past-query.ts';
import { readAllPast, readPast } from './read-past.ts';
import { recordPath } from './record-paths.ts';
import { recordSearch } from './record-search.ts';
import { consistentAggregate, inSnapshot, isConsistent } from './snapshot.ts';

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

/**
 * Answers the driver's reading calls as of the instant in their options. An answer that takes more than one command
 * takes them all in one snapshot, or in the caller's transaction: beside writers it would miss or repeat documents.
 */
export class PastReader {
  readonly #store: Store;
  readonly #visible: boolean;
  readonly #isVersioned: (collection: string) => boolean;

  constructor(store: Store, visible: boolean, isVersioned: (collection: string) => boolean) {
    this.#store = store;
    this.#visible = visible;
    this.#isVersioned = isVersioned;
  }

  find(filter: Filter, options: DriverOptions): PastCursor {
    const callers = options.session ?? undefined;
    return new PastCursor(this.#queryOf(filter, options), {
      oneByOne: (query) => this.#oneByOne(query, callers),
      all: (query) => inSnapshot(this.#store, callers, (session) => readAllPast(this.#store, query, session)),
      explain: (query, verbosity) => this.#explain(query, callers, verbosity),
    });
  }

  async findOne(filter: Filter, options: DriverOptions): Promise<RawDocument | null> {
    const query = this.#queryOf(filter, { ...options, limit: 1 });
    const callers = options.session ?? undefined;
    if (options.explain !== undefined)
      return this.#explain(query, callers, options.explain as mongo.ExplainVerbosityLike);
    if (pinnedId(filter) !== undefined && query.skip === 0) return this.#findPinned(query, callers);
    const [document] = await inSnapshot(this.#store, callers, (session) => readAllPast(this.#store, query, session));
    return document ?? null;
  }

  async countDocuments(filter: Filter, options: DriverOptions): Promise<number> {
    const { at, shared, skip, limit } = this.#queryOf(filter, options);
    const { head, versions } = this.#store;
    const total = await inSnapshot(this.#store, options.session ?? undefined, async (session) => {
      const heads = await head.countDocuments(both(filter, headCurrentAt(at)), { ...shared, session });
      const records = recordSearch(this.#store, filter, at);
      return (
        heads +
        (await versions.countDocuments(records.filter, {
          ...shared,
          ...(records.hint === undefined ? {} : { hint: records.hint }),
          session,
        }))
      );
    });
    const rest = Math.max(0, total - skip);
    return limit === 0 ? rest : Math.min(rest, limit);
  }

  async distinct(key: string, filter: Filter, options: DriverOptions): Promise<unknown[]> {
    const { at, shared } = this.#queryOf(filter, options);
    const { head, versions } = this.#store;
    const values = await inSnapshot(this.#store, options.session ?? undefined, async (session) => {
      const heads = await head.distinct(key, both(filter, headCurrentAt(at)), { ...shared, session });
      const records = recordSearch(this.#store, filter, at);
      return [...heads, ...(await versions.distinct(recordPath(key), records.filter, { ...shared, session }))];
    });
    return shared.collation === undefined ? differing(values) : this.#differingUnder(shared, values);
  }

  aggregate(pipeline: readonly RawDocument[], options: DriverOptions): mongo.AggregationCursor {
    if (options.session?.inTransaction()) throw aggregateInTransaction();
    const { chronos: _read, ...rest } = options;
    const past = new PastPipeline(this.#store, this.#instant(options), this.#visible, this.#isVersioned);
    return consistentAggregate(this.#store, past.of(this.#store.head.collectionName, pipeline), rest);
  }

  /**
   * One document by its id takes both sides at once, without a snapshot. Only an update in between can make both miss:
   * the head was read after it and the records before; then the record it left is there when asked for again.
   */
  async #findPinned(query: PastQuery, session: Session): Promise<RawDocument | null> {
    const unsorted = { ...query, sort: undefined };
    const head = () => only(findHeads(this.#store, unsorted, session));
    const record = async () => {
      const found = await only(findRecords(this.#store, unsorted, session));
      return found === null ? null : asDocument(found);
    };
    if (isConsistent(session)) return (await head()) ?? (await record());
    const [current, past] = await Promise.all([head(), record()]);
    return current ?? past ?? (await record());
  }

  async *#oneByOne(query: PastQuery, callers: Session): AsyncGenerator<RawDocument> {
    if (isConsistent(callers)) return yield* readPast(this.#store, query, callers);
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

  /** What is the same under a collation only the server can tell. */
  async #differingUnder(shared: PastQuery['shared'], values: readonly unknown[]): Promise<unknown[]> {
    const { db } = this.#store.versions as unknown as { db: mongo.Db };
    const groups = db.aggregate(
      [{ $documents: values.map((value) => ({ value: { $literal: value } })) }, { $group: { _id: '$value' } }],
      shared,
    );
    return (await groups.toArray()).map(({ _id }) => _id as unknown);
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
    const { asOf } = options.chronos as { asOf: Instant };
    return isCollectionVersion(asOf) ? collectionVersionOf(asOf) : dateOf(asOf);
  }
}

async function only(cursor: mongo.FindCursor): Promise<RawDocument | null> {
  const [document] = await cursor.limit(-1).toArray();
  return document ?? null;
}

function aggregateInTransaction(): ConfigError {
  return new ConfigError({
    message:
      'Cannot aggregate as of a past instant in a transaction: the server has no $unionWith there. Read with asOf(at).find(), or aggregate outside of the transaction',
  });
}

/** The first of each value. */
function differing(values: readonly unknown[]): unknown[] {
  const byKey = new Map<string, unknown>();
  for (const value of values) {
    const key = canonicalKey(value);
    if (!byKey.has(key)) byKey.set(key, value);
  }
  return [...byKey.values()];
}
