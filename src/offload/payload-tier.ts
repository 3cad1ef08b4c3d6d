import type { mongo } from 'mongoose';
import { decodeExact, topLevel } from '../bson/exact.ts';
import type { Clock } from '../clock.ts';
import { ConfigError, DocumentTooLargeError, PayloadMissingError, StorageError } from '../errors.ts';
import type { PayloadMap } from '../payload/payload-map.ts';
import { type PresignBlobsOptions, presignBlobs } from '../payload/presign-blobs.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import { MAJORITY } from '../system/majority.ts';
import { overwrite } from '../system/overwrite.ts';
import type { BlobReference, Bson, RawDocument, SystemFields, VersionFields } from '../types.ts';
import { AtOnce } from './at-once.ts';
import { type ErasedObjects, eraseObjects, type OwnObjects } from './erase-objects.ts';
import { type Finish, finishing } from './finishing-cursor.ts';
import { flipState } from './flip-state.ts';
import { objectsOf, type ReferredObject } from './inspect-objects.ts';
import { isErased } from './is-erased.ts';
import { KeptPaths } from './kept-paths.ts';
import { LargeDocuments } from './large-documents.ts';
import { markAgain, partAgain } from './mark-again.ts';
import { type MarkReport, markAllSuperseded, markDocuments, markDue, markSuperseded } from './mark-processed.ts';
import { pathsOfFilter, pathsOfSort } from './needed-paths.ts';
import { requireCovered } from './offload-pipeline.ts';
import { idsIn, OUTBOX_INDEX } from './outbox.ts';
import { requireOwned, storesOf } from './owner.ts';
import { PayloadReader } from './payload-reader.ts';
import type { PayloadStores } from './payload-stores.ts';
import { placesOf, recordPlaces } from './places.ts';
import { type PlanContext, type PresentRow, type ReadPlan, readPlan, wholeFinish } from './read-plan.ts';
import { inState, type Row, rowOf, stillThere } from './row.ts';
import { type SweepCounts, type SweepRun, sweepObjects } from './sweep-objects.ts';
import { type Offloading, UPLOAD_DEADLINE_MS } from './upload-row.ts';
import { Uploader, type WrittenVersion } from './uploader.ts';

/** How the payloads of a collection are kept. */
export interface TierOptions {
  readonly stores: PayloadStores;
  readonly map: PayloadMap;
  readonly prefix: string;
  readonly tenant?: string | undefined;
  readonly devShadow?: DevShadow | undefined;
  /** Whether superseded versions leave MongoDB as soon as they are stored. */
  readonly allowShadowSkip: boolean;
  readonly batchWindowMs: number;
  readonly ack: 'committed' | 'stored';
  /** What versions refer to that have left the collection. */
  readonly leftOnes?: Offloading['leftOnes'];
}

/** For how long the whole of a version stays in MongoDB after its payload is stored. */
export interface DevShadow {
  readonly ttlHours: number;
  /** Above it, it goes as soon as it is stored. */
  readonly maxBytesPerDoc?: number | undefined;
}

/** The collection the tier is for. */
export interface TierCollection {
  readonly head: mongo.Collection<RawDocument>;
  readonly versions: mongo.Collection<RawDocument>;
  readonly bson: Bson;
  readonly clock: Clock;
  /** Whether superseded versions are kept. */
  readonly versioning: boolean;
  /** The field that names the tenant of a document, where tenants share the collection. */
  readonly tenantField?: string | undefined;
}

/** Puts a row together with what of it is in object storage. */
type ReadRow = (row: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** A document that a write has met, of which only a part is in MongoDB. */
interface Away {
  readonly bytes: Uint8Array;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** For how long a first write waits to hear whose the objects are. */
const OWNER_DEADLINE_MS = 1_000;
/** When what object storage did not let be marked is looked at again. */
const MARK_RETRY_MS = 60_000;
/** The server's limit for one document. */
const MAX_DOCUMENT_BYTES = 16_777_216;
const ACK_DEADLINE_MS = 30_000;
const FLUSH_DEADLINE_MS = 60_000;

/** Keeps the payloads of one collection in object storage, and fetches them where they are needed. */
export class PayloadTier {
  /** What the server can be asked for. */
  readonly kept: KeptPaths;
  /** Documents whose payload is stored before they are committed. */
  readonly large: LargeDocuments;
  readonly #target: Offloading;
  readonly #clock: Clock;
  readonly #versioning: boolean;
  readonly #options: TierOptions;
  readonly #reader: PayloadReader;
  readonly #uploader: Uploader;
  readonly #putBack = new AtOnce(16);
  #ownership: Promise<void> | undefined;
  #markTimer: NodeJS.Timeout | undefined;

  constructor(collection: TierCollection, options: TierOptions) {
    const { head, versions, bson, clock, versioning, tenantField } = collection;
    const { stores, map, prefix, tenant, batchWindowMs, leftOnes } = options;
    this.kept = new KeptPaths(head, map);
    const address = { prefix, collection: head.collectionName, tenant };
    const isShared = tenantField !== undefined;
    this.#target = { head, versions, bson, stores, map, kept: this.kept, address, isShared, leftOnes };
    this.#clock = clock;
    this.#versioning = versioning;
    this.#options = options;
    this.#reader = new PayloadReader(bson, stores);
    this.large = new LargeDocuments(this.#target, {
      whole: (row) => this.whole(row),
      owned: () => this.#owned(),
      project: async (document, asked) => (await this.#projectedByServer([document], asked))[0]!,
    });
    this.#uploader = new Uploader(this.#target, {
      batchWindowMs,
      isAwaited: options.ack === 'stored',
      before: () => this.#owned(),
      onStored: (row) => this.#onStored(row),
      onUploaded: (ids) => this.#onUploaded(ids),
      onIdle: () => this.#markLater(),
    });
  }

  /** Sees to it that what waits is found quickly, and goes on with what earlier processes have left. */
  async prepare(): Promise<void> {
    const [keys, options] = OUTBOX_INDEX;
    const { head, versions } = this.#target;
    const collections = this.#versioning ? [head, versions] : [head];
    await Promise.all(collections.map((one) => one.createIndex(keys, options)));
    await this.kept.refresh();
    if (this.kept.isLacking) await this.kept.widen(async () => !(await this.#hasProcessed()));
    // What was on record has gone where the collection was dropped.
    this.#ownership = undefined;
    await this.#ownedSoon();
    this.drain();
  }

  async #hasProcessed(): Promise<boolean> {
    const { head, versions } = this.#target;
    const found = [head, versions].map((one) => one.findOne(PROCESSED, { projection: { _id: 1 } }));
    return (await Promise.all(found)).some((row) => row !== null);
  }

  /** Whether writes are to wait until their payload is stored. */
  get isAwaited(): boolean {
    return this.#options.ack === 'stored';
  }

  /** Stores new versions that are committed, without anyone waiting for it. */
  offer(versions: readonly WrittenVersion[]): void {
    this.#uploader.offer(versions);
  }

  /** For how long an upload that is under way may still put an object. */
  readonly uploadDeadlineMs = UPLOAD_DEADLINE_MS;

  /**
   * Puts versions from before payloads were kept into the outbox, and into MongoDB what is to stay there of those that
   * have left it.
   *
   * @throws StorageError in the end, if some of them cannot be read
   */
  async takeOver(): Promise<void> {
    const { head, versions } = this.#target;
    const older = { '_system.ov': { $exists: true }, '_system.state': { $exists: false } };
    const update = { $set: { '_system.state': 'new-not-synched' } };
    await head.updateMany(older as never, update, MAJORITY);
    await versions.updateMany({ ...older, '_system.deleted': { $ne: true } } as never, update, MAJORITY);
    this.drain();
    await this.kept.widen(() => markAgain(this.#target, (row) => this.present(row)));
  }

  /** Stores what is left in the outbox, without anyone waiting for it. */
  drain(): void {
    this.#uploader.drain();
  }

  /**
   * Waits until what was offered by now is stored, where writes are to wait for that.
   *
   * @param about the id of the document that was written, if it was one
   * @throws StorageError with `committed` where object storage does not answer in time
   */
  async acknowledged(about?: unknown, deadlineMs = ACK_DEADLINE_MS): Promise<void> {
    if (!this.isAwaited) return;
    const ov = about === undefined ? undefined : this.#uploader.waitingVersion(about);
    await this.#within(deadlineMs, this.#uploader.offered(about), { committed: true, ov });
  }

  /**
   * Waits until everything that is committed by now is stored, and what is due has left MongoDB.
   *
   * @throws StorageError when object storage does not answer in time
   */
  async flush(deadlineMs = FLUSH_DEADLINE_MS): Promise<void> {
    await this.#within(deadlineMs, this.#uploader.hurry(), { committed: false });
    await this.#markWhatIsDue();
  }

  /** Version records as they are to come back into the collection, which keeps more than when they left it. */
  async returning(records: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const map = await this.kept.returning();
    if (map === undefined) return records;
    const { bson } = this.#target;
    const one = async (bytes: Uint8Array) => {
      const row = rowOf(bson, bytes, false);
      return row.system.state === 'processed' ? partAgain(row, await this.whole(bytes), map) : bytes;
    };
    return Promise.all(records.map(one));
  }

  /** The row with all of its document. */
  whole(row: Uint8Array): Promise<Uint8Array> {
    return this.#reader.whole(row);
  }

  /** The row with all of its document but the blobs, in whose places stand their references. */
  withReferences(row: Uint8Array): Promise<Uint8Array> {
    return this.#reader.withReferences(row);
  }

  /** A blob as the property that it was taken from had it. */
  base64Of(reference: BlobReference): Promise<string> {
    return this.#reader.base64Of(reference);
  }

  /**
   * A row with all of its document. Where no versions are kept, its objects go when another version takes its place: then
   * it is that one; undefined where the document is gone altogether, or was erased meanwhile.
   *
   * @param read puts a row together
   */
  async present(row: Uint8Array, read: ReadRow = (one) => this.whole(one)): Promise<PresentRow | undefined> {
    let current = row;
    for (;;) {
      try {
        return { row: current, document: await read(current) };
      } catch (error) {
        if (!(error instanceof PayloadMissingError)) throw error;
        const next = await this.#byNow(current);
        if (next === undefined) return undefined;
        if (Buffer.compare(next, current) === 0) throw error;
        current = next;
      }
    }
  }

  /** What has become of a row whose objects are missing: itself, where nothing tells that they may be. */
  async #byNow(row: Uint8Array): Promise<Uint8Array | undefined> {
    const { bson, head } = this.#target;
    if (topLevel(bson, row, '_id') === undefined) return row;
    const { until }: VersionFields = systemOfBytes(bson, row);
    const one = rowOf(bson, row, until === undefined);
    if (this.#versioning) return (await isErased(this.#target, one)) ? undefined : row;
    const next = await head.findOne({ _id: { $eq: one.id as never } }, { raw: true, readPreference: 'primary' });
    return next === null ? undefined : (next as unknown as Uint8Array);
  }

  /**
   * Puts what is missing of documents back into MongoDB. It is no change of them, and makes no version.
   *
   * @throws DocumentTooLargeError for one that has no room there beside what it refers to
   */
  async bringBack(documents: readonly Away[], session: mongo.ClientSession | undefined): Promise<void> {
    const { bson, head } = this.#target;
    const options = session === undefined ? MAJORITY : { session };
    const one = async ({ bytes }: Away) => {
      const present = await this.present(bytes);
      // It is another version by now, which whoever comes again meets.
      if (present?.row !== bytes) return;
      const whole = inState(bson, present.document, 'new');
      const row = rowOf(bson, bytes, true);
      if (whole.length > MAX_DOCUMENT_BYTES) throw new DocumentTooLargeError(head.collectionName, row.id);
      const filter = stillThere(row);
      const put = (flip: object) =>
        overwrite(head, filter, decodeExact(bson, whole) as RawDocument, { ...options, ...flip });
      // In a transaction a refusal is the end of it.
      await (session === undefined ? flipState(put) : put({}));
    };
    if (session === undefined) await Promise.all(documents.map((document) => this.#putBack.run(() => one(document))));
    else for (const document of documents) await one(document);
  }

  /** Marks the versions that were written so many hours ago as processed. */
  async markByTtl(hours: number, dryRun: boolean): Promise<MarkReport> {
    const until = new Date(this.#clock.now().getTime() - hours * HOUR_MS);
    return { itemsProcessed: await markDue(this.#target, until, dryRun), dryRun };
  }

  /** Marks all stored versions of one document as processed. */
  async mark(id: unknown, dryRun: boolean): Promise<number> {
    return markDocuments(this.#target, [id], () => true, dryRun);
  }

  /** Addresses from which anyone can read the blobs of a version for a while. */
  presign({ blobs = [] }: SystemFields, options: PresignBlobsOptions): ReturnType<typeof presignBlobs> {
    return presignBlobs(this.#target.stores.content, blobs, options);
  }

  /** The objects that a version refers to. */
  objectsOf(system: SystemFields): readonly ReferredObject[] {
    return objectsOf(this.#target.stores, system);
  }

  /** Removes the objects that nothing refers to. */
  async sweep(run: SweepRun): Promise<SweepCounts> {
    return sweepObjects(this.#target, run);
  }

  /** Where objects may be that cannot be removed from here, and why. */
  async closedPlaces(): Promise<readonly string[]> {
    return (await placesOf(this.#target)).closed;
  }

  /** Removes all objects of a document's versions up to `ov`, and forgets what was read of them. */
  async erase(id: unknown, ov: number, only?: OwnObjects): Promise<ErasedObjects> {
    this.#reader.forget();
    await this.#owned();
    return eraseObjects(this.#target, id, ov, only);
  }

  requireFilter(operation: string, filter: RawDocument): void {
    requireCovered(this.#target.head.collectionName, this.kept, operation, pathsOfFilter(filter));
  }

  requireSort(operation: string, sort: unknown): void {
    requireCovered(this.#target.head.collectionName, this.kept, operation, pathsOfSort(sort));
  }

  requirePath(operation: string, path: string): void {
    requireCovered(this.#target.head.collectionName, this.kept, operation, [path]);
  }

  /** How documents are read for a projection. */
  readPlan(projection: RawDocument | undefined, visible: boolean, kept?: readonly string[]): ReadPlan {
    return readPlan(this.#planContext(), projection, visible, kept);
  }

  /** A cursor over rows that a pipeline has let through as they are, which gives whole documents. */
  finishingWhole(cursor: mongo.AggregationCursor, visible: boolean): mongo.AggregationCursor {
    return finishing(this.#target.bson, cursor, wholeFinish(this.#planContext(), visible));
  }

  #planContext(): PlanContext {
    return {
      kept: this.kept,
      collection: this.#target.head.collectionName,
      present: (row) => this.present(row),
      project: (documents, asked) => this.#projectedByServer(documents, asked),
    };
  }

  /** A cursor that gives what a plan makes of its rows. */
  finishing<C extends mongo.FindCursor | mongo.AggregationCursor>(cursor: C, finish: Finish | undefined): C {
    return finish === undefined ? cursor : finishing(this.#target.bson, cursor, finish);
  }

  async #onStored({ id, system, bytes }: Row): Promise<void> {
    const { devShadow } = this.#options;
    if (devShadow?.maxBytesPerDoc === undefined || bytes.length <= devShadow.maxBytesPerDoc) return;
    await markDocuments(this.#target, [id], (row) => row.system.ov === system.ov, false);
  }

  /** A version that was stored before it was superseded is told by the one after it, or by the deletion. */
  async #onUploaded(ids: readonly unknown[]): Promise<void> {
    if (this.#options.allowShadowSkip) await markSuperseded(this.#target, ids);
  }

  /**
   * Sees to it, once, that no other database has its objects under the same keys.
   *
   * @throws ConfigError; StorageError
   */
  #owned(signal?: AbortSignal): Promise<void> {
    this.#ownership ??= this.#own(signal).catch((error: unknown) => {
      this.#ownership = undefined;
      throw error;
    });
    return this.#ownership;
  }

  async #own(signal: AbortSignal | undefined): Promise<void> {
    await recordPlaces(this.#target);
    for (const store of storesOf(this.#target)) await requireOwned(this.#target, store, signal);
  }

  /** Writes do not wait for object storage that does not answer: nothing is stored there before it has. */
  async #ownedSoon(): Promise<void> {
    await this.#owned(AbortSignal.timeout(OWNER_DEADLINE_MS)).catch((error: unknown) => {
      if (error instanceof ConfigError) throw error;
    });
  }

  async #markWhatIsDue(): Promise<void> {
    const { devShadow, allowShadowSkip } = this.#options;
    if (allowShadowSkip) await markAllSuperseded(this.#target);
    if (devShadow === undefined) return;
    await this.markByTtl(devShadow.ttlHours, false);
    for await (const _ of idsIn(this.#target, 'new', undefined, 1)) return this.#markLater();
  }

  /** What has been stored now is due in as long as it stays. */
  #markLater(): void {
    const { devShadow, allowShadowSkip } = this.#options;
    if (devShadow === undefined && !allowShadowSkip) return;
    const dueInMs = devShadow === undefined ? DAY_MS : devShadow.ttlHours * HOUR_MS;
    this.#markIn(Math.min(Math.max(dueInMs, 1_000), DAY_MS));
  }

  #markIn(ms: number): void {
    this.#markTimer ??= setTimeout(() => {
      this.#markTimer = undefined;
      this.#markWhatIsDue().catch(() => this.#markIn(MARK_RETRY_MS));
    }, ms).unref();
  }

  async #within(
    ms: number,
    work: Promise<unknown>,
    { committed, ov }: { readonly committed: boolean; readonly ov?: number | undefined },
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, ms, 'late');
    });
    const outcome = await Promise.race([work, late]).finally(() => clearTimeout(timer));
    if (outcome !== 'late') return;
    const { head, stores } = this.#target;
    throw new StorageError({
      message: `Cannot store all payloads of ${head.collectionName} within ${ms} ms. They are in MongoDB, and are stored as soon as the ${stores.json.name} answers`,
      store: stores.json.name,
      retryable: !committed,
      committed,
      ov,
      cause: this.#uploader.lastError,
    });
  }

  async #projectedByServer(documents: readonly Uint8Array[], projection: RawDocument): Promise<Uint8Array[]> {
    const { bson, head } = this.#target;
    const { db } = head as unknown as { db: mongo.Db };
    const given = documents.map((bytes) => ({ document: { $literal: decodeExact(bson, bytes) } }));
    const stages = [{ $documents: given }, { $replaceWith: '$document' }, { $project: projection }];
    return (await db.aggregate(stages, { raw: true }).toArray()) as unknown as Uint8Array[];
  }
}

const PROCESSED = { '_system.state': 'processed' } as mongo.Filter<RawDocument>;
