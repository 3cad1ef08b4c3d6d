import { MongooseError } from 'mongoose';
import { shownId } from './row-id.ts';

/** Facts an error carries besides its message: ids, versions and names, never document contents or credentials. */
interface ErrorDetails {
  readonly message: string;
  readonly cause?: unknown;
}

/**
 * Root of every error this library throws on its own account. Errors of the MongoDB driver and of Mongoose
 * (`ValidationError`, `VersionError`, `MongoServerError`, …) reach the caller unchanged and are not wrapped.
 */
export abstract class ChronosError extends MongooseError {
  /** Stable machine-readable code, safe to compare and to log. */
  abstract readonly code: string;
  /** Whether the same call may succeed when it is made again unchanged. */
  readonly retryable: boolean = false;

  static {
    // Mongoose's own name is read-only, and would refuse the names that are given here.
    Object.defineProperty(ChronosError.prototype, 'name', { value: 'ChronosError', writable: true });
  }

  constructor({ message, cause }: ErrorDetails) {
    super(message);
    if (cause !== undefined) this.cause = cause;
  }
}

/** A wrong option, an unusable server, or a call that the configuration does not allow. */
export class ConfigError extends ChronosError {
  override readonly name = 'ConfigError';
  readonly code = 'CHRONOS_CONFIG';
}

/** A decorated class that cannot become a schema. Thrown when the class is first used, or registered. */
export class EntityDefinitionError extends ChronosError {
  override readonly name = 'EntityDefinitionError';
  readonly code = 'CHRONOS_ENTITY_DEFINITION';
  /** The name of the class at fault. */
  readonly entity: string;
  /** The property at fault, where it is one. */
  readonly property: string | undefined;

  constructor(entity: string, property: string | undefined, problem: string) {
    const where = property === undefined ? entity : `${entity}.${property}`;
    super({ message: `Cannot define ${where}: ${problem}` });
    this.entity = entity;
    this.property = property;
  }
}

/** There is no such tenant. No connection was opened and no database touched. */
export class TenantNotFoundError extends ChronosError {
  override readonly name = 'TenantNotFoundError';
  readonly code = 'CHRONOS_TENANT_NOT_FOUND';
  /** The id that was asked for; undefined where it was not even a well-formed one. */
  readonly tenantId: string | undefined;

  constructor(details: ErrorDetails & { readonly tenantId: string | undefined }) {
    super(details);
    this.tenantId = details.tenantId;
  }
}

/** What was asked for names no place, more than one, or a place that something else in the call does not belong to. */
export class RouteMismatchError extends ChronosError {
  override readonly name = 'RouteMismatchError';
  readonly code = 'CHRONOS_ROUTE_MISMATCH';
}

/** A write that would leave no version behind, such as `$merge` into a versioned collection or a forged `_system`. */
export class UnversionedWriteError extends ChronosError {
  override readonly name = 'UnversionedWriteError';
  readonly code = 'CHRONOS_UNVERSIONED_WRITE';
  readonly collection: string;

  constructor(details: ErrorDetails & { readonly collection: string }) {
    super(details);
    this.collection = details.collection;
  }
}

/** A write through a model, query or document that shows the past. */
export class ReadOnlyVersionError extends ChronosError {
  override readonly name = 'ReadOnlyVersionError';
  readonly code = 'CHRONOS_READ_ONLY_VERSION';

  constructor(model: string, operation: string) {
    super({
      message: `Cannot ${operation} ${model} as of a past instant: versions are read-only. Use ${model}.restore(id, { ov }) or write through ${model} itself`,
    });
  }
}

/** The document is not at the version the caller expected. Nothing was written. */
export class OptimisticLockError extends ChronosError {
  override readonly name = 'OptimisticLockError';
  readonly code = 'CHRONOS_VERSION_CONFLICT';
  readonly collection: string;
  readonly id: unknown;
  readonly expected: number;
  readonly actual: number | null;

  constructor(collection: string, id: unknown, expected: number, actual: number | null) {
    const found = actual === null ? 'no such document' : `version ${actual}`;
    super({
      message: `Cannot write ${collection} ${describeId(id)}: expected version ${expected}, found ${found}. Read it again and repeat the change`,
    });
    this.collection = collection;
    this.id = shownId(id);
    this.expected = expected;
    this.actual = actual;
  }
}

/** There is no such document, now or (where the call reads the past) ever. */
export class NotFoundError extends ChronosError {
  override readonly name = 'NotFoundError';
  readonly code = 'CHRONOS_NOT_FOUND';
  readonly collection: string;
  readonly id: unknown;

  constructor(collection: string, id: unknown) {
    super({ message: `Cannot find ${collection} ${describeId(id)}` });
    this.collection = collection;
    this.id = shownId(id);
  }
}

/** The document exists or existed, but not the version that was asked for. */
export class VersionNotFoundError extends ChronosError {
  override readonly name = 'VersionNotFoundError';
  readonly code = 'CHRONOS_VERSION_NOT_FOUND';
  readonly collection: string;
  readonly id: unknown;

  constructor(collection: string, id: unknown, wanted: string) {
    super({
      message: `Cannot find ${wanted} of ${collection} ${describeId(id)}. See history(id) for the versions there are`,
    });
    this.collection = collection;
    this.id = shownId(id);
  }
}

/** The version that was asked for was dropped by retention, or all that is left of the past is later. */
export class BeyondRetentionError extends ChronosError {
  override readonly name = 'BeyondRetentionError';
  readonly code = 'CHRONOS_BEYOND_RETENTION';
  readonly collection: string;
  /** The document, if it was one that was asked for. */
  readonly id: unknown;
  /** The version or the instant that was asked for. */
  readonly asked: number | Date | { readonly cv: number };
  /** The end of the last version that was dropped in the collection. */
  readonly floor: Date;

  constructor(
    collection: string,
    id: unknown,
    asked: number | Date | { readonly cv: number },
    floor: { readonly droppedUntil: Date; readonly droppedCv?: number | undefined },
  ) {
    const what = id === undefined ? collection : `${collection} ${describeId(id)}`;
    const { droppedUntil, droppedCv } = floor;
    const kept = `${droppedUntil.toISOString()}${droppedCv === undefined ? '' : `, or collection version ${droppedCv},`}`;
    super({
      message: `Cannot read ${what} ${describePoint(asked)}: retention has dropped versions that ended by ${kept} at the latest. Ask for a later one`,
    });
    this.collection = collection;
    this.id = shownId(id);
    this.asked = asked;
    this.floor = droppedUntil;
  }
}

/** The collection keeps no superseded versions, so that its past cannot be read. */
export class VersioningDisabledError extends ChronosError {
  override readonly name = 'VersioningDisabledError';
  readonly code = 'CHRONOS_VERSIONING_DISABLED';
  readonly collection: string;

  constructor(collection: string, operation: string) {
    super({
      message: `Cannot ${operation} ${collection}: versioning is disabled for it, and only current documents are kept. Set versioning: { enabled: true } to keep versions from then on`,
    });
    this.collection = collection;
  }
}

/** The document is under a legal hold: nothing of it may be erased. Nothing was. */
export class LegalHoldError extends ChronosError {
  override readonly name = 'LegalHoldError';
  readonly code = 'CHRONOS_LEGAL_HOLD';
  readonly collection: string;
  readonly id: unknown;

  constructor(collection: string, id: unknown) {
    super({
      message: `Cannot erase ${collection} ${describeId(id)}: it is held. Call releaseHold(id) when it need not be`,
    });
    this.collection = collection;
    this.id = shownId(id);
  }
}

/** The commit's result is unknown: it may stand or not. Ask `Model.outcome(opId)` later. */
export class UnknownOutcomeError extends ChronosError {
  override readonly name = 'UnknownOutcomeError';
  readonly code = 'CHRONOS_UNKNOWN_OUTCOME';
  /** Only with an `opId`: without one, the same call might be carried out twice. */
  override readonly retryable: boolean;
  readonly opId: string | undefined;

  constructor(collection: string, opId: string | undefined, cause: unknown) {
    const next = opId === undefined ? 'Read the document to see' : `Ask outcome('${opId}') later`;
    super({ message: `Cannot tell whether the write to ${collection} was committed. ${next}`, cause });
    this.opId = opId;
    this.retryable = opId !== undefined;
  }
}

/** The document, or its version record, would pass the server's limit of 16 MiB. Nothing was written. */
export class DocumentTooLargeError extends ChronosError {
  override readonly name = 'DocumentTooLargeError';
  readonly code = 'CHRONOS_DOCUMENT_TOO_LARGE';
  readonly collection: string;
  readonly id: unknown;

  constructor(collection: string, id: unknown, cause?: unknown) {
    super({
      message: `Cannot keep a version of ${collection} ${describeId(id)}: with its bookkeeping it passes 16 MiB. Split the document or move large fields out of it`,
      cause,
    });
    this.collection = collection;
    this.id = shownId(id);
  }
}

/** One transaction would hold more changes than the server can. Nothing was written. */
export class TransactionTooLargeError extends ChronosError {
  override readonly name = 'TransactionTooLargeError';
  readonly code = 'CHRONOS_TRANSACTION_TOO_LARGE';

  constructor(collection: string, cause: unknown) {
    super({
      message: `Cannot write to ${collection} in one transaction: it passes the server's cache limit. Change fewer documents per transaction, or write outside one, where the call is split into chunks`,
      cause,
    });
  }
}

/** An answer was read for longer than the server keeps its snapshot. What was read so far is right; begin it anew. */
export class SnapshotExpiredError extends ChronosError {
  override readonly name = 'SnapshotExpiredError';
  readonly code = 'CHRONOS_SNAPSHOT_EXPIRED';
  override readonly retryable = true;

  constructor(cause: unknown) {
    super({
      message:
        'Cannot read on as of a past instant: the server keeps a snapshot for minSnapshotHistoryWindowInSeconds (300 by default), and this answer has been read for longer. Read it anew in less time, or in ranges of _id',
      cause,
    });
  }
}

/** What failed in object storage, and on what. */
export interface StorageFailure {
  readonly message: string;
  /** The store, such as `s3 bucket app-json`. */
  readonly store: string;
  readonly key?: string | undefined;
  /** The status of the answer, if there was one. */
  readonly status?: number | undefined;
  readonly retryable: boolean;
  /** True where the write itself was committed to MongoDB, and stands. @default false */
  readonly committed?: boolean | undefined;
  /** The version that was committed. */
  readonly ov?: number | undefined;
  /** True where an object may not be deleted yet: it is under a retention or a legal hold. @default false */
  readonly retained?: boolean | undefined;
  readonly cause?: unknown;
}

/** Object storage did not do what it was asked. With `committed` the write itself stands in MongoDB. */
export class StorageError extends ChronosError {
  override readonly name = 'StorageError';
  readonly code = 'CHRONOS_STORAGE';
  override readonly retryable: boolean;
  readonly store: string;
  readonly key: string | undefined;
  readonly status: number | undefined;
  readonly committed: boolean;
  readonly ov: number | undefined;
  readonly retained: boolean;

  constructor(failure: StorageFailure) {
    super(failure);
    this.retryable = failure.retryable;
    this.store = failure.store;
    this.key = failure.key;
    this.status = failure.status;
    this.committed = failure.committed ?? false;
    this.ov = failure.ov;
    this.retained = failure.retained ?? false;
  }
}

/** An object that is referred to is not in its store. */
export class PayloadMissingError extends ChronosError {
  override readonly name = 'PayloadMissingError';
  readonly code = 'CHRONOS_PAYLOAD_MISSING';
  readonly store: string;
  readonly key: string;

  constructor(store: string, key: string, cause?: unknown) {
    super({ message: `Cannot find ${key} in the ${store}`, cause });
    this.store = store;
    this.key = key;
  }
}

/** An object is not what was stored under its key: another length, other bytes. Nothing of it is returned. */
export class PayloadIntegrityError extends ChronosError {
  override readonly name = 'PayloadIntegrityError';
  readonly code = 'CHRONOS_PAYLOAD_INTEGRITY';
  readonly store: string;
  readonly key: string;
  /** What was stored, as `sha256-<hex>, <length> bytes`. */
  readonly expected: string;
  readonly found: string;

  constructor(store: string, key: string, expected: string, found: string) {
    super({ message: `Cannot read ${key} in the ${store}: expected ${expected}, found ${found}` });
    this.store = store;
    this.key = key;
    this.expected = expected;
    this.found = found;
  }
}

/** A blob, or all blobs of a document together, pass the limit. Nothing was decoded, and nothing written. */
export class ExternalizationError extends ChronosError {
  override readonly name = 'ExternalizationError';
  readonly code = 'CHRONOS_EXTERNALIZATION';
  readonly property: string;
  /** In bytes. */
  readonly length: number;
  readonly limit: number;

  constructor(property: string, length: number, limit: number) {
    super({
      message: `Cannot externalize ${property}: up to it there are ${length} bytes of blobs, and ${limit} are allowed. Store larger files yourself and keep their address`,
    });
    this.property = property;
    this.length = length;
    this.limit = limit;
  }
}

/** Why a file is not imported. */
export type HistoryFileFault =
  /** It is no export of a history, or one of a later format. */
  | 'foreign'
  /** It ends too early. */
  | 'cut'
  /** It is not what was exported. */
  | 'damaged'
  /** It tells otherwise of a document than the collection does. */
  | 'other-history';

/**
 * A file cannot be imported, or not to its end. Documents that were imported before are whole; importing an intact file
 * of the same export goes on from there.
 */
export class HistoryFileError extends ChronosError {
  override readonly name = 'HistoryFileError';
  readonly code = 'CHRONOS_HISTORY_FILE';
  readonly fault: HistoryFileFault;
  /** Where in the file it shows, if that is one line. */
  readonly line: number | undefined;
  /** The document it shows at, if it is one. */
  readonly id: unknown;

  constructor(fault: HistoryFileFault, problem: string, line?: number, id?: unknown) {
    const where = line === undefined ? '' : ` at line ${line}`;
    const of = id === undefined ? '' : ` of ${describeId(id)}`;
    super({ message: `Cannot import the history${of}: the file is ${FAULTS[fault]}${where}: ${problem}` });
    this.fault = fault;
    this.line = line;
    this.id = id;
  }
}

const FAULTS: Readonly<Record<HistoryFileFault, string>> = {
  foreign: 'no export that can be read',
  cut: 'cut short',
  damaged: 'damaged',
  'other-history': 'of another history',
};

function describePoint(asked: number | Date | { readonly cv: number }): string {
  if (typeof asked === 'number') return `at version ${asked}`;
  return asked instanceof Date ? `as of ${asked.toISOString()}` : `as of collection version ${asked.cv}`;
}

/** How an id stands in a message: short, and only for kinds that carry no document content. */
function describeId(stored: unknown): string {
  const id = shownId(stored);
  if (typeof id === 'string') return JSON.stringify(id.length > 64 ? `${id.slice(0, 64)}…` : id);
  if (typeof id === 'object' && id !== null && '_bsontype' in id) return String(id);
  if (typeof id === 'number' || typeof id === 'bigint') return String(id);
  return '(composite id)';
}
