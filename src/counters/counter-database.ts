import type { mongo } from 'mongoose';
import { ConfigError } from '../errors.ts';
import { MAJORITY } from '../system/majority.ts';
import type { RawDocument } from '../types.ts';
import { type BucketRetention, endOf, keptSeconds, startOf, UNITS, type Unit } from './bucket.ts';
import type { Cover } from './cover-range.ts';
import type { DayTally } from './tally.ts';

/** How many there are of each: `created`, `updated`, `deleted`, and rules by their names. */
export interface Counts {
  readonly created?: number;
  readonly updated?: number;
  readonly deleted?: number;
  readonly rules?: Readonly<Record<string, number>>;
}

/** What counts are of: a collection, and a tenant where it is shared. */
export interface Counted {
  readonly as: mongo.ObjectId;
  /** Null where the collection is not shared. */
  readonly tenant: string | null;
}

/** What says in `cnt_*` whose counts they are, for whoever looks there. */
export interface CountedFacts {
  readonly db: string;
  readonly collection: string;
  /** The tenant that has the database for itself. */
  readonly tenant: string | undefined;
}

interface Total extends Counts {
  readonly _id: Counted;
}

interface Bucket extends Counts {
  readonly _id: Counted & { readonly from: Date };
  readonly until: Date;
}

/** How far a collection is counted. */
interface Checkpoint {
  readonly _id: mongo.ObjectId;
  readonly cv: number;
}

/** A database to keep counts in. */
export interface OpenDatabase {
  readonly client: mongo.MongoClient;
  readonly db: mongo.Db;
}

const OPTIONS = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority' },
  readPreference: 'primary',
} as const;
const LATEST = { readPreference: 'primary', readConcern: { level: 'majority' } } as const;
const EXPIRES = 'expires';
const NAMESPACE_EXISTS = 48;

/**
 * The counts, and how far they have come:
 *
 *     cnt_total       { _id: { as, tenant }, db, collection, tenant, created: 1000, updated: 500, deleted: 50, rules: { … } }
 *     cnt_day         { _id: { as, tenant, from }, until, db, … }, and so cnt_week and cnt_month
 *     cnt_checkpoint  { _id: as, cv }: all versions before that number are counted, and no other
 */
export class CounterDatabase {
  readonly retention: BucketRetention;
  readonly #open: () => Promise<OpenDatabase>;
  #opened: Promise<OpenDatabase> | undefined;

  constructor(open: () => Promise<OpenDatabase>, retention: BucketRetention) {
    this.#open = open;
    this.retention = retention;
  }

  /** The number of the first version that is not counted. */
  async checkpoint(as: mongo.ObjectId): Promise<number> {
    const { db } = await this.#ready();
    return (await checkpointsOf(db).findOne({ _id: as }, LATEST))?.cv ?? 0;
  }

  /**
   * Adds counts, and moves the checkpoint on: both or neither.
   *
   * @returns false where somebody else has moved the checkpoint meanwhile, and nothing was added
   */
  async add(
    as: mongo.ObjectId,
    { from, to }: { readonly from: number; readonly to: number },
    tallies: readonly DayTally[],
    facts: CountedFacts,
  ): Promise<boolean> {
    const { client, db } = await this.#ready();
    if (from === 0) await this.#begin(as);
    return client.withSession((session) =>
      session.withTransaction(async () => {
        const moved = await checkpointsOf(db).updateOne({ _id: as, cv: from }, { $set: { cv: to } }, { session });
        if (moved.matchedCount === 0) return false;
        if (tallies.length === 0) return true;
        await totalsOf(db).bulkWrite(
          tallies.map((tally) => totalled(as, tally, facts)),
          { session },
        );
        for (const unit of UNITS) {
          await bucketsOf(db, unit).bulkWrite(
            tallies.map((tally) => bucketed(unit, as, tally, facts)),
            { session },
          );
        }
        return true;
      }, OPTIONS),
    );
  }

  async #begin(as: mongo.ObjectId): Promise<void> {
    const { db } = await this.#ready();
    await checkpointsOf(db).updateOne({ _id: as }, { $setOnInsert: { cv: 0 } }, { ...MAJORITY, upsert: true });
  }

  /** All that was ever counted. */
  async total({ as, tenant }: Counted): Promise<Counts> {
    const { db } = await this.#ready();
    return (await totalsOf(db).findOne({ _id: { as, tenant } }, LATEST)) ?? {};
  }

  /** What was counted in each of these days, weeks and months. */
  async buckets({ as, tenant }: Counted, cover: Cover): Promise<readonly Counts[]> {
    const { db } = await this.#ready();
    const found = UNITS.filter((unit) => cover[unit].length > 0).map((unit) => {
      const ids = cover[unit].map((from) => ({ as, tenant, from }));
      return bucketsOf(db, unit)
        .find({ _id: { $in: ids } }, LATEST)
        .toArray();
    });
    return (await Promise.all(found)).flat();
  }

  async #ready(): Promise<OpenDatabase> {
    this.#opened ??= this.#prepare().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #prepare(): Promise<OpenDatabase> {
    const opened = await this.#open();
    await requireTransactions(opened);
    const seconds = keptSeconds(this.retention);
    const { db } = opened;
    await Promise.all([CHECKPOINTS, TOTALS].map((name) => create(db, name)));
    await Promise.all(UNITS.map((unit) => keep(db, bucketName(unit), seconds[unit])));
    return opened;
  }
}

const CHECKPOINTS = 'cnt_checkpoint';
const TOTALS = 'cnt_total';

const bucketName = (unit: Unit) => `cnt_${unit}`;
const checkpointsOf = (db: mongo.Db) => db.collection<Checkpoint>(CHECKPOINTS);
const totalsOf = (db: mongo.Db) => db.collection<Total>(TOTALS);
const bucketsOf = (db: mongo.Db, unit: Unit) => db.collection<Bucket>(bucketName(unit));

function totalled(as: mongo.ObjectId, tally: DayTally, facts: CountedFacts): mongo.AnyBulkWriteOperation<Total> {
  const filter = { _id: countedBy(as, tally) };
  const update = { $inc: tally.counts, $setOnInsert: whose(tally, facts) } as mongo.UpdateFilter<Total>;
  return { updateOne: { filter, update, upsert: true } };
}

function bucketed(
  unit: Unit,
  as: mongo.ObjectId,
  tally: DayTally,
  facts: CountedFacts,
): mongo.AnyBulkWriteOperation<Bucket> {
  const from = startOf(unit, tally.day);
  const filter = { _id: { ...countedBy(as, tally), from } };
  const made = { until: endOf(unit, from), ...whose(tally, facts) };
  const update = { $inc: tally.counts, $setOnInsert: made } as mongo.UpdateFilter<Bucket>;
  return { updateOne: { filter, update, upsert: true } };
}

function whose({ tenant: own }: DayTally, { db, collection, tenant }: CountedFacts): RawDocument {
  return { db, collection, tenant: own ?? tenant ?? null };
}

function countedBy(as: mongo.ObjectId, { tenant }: DayTally): Counted {
  return { as, tenant: tenant ?? null };
}

/** Counts and checkpoint could come apart without. */
async function requireTransactions({ db }: OpenDatabase): Promise<void> {
  const hello = await db.command({ hello: 1 });
  if (hello.setName !== undefined || hello.msg === 'isdbgrid') return;
  throw new ConfigError({
    message:
      'Cannot keep counters: their server is a standalone and has no transactions. A replica set of one member is enough: start mongod with --replSet rs0, then run rs.initiate() once in mongosh',
  });
}

async function create(db: mongo.Db, name: string): Promise<void> {
  await db.createCollection(name).catch((error: mongo.MongoServerError) => {
    if (error.code !== NAMESPACE_EXISTS) throw error;
  });
}

/** Has the server remove what ended so long ago, or nothing: what was said before does not go on. */
async function keep(db: mongo.Db, name: string, seconds: number | undefined): Promise<void> {
  await create(db, name);
  const collection = db.collection(name);
  const indexes = await collection.indexes();
  const there = indexes.find((index) => index.name === EXPIRES);
  if (there?.expireAfterSeconds === seconds) return;
  if (there !== undefined && seconds !== undefined) {
    await db.command({ collMod: name, index: { name: EXPIRES, expireAfterSeconds: seconds } });
  } else if (seconds !== undefined) {
    await collection.createIndex({ until: 1 }, { name: EXPIRES, expireAfterSeconds: seconds });
  } else {
    await collection.dropIndex(EXPIRES).catch(() => undefined);
  }
}
