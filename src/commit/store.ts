import type { mongo } from 'mongoose';
import type { Clock } from '../clock.ts';
import type { ChronosOptions } from '../config/options.ts';
import type { ErasedObjects, OwnObjects } from '../offload/erase-objects.ts';
import type { PayloadTier } from '../offload/payload-tier.ts';
import type { VersionIndex } from '../system/version-indexes.ts';
import type { Bson, RawDocument } from '../types.ts';

export type HeadCollection = mongo.Collection<RawDocument>;

/** Where one system-versioned collection lives, and what it takes to read and write it. */
export interface Store {
  /** The app's own collection: the current documents. */
  readonly head: HeadCollection;
  /** `<collection>_ver`: one record per superseded version, and tombstones. */
  readonly versions: HeadCollection;
  readonly client: mongo.MongoClient;
  readonly mongo: typeof mongo;
  readonly bson: Bson;
  /** The driver's own result of a bulk write. */
  readonly BulkWriteResult: new (
    counts: unknown,
    ordered: boolean,
  ) => mongo.BulkWriteResult;
  readonly clock: Clock;
  /** What every version has to pass before it is committed; throws to refuse it. */
  readonly validate?: ((document: RawDocument) => void) | undefined;
  /** Where the documents have objects of their own: what takes them away with their document. */
  readonly objects?: ErasableObjects | undefined;
  /** Keeps the payloads of the documents in object storage, where that is asked for. */
  readonly payload?: PayloadTier | undefined;
  /** Counts the versions of the collection, where that is asked for. */
  readonly counting?: VersionCounting | undefined;
  /**
   * Takes an erased document out of wherever versions are that have left the collection.
   *
   * @returns how many of its versions there were
   */
  readonly eraseLeft: (store: Store, erasure: ErasedLife) => Promise<number>;
  /** Deletes whatever versions have left the collection, when its history is dropped. */
  readonly dropLeft: (store: Store) => Promise<void>;
  /** Which versions are old, and what becomes of them. */
  readonly retention?: ChronosOptions['retention'];
  /** Whether superseded versions are kept. */
  readonly versioning: boolean;
  /** Whether deleted documents are kept, and not erased. */
  readonly logicalDelete: boolean;
  /** Whether versions are numbered across the collection, in commit order (`cv`). */
  readonly collectionVersion: boolean;
  /** The field that names the tenant of a document, where tenants share the collection: see `system/rows.ts`. */
  readonly tenantField?: string | undefined;
  /** Index keys of the schema, mirrored on the versions so that the past is queried as fast as the present. */
  readonly indexes: readonly VersionIndex[];
}

/** Counts versions after they are committed. */
export interface VersionCounting {
  /** Sees to it that new versions are found quickly. */
  prepare(): Promise<void>;
  /** Tells that there may be new versions. */
  offer(): void;
  /** Counts all versions that are committed by now: before some of them go, and for whoever waits for it. */
  settle(): Promise<void>;
}

/** A document that was erased: its versions before `ov`, and those that had ended by `at`. */
export interface ErasedLife {
  readonly id: unknown;
  readonly ov: number;
  readonly at?: Date | undefined;
}

/** Objects outside of the database that belong to documents. */
export interface ErasableObjects {
  /**
   * Removes all objects of a document's versions up to `ov`, with whatever versions of them the store keeps itself. Done
   * again it removes what has come since. What belongs to later versions of the document stays, and what belongs to a
   * document that has come under the same id meanwhile.
   *
   * @param only limits it to these
   */
  erase(id: unknown, ov: number, only?: OwnObjects): Promise<ErasedObjects>;
  /** Where objects may be that cannot be removed from here, and why. */
  closedPlaces(): Promise<readonly string[]>;
  /** For how long an upload that is under way may still put an object. */
  readonly uploadDeadlineMs: number;
}
