import type { mongo } from 'mongoose';
import type { Clock } from '../clock.ts';
import { StorageError } from '../errors.ts';
import type { PayloadMap } from '../payload/payload-map.ts';
import { type PresignBlobsOptions, presignBlobs } from '../payload/presign-blobs.ts';
import type { BlobReference, Bson, RawDocument, SystemFields } from '../types.ts';
import { within } from '../within.ts';
import { AtOnce } from './at-once.ts';
import { bringBack } from './bring-back.ts';
import { type ErasedObjects, eraseObjects, type OwnObjects } from './erase-objects.ts';
import { type Finish, finishing } from './finishing-cursor.ts';
import { objectsOf, type ReferredObject } from './inspect-objects.ts';
import { KeptPaths } from './kept-paths.ts';
import { LargeDocuments } from './large-documents.ts';
import { hasProcessed, markAgain, partAgain } from './mark-again.ts';
import { type MarkReport, markDocuments } from './mark-processed.ts';
import { Marking, type MarkingOptions } from './marking.ts';
import { pathsOfFilter, pathsOfSort } from './needed-paths.ts';
import { requireCovered } from './offload-pipeline.ts';
import { indexOutbox, putIntoOutbox } from './outbox.ts';
import { Ownership } from './ownership.ts';
import { PayloadReader } from './payload-reader.ts';
import type { PayloadStores } from './payload-stores.ts';
import { placesOf } from './places.ts';
import { type PresentRow, presentRow, type ReadRow } from './present-row.ts';
import { projectedByServer } from './project-by-server.ts';
import { type PlanContext, type ReadPlan, readPlan, wholeFinish } from './read-plan.ts';
import { rowOf } from './row.ts';
import { type SweepCounts, type SweepRun, sweepObjects } from './sweep-objects.ts';
import { type Offloading, UPLOAD_DEADLINE_MS } from './upload-row.ts';
import { Uploader, type WrittenVersion } from './uploader.ts';

/** How the payloads of a collection are kept. */
export interface TierOptions extends MarkingOptions {
  readonly stores: PayloadStores;
  readonly map: PayloadMap;
  readonly prefix: string;
  readonly tenant?: string | undefined;
  readonly batchWindowMs: number;
  readonly ack: 'committed' | 'stored';
  /** What versions refer to that have left the collection. */
  readonly leftOnes?: Offloading['leftOnes'];
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

/** A document that a write has met, of which only a part is in MongoDB. */
interface Away {
  readonly bytes: Uint8Array;
}

const ACK_DEADLINE_MS = 30_000;
const FLUSH_DEADLINE_MS = 60_000;

/** Keeps the payloads of one collection in object storage, and fetches them where they are needed. */
export class PayloadTier {
  /** What the server can be asked for. */
  readonly kept: KeptPaths;
  /** Documents whose payload is stored before they are committed. */
  readonly large: LargeDocuments;
  readonly #target: Offloading;
  readonly #versioning: boolean;
  readonly #options: TierOptions;
  readonly #reader: PayloadReader;
  readonly #uploader: Uploader;
  readonly #ownership: Ownership;
  readonly #marking: Marking;
  readonly #putBack = new AtOnce(16);

  constructor(collection: TierCollection, options: TierOptions) {
    const { head, versions, bson, clock, versioning, tenantField } = collection;
    const { stores, map, prefix, tenant, batchWindowMs, leftOnes } = options;
    this.kept = new KeptPaths(head, map);
    const address = { prefix, collection: head.collectionName, tenant };
    const isShared = tenantField !== undefined;
    this.#target = { head, versions, bson, stores, map, kept: this.kept, address, isShared, leftOnes };
    this.#versioning = versioning;
    this.#options = options;
    this.#reader = new PayloadReader(bson, stores);
    this.#ownership = new Ownership(this.#target);
    this.#marking = new Marking(this.#target, clock, options);
    this.large = new LargeDocuments(this.#target, {
      whole: (row) => this.whole(row),
      withReferences: (row) => this.withReferences(row),
      owned: () => this.#ownership.require(),
      project: async (document, asked) => (await projectedByServer(this.#target, [document], asked))[0]!,
    });
    this.#uploader = new Uploader(this.#target, {
      batchWindowMs,
      isAwaited: options.ack === 'stored',
      before: () => this.#ownership.require(),
      onStored: (row) => this.#marking.onStored(row),
      onUploaded: (ids) => this.#marking.onUploaded(ids),
      onIdle: () => this.#marking.later(),
    });
  }

  /** Sees to it that what waits is found quickly, and goes on with what earlier processes have left. */
  async prepare(): Promise<void> {
    await indexOutbox(this.#target, this.#versioning);
    await this.kept.refresh();
    if (this.kept.isLacking) await this.kept.widen(async () => !(await hasProcessed(this.#target)));
    this.#ownership.forget();
    await this.#ownership.requireSoon();
    this.drain();
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
   * @param waitMs for how long other processes may ask for what is not to stay any more
   * @throws StorageError in the end, if some of them cannot be read
   */
  async takeOver(waitMs?: number): Promise<void> {
    await putIntoOutbox(this.#target);
    this.drain();
    await this.kept.widen(() => markAgain(this.#target, (row) => this.present(row)));
    await this.kept.narrow(waitMs);
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
    if (this.#options.ack !== 'stored') return;
    const ov = about === undefined ? undefined : this.#uploader.waitingVersion(about);
    await within(deadlineMs, this.#uploader.offered(about), () => this.#late(deadlineMs, { committed: true, ov }));
  }

  /**
   * Waits until everything that is committed by now is stored, and what is due has left MongoDB.
   *
   * @throws StorageError when object storage does not answer in time
   */
  async flush(deadlineMs = FLUSH_DEADLINE_MS): Promise<void> {
    await within(deadlineMs, this.#uploader.hurry(), () => this.#late(deadlineMs, { committed: false }));
    await this.#marking.now();
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

  /** A row with all of its document, or the row that has taken its place. See {@link presentRow}. */
  present(row: Uint8Array, read: ReadRow = (one) => this.whole(one)): Promise<PresentRow | undefined> {
    return presentRow(this.#target, this.#versioning, row, read);
  }

  /**
   * Puts what is missing of documents back into MongoDB. It is no change of them, and makes no version.
   *
   * @throws DocumentTooLargeError for one that has no room there beside what it refers to
   */
  async bringBack(documents: readonly Away[], session: mongo.ClientSession | undefined): Promise<void> {
    const one = async ({ bytes }: Away) => {
      const present = await this.present(bytes);
      // Otherwise it is another version by now, which whoever comes again meets.
      if (present?.row === bytes) await bringBack(this.#target, present, session);
    };
    if (session === undefined) await Promise.all(documents.map((document) => this.#putBack.run(() => one(document))));
    else for (const document of documents) await one(document);
  }

  /** Marks the versions that were written so many hours ago as processed. */
  markByTtl(hours: number, dryRun: boolean): Promise<MarkReport> {
    return this.#marking.byTtl(hours, dryRun);
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
    await this.#ownership.require();
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
      project: (documents, asked) => projectedByServer(this.#target, documents, asked),
    };
  }

  /** A cursor that gives what a plan makes of its rows. */
  finishing<C extends mongo.FindCursor | mongo.AggregationCursor>(cursor: C, finish: Finish | undefined): C {
    return finish === undefined ? cursor : finishing(this.#target.bson, cursor, finish);
  }

  #late(ms: number, about: { readonly committed: boolean; readonly ov?: number | undefined }): StorageError {
    const { head, stores } = this.#target;
    return new StorageError({
      message: `Cannot store all payloads of ${head.collectionName} within ${ms} ms. They are in MongoDB, and are stored as soon as the ${stores.json.name} answers`,
      store: stores.json.name,
      retryable: !about.committed,
      ...about,
      cause: this.#uploader.lastError,
    });
  }
}
