import type { mongo } from 'mongoose';
import { RouteMismatchError } from '../../errors.ts';
import { shownId, withShownIds } from '../../row-id.ts';
import type { RawDocument } from '../../types.ts';
import { shownKeys } from './row-indexes.ts';
import type { TenantRows } from './tenant-rows.ts';

/** A document that was read, under the id that the app knows. The driver has just made it, so it is changed in place. */
export function shownDocument(rows: TenantRows, document: RawDocument): RawDocument {
  const stored = document._id as { t?: unknown; id?: unknown } | null | undefined;
  if (typeof stored !== 'object' || stored === null) return document;
  if (stored.t !== undefined && !isOf(rows, stored.t)) {
    throw new RouteMismatchError({ message: `Cannot give what was found to tenant ${rows.tenantId}: it is another's` });
  }
  document._id = stored.id;
  return document;
}

function isOf(rows: TenantRows, t: unknown): boolean {
  const bytes = t instanceof Uint8Array ? t : (t as mongo.Binary).buffer;
  return Buffer.compare(Buffer.from(rows.tenantId), bytes) === 0;
}

/** The answer to a write: counts stay, and ids are the app's. */
export function shownResult(result: unknown): unknown {
  const bulk = result as { getRawResponse?: () => BulkResponse } | null;
  return typeof bulk?.getRawResponse === 'function' ? shownBulkResult(result as BulkResult) : withShownIds(result);
}

interface BulkResponse {
  readonly upserted?: { _id: unknown }[];
  readonly insertedIds?: { _id: unknown }[];
}

interface BulkResult {
  readonly insertedIds?: Record<number, unknown>;
  readonly upsertedIds?: Record<number, unknown>;
  getRawResponse(): BulkResponse;
}

function shownBulkResult(result: BulkResult): BulkResult {
  const { upserted = [], insertedIds = [] } = result.getRawResponse();
  for (const entry of [...upserted, ...insertedIds]) entry._id = shownId(entry._id);
  for (const ids of [result.insertedIds, result.upsertedIds]) {
    for (const [index, id] of Object.entries(ids ?? {})) (ids as Record<string, unknown>)[index] = shownId(id);
  }
  return result;
}

/** An error of the server's, told in the app's own terms. It stays the very error it is. */
export function shownError(rows: TenantRows, error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const told = error as {
    keyValue?: RawDocument;
    keyPattern?: RawDocument;
    result?: unknown;
    writeErrors?: unknown;
  };
  if (told.keyPattern !== undefined) told.keyPattern = shownKeys(rows, told.keyPattern);
  if (told.keyValue !== undefined) told.keyValue = withShownIds(shownKeys(rows, told.keyValue)) as RawDocument;
  if (told.result !== undefined) shownResult(told.result);
  for (const writeError of [told.writeErrors ?? []].flat()) {
    const { err } = writeError as { err?: { op?: RawDocument } };
    if (err?.op !== undefined && !(err.op instanceof Map)) err.op = withShownIds(err.op) as RawDocument;
  }
  return error;
}
