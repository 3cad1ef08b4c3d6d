import type { mongo } from 'mongoose';
import { ConfigError, PayloadIntegrityError, PayloadMissingError, StorageError } from '../errors.ts';
import { pathsOfFilter, pathsOfSort } from '../offload/needed-paths.ts';
import { type BulkItem, type CapturedDelete, type CapturedUpdate, returnsDocument } from './captured-write.ts';
import { isInMongo, keptByOthers } from './foreign-payload.ts';
import type { Store } from './store.ts';
import type { PreImage } from './version-record.ts';

/**
 * Documents of which only a part is in MongoDB met a write that needs them whole. Nothing was written, or what was is
 * undone with the transaction.
 */
class PayloadAway extends Error {
  override readonly name = 'PayloadAway';
  readonly documents: readonly PreImage[];

  constructor(documents: readonly PreImage[]) {
    super(`The payload of ${documents.length} documents is not in MongoDB`);
    this.documents = documents;
  }
}

/**
 * A write has met, or is going to make, a document that is too large for MongoDB as a whole: it is prepared outside of the
 * transaction. Nothing was written.
 */
export class MustStoreFirst extends Error {
  override readonly name = 'MustStoreFirst';
}

export function isAway({ system }: PreImage): boolean {
  return system.state === 'processed';
}

/**
 * Whether a write needs the document that it meets whole. A deletion and a replacement that return nothing do not: the
 * version that is kept goes on to refer to its payload.
 */
export function needsPayload(write: CapturedUpdate | CapturedDelete): boolean {
  if (write.kind === 'delete') return returnsDocument(write);
  return write.method !== 'replaceOne' || write.change.form !== 'replacement';
}

/** @throws PayloadAway unless all of the documents are whole */
export function requireWhole(documents: readonly PreImage[]): void {
  const away = documents.filter(isAway);
  if (away.length > 0) throw new PayloadAway(away);
}

/** @throws ConfigError for a write that looks for its documents by what is in object storage */
export async function requireInline(store: Store, writes: readonly BulkItem[]): Promise<void> {
  const { payload } = store;
  if (payload === undefined && keptByOthers(store) === undefined) return;
  await payload?.kept.known();
  for (const write of writes) {
    if (write.kind === 'insert') continue;
    const { filter, options } = write;
    payload?.requireFilter('write', filter);
    payload?.requireSort('sort', options.sort);
    const paths = [...pathsOfFilter(filter), ...pathsOfSort(options.sort)];
    if (!isInMongo(store, paths)) throw withoutPayload(store, 'write');
  }
}

/** What a call is told that needs what another model has put into object storage. */
export function withoutPayload({ head }: Store, what: 'read' | 'write' | 'erase' | 'unadopt'): ConfigError {
  return new ConfigError({
    message: `Cannot ${what} a document of ${head.collectionName}: some of it is in object storage, and this model has none. Apply the plugin with the payload of the model that has stored it`,
  });
}

/** Whether an error says that the payload of some document could not be had. */
export function isAboutPayload(error: unknown): boolean {
  if (error instanceof StorageError) return !error.committed;
  return [PayloadAway, MustStoreFirst, PayloadMissingError, PayloadIntegrityError].some(
    (kind) => error instanceof kind,
  );
}

/** More than that meet documents whose payload somebody takes away again and again. */
const ATTEMPTS = 10;

/**
 * Carries out a write, and once more where it met documents that are not whole, after their payloads were fetched and
 * put back. The transaction it runs in sees to it that nobody takes them away in between.
 *
 * @param session of a transaction that goes on, if the write runs in one
 * @throws ConfigError where there is no object storage to fetch them from
 */
export async function withPayloads<T>(
  store: Store,
  session: mongo.ClientSession | undefined,
  write: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof PayloadAway) || attempt === ATTEMPTS) throw error;
      if (store.payload === undefined) throw withoutPayload(store, 'write');
      const { large } = store.payload;
      if (error.documents.some(({ bytes }) => large.wasLarge(bytes))) throw new MustStoreFirst();
      await store.payload.bringBack(error.documents, session);
    }
  }
}
