import { topLevel } from '../bson/exact.ts';
import { fromStoredJson, MalformedStoredJson } from '../bson/stored-json-reader.ts';
import { idKey } from '../commit/pinned-id.ts';
import { type PutCounts, type PutRow, putHistory } from '../commit/put-history.ts';
import type { Store } from '../commit/store.ts';
import { fieldOf } from '../commit/version-record.ts';
import { ensureVersions } from '../commit/versions-collection.ts';
import { DocumentTooLargeError, HistoryFileError } from '../errors.ts';
import { type Dropped, takeOverFloor } from '../retention/floor.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import { MAX_DOCUMENT_BYTES } from '../system/document-limit.ts';
import type { RawDocument } from '../types.ts';
import { type FileRow, type HistoryCounts, rowsOfFile, type StoredFile, Tally } from './history-file.ts';

export interface ImportOptions {
  /** Called after each transaction. */
  readonly onProgress?: ((progress: PutCounts) => void) | undefined;
}

/** What the file holds, and what became of it: rows put, there already, or left out because they were erased since. */
export interface ImportReport extends HistoryCounts, PutCounts {}

/** Rows of one transaction. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 8_000_000;

/**
 * Puts what {@link exportHistory} has written into an empty collection, or back into the same one: BSON for BSON, as far
 * as it is not there already. Documents are put whole, in transactions, in the order of their ids, unless the history of
 * one passes 500 versions or 8 MB. So a run that was cut short is finished by running it again.
 *
 * @throws HistoryFileError
 * @throws DocumentTooLargeError for a version above 16 MiB, before anything of its transaction is put
 */
export async function importHistory(
  store: Store,
  from: AsyncIterable<Uint8Array> | StoredFile,
  { onProgress }: ImportOptions = {},
): Promise<ImportReport> {
  const tally = new Tally();
  const done = { inserted: 0, present: 0, erased: 0 };
  const source = 'store' in from ? await from.store.stream(from.key) : from;
  let dropped: Dropped | undefined;
  const rows = rowsOfFile(source, tally, (given) => {
    dropped = given;
  });
  for await (const batch of batchesOf(store, rows, tally)) {
    await ensureVersions(store, undefined);
    // Before the first row: what is not in the file is beyond retention here, too.
    if (dropped !== undefined) await takeOverFloor(store, dropped);
    dropped = undefined;
    const { inserted, present, erased } = await putHistory(store, batch);
    done.inserted += inserted;
    done.present += present;
    done.erased += erased;
    onProgress?.({ ...done });
  }
  return { ...tally.counts, ...done };
}

/** Rows in batches that end with a document, where they would not become too large by that. */
async function* batchesOf(store: Store, rows: AsyncIterable<FileRow>, tally: Tally): AsyncGenerator<readonly PutRow[]> {
  let whole: PutRow[] = [];
  let current: PutRow[] = [];
  let currentKey: string | undefined;
  let line = 1;
  for await (const row of rows) {
    line += 1;
    const next = putRow(store, row, line);
    const key = idKey(next.id);
    if (key !== currentKey) {
      tally.documents += 1;
      whole.push(...current);
      [current, currentKey] = [[], key];
      if (isFull(whole)) {
        yield whole;
        whole = [];
      }
    }
    current.push(next);
    if (!isFull(current)) continue;
    yield [...whole, ...current];
    [whole, current] = [[], []];
  }
  if (whole.length + current.length > 0) yield [...whole, ...current];
}

function isFull(rows: readonly PutRow[]): boolean {
  if (rows.length >= BATCH_ROWS) return true;
  return rows.reduce((sum, { bytes }) => sum + bytes.length, 0) >= BATCH_BYTES;
}

function putRow(store: Store, { kind, json }: FileRow, line: number): PutRow {
  const bytes = bytesOf(store, json, line);
  const key = topLevel(store.bson, bytes, '_id');
  const { ov } = systemOfBytes(store.bson, bytes);
  if (kind === 'head' && key !== undefined && Number.isSafeInteger(ov)) {
    return fitting(store, { isHead: true, id: key, ov, bytes });
  }
  if (kind !== 'head' && isRecordKey(key) && Number(fieldOf(key, 'ov')) === ov) {
    return fitting(store, { isHead: false, id: fieldOf(key, 'id'), ov, bytes });
  }
  throw new HistoryFileError('damaged', `it is no ${kind}`, line);
}

/** What is noted of a version whose payload is going to be stored. */
const NOTED_BYTES = 128;

/** Versions are put into MongoDB as a whole. Those that had their payload stored first may not fit. */
function fitting({ head, payload }: Store, row: PutRow): PutRow {
  const noted = payload === undefined ? 0 : NOTED_BYTES;
  if (row.bytes.length + noted <= MAX_DOCUMENT_BYTES) return row;
  throw new DocumentTooLargeError(head.collectionName, row.id);
}

function isRecordKey(key: unknown): key is RawDocument {
  return typeof key === 'object' && key !== null && fieldOf(key as RawDocument, 'id') !== undefined;
}

function bytesOf({ bson }: Store, json: string, line: number): Uint8Array {
  try {
    return fromStoredJson(bson, json);
  } catch (error) {
    if (!(error instanceof MalformedStoredJson || error instanceof SyntaxError)) throw error;
    throw new HistoryFileError('damaged', 'it is no document', line);
  }
}
