import type { mongo } from 'mongoose';
import type { DriverOptions, Filter } from '../commit/captured-write.ts';
import { isInMongo, keptByOthers, lookForForeignPayload } from '../commit/foreign-payload.ts';
import { withoutPayload } from '../commit/payload-away.ts';
import { ConfigError, UnversionedWriteError } from '../errors.ts';
import { preparing } from '../offload/finishing-cursor.ts';
import { pathsOfFilter, pathsOfSort } from '../offload/needed-paths.ts';
import { checkPipeline, checkPipelineOnceKnown } from '../offload/offload-pipeline.ts';
import type { PayloadTier } from '../offload/payload-tier.ts';
import { projectionPaths } from '../payload/covered-by.ts';
import type { KeptPart } from '../payload/kept-part.ts';
import { hideInPipeline, hideInProjection, operatorOf } from '../system/hide.ts';
import { showsSystem } from '../system/show.ts';
import type { RawDocument } from '../types.ts';
import { type CaptureTarget, type DriverCollection, type GivenOptions, isPast, optionsOf } from './capture-target.ts';
import { checkLaterStages } from './later-stages.ts';

/** What a cursor asks for. */
interface Query {
  readonly filter: Filter;
  readonly sort?: unknown;
  readonly projection: RawDocument | undefined;
}

/** The reading methods of a versioned collection: without `_system`, and of the past where the call asks for it. */
export class CapturedReads {
  readonly #target: CaptureTarget;
  readonly #native: DriverCollection;

  constructor(target: CaptureTarget) {
    this.#target = target;
    this.#native = target.committer.store.head;
  }

  find(filter: Filter = {}, options?: GivenOptions): unknown {
    const driver = optionsOf(options);
    this.#requireInline('find', filter, driver);
    if (isPast(driver)) return this.#target.past.find(filter, driver);
    return this.#current(filter, driver);
  }

  async findOne(filter: Filter = {}, options?: GivenOptions): Promise<unknown> {
    const driver = optionsOf(options);
    await this.#requireInlineOnceKnown('find', filter, driver);
    if (driver.explain === undefined) this.#requireInMongo(pathsAsked(filter, driver));
    if (isPast(driver)) return this.#target.past.findOne(filter, driver);
    if (this.#payload === undefined || driver.explain !== undefined) {
      return this.#native.findOne(filter, this.#hiding(driver));
    }
    const cursor = this.#current(filter, driver).limit(-1).batchSize(1);
    return cursor.next().finally(() => cursor.close());
  }

  async countDocuments(filter: Filter = {}, options?: GivenOptions): Promise<number> {
    const driver = optionsOf(options);
    await this.#requireInlineOnceKnown('count', filter);
    this.#requireInMongo(pathsOfFilter(filter));
    if (isPast(driver)) return this.#target.past.countDocuments(filter, driver);
    return this.#native.countDocuments(filter, driver as object);
  }

  estimatedDocumentCount(options?: GivenOptions): Promise<number> {
    const driver = optionsOf(options);
    if (isPast(driver)) return this.#target.past.countDocuments({}, driver);
    return this.#native.estimatedDocumentCount(driver as object);
  }

  async distinct(key: string, filter: Filter = {}, options?: GivenOptions): Promise<unknown[]> {
    const driver = optionsOf(options);
    await this.#requireInlineOnceKnown('find', filter);
    this.#payload?.requirePath('tell apart', key);
    this.#requireInMongo([...pathsOfFilter(filter), key]);
    if (isPast(driver)) return this.#target.past.distinct(key, filter, driver);
    return this.#native.distinct(key, filter, driver as object);
  }

  aggregate(pipeline: RawDocument[] = [], options?: GivenOptions): unknown {
    const driver = optionsOf(options);
    this.#refuseWritingStages(pipeline);
    if (isPast(driver)) return this.#target.past.aggregate(pipeline, driver);
    const { collectionName } = this.#native;
    const result = checkPipeline(collectionName, pipeline, this.#target.keptOf);
    if (this.#payload !== undefined && result === 'documents') {
      return this.#payload.finishingWhole(this.#aggregate(pipeline, pipeline, driver), this.#shows(driver));
    }
    const hidden = this.#shows(driver) ? pipeline : hideInPipeline(pipeline, this.#target.isVersioned);
    const cursor = this.#aggregate(hidden, pipeline, driver);
    return driver.explain === undefined ? this.#inMongo(cursor, () => this.#requireValues(pipeline)) : cursor;
  }

  /** @param asked the pipeline as it was given, before it was made one that hides */
  #aggregate(
    pipeline: RawDocument[],
    asked: readonly RawDocument[],
    options: DriverOptions,
  ): mongo.AggregationCursor<RawDocument> {
    const { collectionName } = this.#native;
    let stages = asked;
    const cursor = preparing(this.#native.aggregate<RawDocument>(pipeline, options as object), () =>
      checkPipelineOnceKnown(collectionName, stages, this.#target.keptOf),
    );
    return checkLaterStages(cursor, (stage) => {
      const longer = [...stages, stage];
      this.#refuseWritingStages(longer);
      checkPipeline(collectionName, longer, this.#target.keptOf);
      stages = longer;
    });
  }

  watch(pipeline: RawDocument[] = [], options?: GivenOptions): unknown {
    const hidden = this.#target.visible ? pipeline : [...pipeline, { $unset: HIDDEN_IN_EVENTS }];
    return this.#native.watch(hidden, (options ?? {}) as object);
  }

  get #payload(): PayloadTier | undefined {
    return this.#target.committer.store.payload;
  }

  /** What is read of the present, with what is in object storage. */
  #current(filter: Filter, options: DriverOptions): mongo.FindCursor<RawDocument> {
    const payload = this.#payload;
    if (payload === undefined || options.explain !== undefined) {
      const cursor = this.#native.find(filter, this.#hiding(options));
      if (options.explain !== undefined) return cursor;
      return this.#inMongo(cursor, () => this.#requireInMongo(pathsAsked(filter, options)));
    }
    const { fields, projection = fields, ...rest } = options;
    const query = { filter, sort: options.sort, projection: projection as RawDocument | undefined };
    const plan = payload.readPlan(query.projection, this.#shows(options));
    const asked = plan.projection === undefined ? rest : { ...rest, projection: plan.projection };
    return this.#planned(payload, this.#native.find(filter, asked as object), query, this.#shows(options));
  }

  /** A cursor whose rows are finished by a plan, and which plans anew where it is told something else later. */
  #planned(
    payload: PayloadTier,
    cursor: mongo.FindCursor<RawDocument>,
    given: Query,
    visible: boolean,
  ): mongo.FindCursor<RawDocument> {
    let query = given;
    let plan = payload.readPlan(query.projection, visible);
    const { sort, project, filter, clone } = cursor;
    const replan = () => {
      plan = payload.readPlan(query.projection, visible);
      return project.call(cursor, plan.projection ?? {});
    };
    const told = {
      sort: (...args: Parameters<typeof sort>) => {
        payload.requireSort('sort', args[0]);
        query = { ...query, sort: args[0] };
        return sort.apply(cursor, args);
      },
      project: (projection: RawDocument) => {
        query = { ...query, projection };
        return replan();
      },
      filter: (asked: Filter) => {
        payload.requireFilter('find', asked);
        query = { ...query, filter: asked };
        return filter.call(cursor, asked);
      },
      clone: () => this.#planned(payload, clone.call(cursor), query, visible),
    };
    const { isKnown } = payload.kept;
    const onceKnown = async () => {
      if (isKnown) return;
      await this.#requireInlineOnceKnown('find', query.filter, { sort: query.sort });
      replan();
    };
    Object.assign(preparing(cursor, onceKnown), told);
    return payload.finishing(cursor, async (rows) => (await plan.finish?.(rows)) ?? rows);
  }

  /** Which part of documents is in MongoDB has to be read, once. */
  async #requireInlineOnceKnown(operation: string, filter: Filter, { sort }: DriverOptions = {}): Promise<void> {
    await this.#payload?.kept.known();
    const look = lookForForeignPayload(this.#target.committer.store);
    if (look !== undefined) await look;
    this.#requireInline(operation, filter, { sort });
  }

  /** A cursor of a model without payload, which gives nothing of what another model has put into object storage. */
  #inMongo<C extends mongo.FindCursor | mongo.AggregationCursor>(cursor: C, check: () => void): C {
    const { store } = this.#target.committer;
    const look = lookForForeignPayload(store);
    if (look === undefined && keptByOthers(store) === undefined) return cursor;
    look?.catch(() => undefined);
    return preparing(cursor, async () => {
      await lookForForeignPayload(store);
      check();
    });
  }

  /** @throws ConfigError for a pipeline that needs what another model has put into object storage */
  #requireValues(pipeline: readonly RawDocument[]): void {
    const { store } = this.#target.committer;
    const kept = keptByOthers(store);
    if (kept !== undefined && resultOf(this.#native.collectionName, pipeline, kept) !== 'values')
      throw withoutPayload(store, 'read');
  }

  /** @throws ConfigError for what another model has put into object storage, where this one has none */
  #requireInMongo(paths: readonly string[]): void {
    const { store } = this.#target.committer;
    if (!isInMongo(store, paths)) throw withoutPayload(store, 'read');
  }

  #requireInline(operation: string, filter: Filter, { sort }: DriverOptions = {}): void {
    this.#payload?.requireFilter(operation, filter);
    this.#payload?.requireSort('sort', sort);
  }

  #shows(options: DriverOptions): boolean {
    return this.#target.visible || showsSystem(options);
  }

  #hiding(options: DriverOptions): object {
    if (this.#shows(options)) return options;
    const projection = (options.projection ?? options.fields) as RawDocument | undefined;
    return { ...options, projection: hideInProjection(projection) };
  }

  #refuseWritingStages(pipeline: readonly RawDocument[]): void {
    const last = pipeline.at(-1);
    const operator = last === undefined ? '' : operatorOf(last);
    if (operator !== '$merge' && operator !== '$out') return;
    const into = writtenCollection(last?.[operator]);
    if (into === undefined || !this.#target.isVersioned(into)) return;
    throw new UnversionedWriteError({
      collection: into,
      message: `Cannot ${operator} into ${into}: the server would write past its history. Read the pipeline's result and write it with bulkWrite, or merge into a collection without history`,
    });
  }
}

function resultOf(collection: string, pipeline: readonly RawDocument[], kept: KeptPart): 'documents' | 'values' {
  try {
    return checkPipeline(collection, pipeline, (name) => (name === collection ? kept : undefined));
  } catch (error) {
    if (error instanceof ConfigError) return 'documents';
    throw error;
  }
}

/** What a read needs of documents. */
function pathsAsked(filter: Filter, { sort, projection, fields }: DriverOptions): readonly string[] {
  const shown = projectionPaths((projection ?? fields ?? {}) as RawDocument);
  return [...pathsOfFilter(filter), ...pathsOfSort(sort), ...shown];
}

const HIDDEN_IN_EVENTS = ['fullDocument._system', 'fullDocumentBeforeChange._system'];

/** The collection a `$merge` or `$out` writes to: `'name'`, `{ into }`, `{ into: { coll } }` or `{ coll }`. */
function writtenCollection(target: unknown): string | undefined {
  if (typeof target === 'string' || typeof target !== 'object' || target === null) return target as string | undefined;
  const { into, coll } = target as { into?: unknown; coll?: string };
  return into === undefined ? coll : writtenCollection(into);
}
