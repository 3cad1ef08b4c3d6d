import type { mongo } from 'mongoose';

/** A document as the driver hands it over, before Mongoose makes a model instance of it. */
export type RawDocument = Record<string, unknown>;

/** The driver's BSON module of the very Mongoose instance a model belongs to. */
export type Bson = typeof mongo.BSON;

/** What brought a version about. */
export type Op = 'CREATE' | 'UPDATE' | 'ENRICH' | 'DELETE' | 'RESTORE' | 'ERASE';

/** Who made a change: a name, or a described identity. */
export type Actor =
  | string
  | {
      readonly type: string;
      readonly identifier: string;
      readonly name?: string;
      readonly metadata?: Readonly<Record<string, unknown>>;
    };

/** Who made a change and why. Rides in `{ chronos }` on an operation or in {@link runInChronosContext} around it. */
export interface Attribution {
  readonly actor?: Actor | undefined;
  readonly reason?: string | undefined;
}

/** What an operation may say about its version, in its own option `chronos`. */
export interface ChronosWriteOptions extends Attribution {
  /** Name of the function or job that made the change; collected in `_system.functionIds`. */
  readonly functionId?: string | undefined;
  /** Write only if the document is at this version, else throw `OptimisticLockError`. */
  readonly expectedOv?: number | undefined;
  /** The version's date, for imports. Refused when it precedes the document's last version. */
  readonly at?: Date | undefined;
  /** Makes the call idempotent: repeated with the same `opId` it makes one version and returns the same result. */
  readonly opId?: string | undefined;
  /** Milliseconds after which the call gives up. No deadline by default. */
  readonly deadlineMs?: number | undefined;
  /** `'atomic'` asks for one transaction around a multi-document write, which is otherwise split into chunks. */
  readonly multi?: 'atomic' | undefined;
}

/** An instant to read at: a date, an ISO 8601 string, or a collection version. */
export type Instant = Date | string | { readonly cv: number };

/** Which kind of data a database holds. */
export type DatabaseType = 'metadata' | 'knowledge' | 'runtime' | 'logs';

/** Whom a database belongs to: everyone, a domain, or one tenant. */
export type Tier = 'generic' | 'domain' | 'tenant';

/** Names a place where data lives. What is left out follows from the rest, or from the entity; guesses are not made. */
export interface RouteContext {
  /** The key of a configured database. */
  readonly key?: string | undefined;
  readonly databaseType?: DatabaseType | undefined;
  readonly tier?: Tier | undefined;
  readonly tenantId?: string | undefined;
  /** The domain's or tenant's id, as the tier says. */
  readonly extIdentifier?: string | undefined;
  readonly dbName?: string | undefined;
}

/**
 * How far the payload of a version has come: `new-not-synched` is in MongoDB alone, `new` is in object storage as well,
 * and of `processed` only the part to search by is left in MongoDB.
 */
export type PayloadState = 'new-not-synched' | 'new' | 'processed';

/** Where the stored JSON of a version is, and what it is: told by its bytes. */
export interface PayloadReference {
  readonly key: string;
  /** Of the bytes as they are stored. */
  readonly sha256: string;
  /** Of the bytes as they are stored, in bytes. */
  readonly length: number;
  /** The length of the JSON, in bytes. */
  readonly size: number;
  readonly encoding?: 'gzip' | undefined;
}

/** Where a blob of a version is and what it is: all that is needed to put it back where it was. */
export interface BlobReference {
  readonly contentBucket: string;
  readonly blobKey: string;
  /** Where its text is kept, if it has one. */
  readonly textKey?: string | undefined;
  readonly sha256: string;
  /** In bytes. */
  readonly length: number;
  /** The keys that lead to it, indexes of lists among them. */
  readonly path: readonly string[];
  readonly contentType: string;
  /** What stood before the base64, such as `data:image/png;base64,`. */
  readonly head?: string | undefined;
}

/** The bookkeeping kept under `_system` of a head document. */
export interface SystemFields {
  /** Object version: 0 for the first, one more with every change, never reused. */
  ov: number;
  /** Collection version, in commit order; absent until it is assigned or where it is not kept. */
  cv?: number;
  insertedAt?: Date;
  /** From when this version was current. */
  updatedAt?: Date;
  op?: Op;
  actor?: Actor;
  reason?: string;
  functionId?: string;
  functionIds?: string[];
  opId?: string;
  restoredFrom?: number;
  deleted?: boolean;
  deletedAt?: Date;
  /** True on the proof of an erasure of what had been deleted before. */
  wasDeleted?: boolean;
  /** The version up to which all content was erased. It goes along with the versions that come after. */
  erased?: number;
  /** Absent where the collection has no payload tier. */
  state?: PayloadState;
  /** Drawn when the document was inserted; a part of the keys of its objects. */
  incarnation?: string;
  payload?: PayloadReference;
  blobs?: readonly BlobReference[];
  /** True where versions before this one were lost to a writer that does not keep history, or were not to be kept. */
  gap?: boolean;
  /** True where no version of the document has ever been kept but the current one, for versioning was disabled. */
  sole?: boolean;
}

/** The bookkeeping of a version record: that of the head it was, and when it stopped being one. */
export interface VersionFields extends SystemFields {
  /** When the version was superseded, exclusive. Absent on a tombstone. */
  until?: Date;
  /** The collection version of its successor, where such are kept. */
  untilCv?: number;
  /** Where the interval is kept in the tree that finds it. Absent where the interval is empty. */
  node?: number;
}

declare module 'mongoose' {
  interface QueryOptions {
    chronos?: ChronosWriteOptions;
  }
  interface SaveOptions {
    chronos?: ChronosWriteOptions;
  }
  interface InsertManyOptions {
    chronos?: ChronosWriteOptions;
  }
  interface MongooseBulkWriteOptions {
    chronos?: ChronosWriteOptions;
  }
  interface MongooseBulkSaveOptions {
    chronos?: ChronosWriteOptions;
  }
  interface CreateOptions {
    chronos?: ChronosWriteOptions;
  }
}
