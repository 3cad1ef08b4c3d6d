import type { mongo } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import { withoutPayload } from '../commit/payload-away.ts';
import { impliedOp } from '../commit/stamp.ts';
import type { Store } from '../commit/store.ts';
import { VersionNotFoundError } from '../errors.ts';
import { keptRecords } from '../retention/kept-records.ts';
import { leftRecord } from '../retention/left-record.ts';
import { shownId } from '../row-id.ts';
import { isProcessed, systemOfBytes } from '../system/bookkeeping.ts';
import type { RawDocument, VersionFields } from '../types.ts';
import type { Point } from './instant.ts';
import { begunBy, headCurrentAt, recordEndsAfter } from './interval.ts';
import { asDocument } from './past-query.ts';
import { requireVersioning } from './require-versioning.ts';

/** One version as it is stored: its bookkeeping, and its bytes with `_id` and `_system` still as they are stored. */
export interface StoredVersion {
  readonly system: VersionFields;
  readonly bytes: Uint8Array;
  readonly isHead: boolean;
}

/** How much of a history is read: at most `limit` versions, and only those before version `before`. */
export interface Page {
  readonly limit?: number | undefined;
  readonly before?: number | undefined;
}

/** Versions that are held at once: left to itself the server fills 16 MB. */
const BATCH = 200;

/** All versions of one document, newest first: the head, if there is one, then its records. */
export async function* storedVersions(
  store: Store,
  id: unknown,
  { limit = 0, before }: Page = {},
  session?: mongo.ClientSession,
): AsyncGenerator<StoredVersion> {
  const head = await storedHead(store, id, session);
  const headShows = head !== undefined && (before === undefined || head.system.ov < before);
  if (headShows) yield head;
  if (!store.versioning) {
    const isAll = head === undefined || head.system.ov === 0 || (headShows && limit === 1);
    if (isAll) return;
    requireVersioning(store, 'read the history of');
  }
  // Records are read after the head, so that an update in between can neither hide a version nor show one twice.
  const bound = Math.min(head?.system.ov ?? Number.POSITIVE_INFINITY, before ?? Number.POSITIVE_INFINITY);
  const rest = limit === 0 ? 0 : limit - (headShows ? 1 : 0);
  if (limit > 0 && rest === 0) return;
  const filter = { '_id.id': id, ...(Number.isFinite(bound) ? { '_id.ov': { $lt: bound } } : {}) } as Filter;
  const records = store.versions.find(filter, {
    sort: { '_id.ov': -1 },
    ...(rest === 0 ? {} : { limit: rest }),
    raw: true,
    batchSize: BATCH,
    ...inSession(session),
  });
  const stored = wholeInOrder(store, withLeftOnes(store, id, records, bound));
  let yielded = 0;
  for await (const bytes of stored) {
    yield storedRecord(store, bytes);
    yielded += 1;
    if (yielded === rest) return;
  }
}

/** Records in descending order, and where numbers are missing between them those that have left. */
async function* withLeftOnes(
  store: Store,
  id: unknown,
  records: AsyncIterable<unknown>,
  bound: number,
): AsyncGenerator<Uint8Array> {
  let next = bound;
  const leftDownTo = async (ov: number) => {
    if (next - ov <= 1 || !Number.isFinite(next)) return [];
    const between = (await keptRecords(store, id)).filter((record) => record.ov > ov && record.ov < next);
    return between.reverse().map(({ bytes }) => bytes);
  };
  for await (const record of records) {
    const { ov } = systemOfBytes(store.bson, record as Uint8Array);
    yield* await leftDownTo(ov);
    yield record as Uint8Array;
    next = ov;
  }
  yield* await leftDownTo(-1);
}

export async function storedHead(
  store: Store,
  id: unknown,
  session?: mongo.ClientSession,
): Promise<StoredVersion | undefined> {
  const bytes = await findRaw(store, store.head, { _id: { $eq: id } } as Filter, session);
  return bytes === undefined ? undefined : { system: systemOfBytes(store.bson, bytes), bytes, isHead: true };
}

/** @throws BeyondRetentionError for a version that was dropped */
export async function storedVersion(
  store: Store,
  id: unknown,
  ov: number,
  session?: mongo.ClientSession,
): Promise<StoredVersion | undefined> {
  const head = await storedHead(store, id, session);
  if (head?.system.ov === ov) return head;
  if (!store.versioning) {
    if (head === undefined || ov > head.system.ov) return undefined;
    requireVersioning(store, `read version ${ov} of a document of`);
  }
  const bytes = await findRaw(store, store.versions, { '_id.id': id, '_id.ov': ov } as Filter, session);
  return bytes === undefined ? leftVersion(store, id, ov) : storedRecord(store, bytes);
}

/** The version that has left the collection. @throws BeyondRetentionError if it was dropped */
async function leftVersion(store: Store, id: unknown, asked: number | Point): Promise<StoredVersion | undefined> {
  const bytes = await leftRecord(store, id, asked);
  const document = bytes === undefined ? undefined : await present(store, bytes);
  return document === undefined ? undefined : storedRecord(store, document);
}

/**
 * The version that was current at an instant; undefined before the document's creation and while it was deleted.
 *
 * @throws BeyondRetentionError if it was dropped
 */
export async function storedVersionAt(
  store: Store,
  id: unknown,
  at: Point,
  session?: mongo.ClientSession,
): Promise<StoredVersion | undefined> {
  const head = () => findRaw(store, store.head, { _id: { $eq: id }, ...headCurrentAt(at) } as Filter, session);
  const record = () => findRaw(store, store.versions, { '_id.id': id, ...recordEndsAfter(at) } as Filter, session);
  const current = await head();
  if (current !== undefined) return { system: systemOfBytes(store.bson, current), bytes: current, isHead: true };
  requireVersioning(store, 'read an earlier version of a document of');
  const past = await record();
  return past === undefined ? leftVersion(store, id, at) : storedRecord(store, past);
}

/**
 * @throws VersionNotFoundError where a document has no version of that number, or none at that instant
 * @throws BeyondRetentionError if it was dropped
 */
export async function requireVersion(
  store: Store,
  id: unknown,
  which: number | Point,
  session?: mongo.ClientSession,
): Promise<StoredVersion> {
  const isNumber = typeof which === 'number';
  const version = await (isNumber
    ? storedVersion(store, id, which, session)
    : storedVersionAt(store, id, which, session));
  if (version !== undefined) return version;
  const wanted = isNumber ? `version ${which}` : `a version as of ${formatPoint(which)}`;
  throw new VersionNotFoundError(store.head.collectionName, id, wanted);
}

function formatPoint(at: Point): string {
  return at instanceof Date ? at.toISOString() : `collection version ${at.cv}`;
}

/** Which deletion of a document is meant: its version, one in force at an instant, or else the last. */
export type Deletion = { readonly ov?: number; readonly at?: Point };

/** The content of a document that was deleted, under the bookkeeping of its deletion. */
export async function deletedVersion(
  store: Store,
  id: unknown,
  { ov, at }: Deletion,
  session?: mongo.ClientSession,
): Promise<StoredVersion | undefined> {
  requireVersioning(store, 'read a deleted document of');
  const which = { ...(ov === undefined ? {} : { '_id.ov': ov }), ...(at === undefined ? {} : begunBy(at)) };
  const newest = { sort: { '_id.ov': -1 }, raw: true, ...inSession(session) } as const;
  const find = async (filter: object) =>
    (await store.versions.findOne({ '_id.id': id, ...filter } as Filter, newest)) as unknown as Uint8Array | null;
  const deletion = await find({ '_system.deleted': true, ...which });
  if (deletion === null) return undefined;
  const system = systemOfBytes(store.bson, deletion);
  if (system.op === 'ERASE') return undefined;
  const bytes = await find({ '_id.ov': { $lt: system.ov }, '_system.deleted': { $ne: true } });
  const isLast = bytes !== null && systemOfBytes(store.bson, bytes).ov === system.ov - 1;
  const last = (isLast ? undefined : await leftRecord(store, id, system.ov - 1)) ?? bytes;
  const document = last === null ? undefined : await present(store, last);
  return document === undefined ? undefined : { system, bytes: document, isHead: false };
}

function storedRecord(store: Store, bytes: Uint8Array): StoredVersion {
  return { system: systemOfBytes(store.bson, bytes), bytes, isHead: false };
}

async function findRaw(
  store: Store,
  collection: Store['head'],
  filter: Filter,
  session: mongo.ClientSession | undefined,
): Promise<Uint8Array | undefined> {
  const found = await collection.findOne(filter, { raw: true, ...inSession(session) });
  if (found === null) return undefined;
  return present(store, found as unknown as Uint8Array);
}

/** A row with what of its document is in object storage. */
export async function whole(store: Store, bytes: Uint8Array): Promise<Uint8Array> {
  const { payload } = store;
  return payload === undefined ? requireWhole(store, bytes) : payload.whole(bytes);
}

/** The same; undefined for one that is gone, because it was erased since it was read. */
async function present(store: Store, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const { payload } = store;
  return payload === undefined ? requireWhole(store, bytes) : (await payload.present(bytes))?.document;
}

/** @throws ConfigError for a row of which a part is in object storage, where the model has none */
function requireWhole(store: Store, bytes: Uint8Array): Uint8Array {
  if (isProcessed(bytes)) throw withoutPayload(store, 'read');
  return bytes;
}

/** Rows that are put together at once. */
const WHOLE_AHEAD = 16;

async function* wholeInOrder(store: Store, rows: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  const ahead: Promise<Uint8Array | undefined>[] = [];
  const first = async () => [(await ahead.shift()) ?? []].flat();
  for await (const row of rows) {
    const next = present(store, row as Uint8Array);
    next.catch(() => undefined);
    ahead.push(next);
    if (ahead.length >= (store.payload === undefined ? 1 : WHOLE_AHEAD)) yield* await first();
  }
  while (ahead.length > 0) yield* await first();
}

function inSession(session: mongo.ClientSession | undefined): { session?: mongo.ClientSession } {
  return session === undefined ? {} : { session };
}

/** The same store for reading, with rows that are put together in another way than whole. */
export function readingBy(store: Store, whole: (row: Uint8Array) => Uint8Array | Promise<Uint8Array>): Store {
  const present = (row: Uint8Array) => store.payload?.present(row, whole);
  return Object.create(store, { payload: { value: { whole, present } } }) as Store;
}

/** The content of a version as the driver gives documents: its own `_id`, and its bookkeeping only if that is shown. */
export function contentOf(store: Store, { bytes, isHead }: StoredVersion, visible = false): RawDocument {
  const stored = store.bson.deserialize(bytes) as RawDocument;
  const document = isHead ? stored : asDocument(stored);
  document._id = shownId(document._id);
  if (!visible) delete document._system;
  return document;
}

export function opOf(system: VersionFields): NonNullable<VersionFields['op']> {
  return system.op ?? impliedOp(system.ov);
}
