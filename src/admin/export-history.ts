import { pipeline as piped, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { mongo } from 'mongoose';
import { compareValues } from '../bson/compare.ts';
import { topLevel } from '../bson/exact.ts';
import { toStoredJson } from '../bson/stored-json.ts';
import type { Filter } from '../commit/captured-write.ts';
import { finishErasures } from '../commit/erase-document.ts';
import { erasuresUnderWay } from '../commit/erasures.ts';
import type { Store } from '../commit/store.ts';
import { fieldOf } from '../commit/version-record.ts';
import { completeSnapshot } from '../history/retained.ts';
import { onceAvailable, toldIfExpired } from '../history/snapshot.ts';
import { readFloor } from '../retention/floor.ts';
import { portable } from '../system/portable.ts';
import { BY_ID } from '../system/version-indexes.ts';
import type { RawDocument } from '../types.ts';
import {
  type FileRow,
  FORMAT,
  FORMAT_VERSION,
  type HistoryCounts,
  lineOf,
  type StoredFile,
  Tally,
} from './history-file.ts';

/** Which part of a collection is exported. */
export interface ExportOptions {
  /** Only documents with greater ids. */
  readonly after?: unknown;
  /** Only documents with this id or smaller ones. */
  readonly upTo?: unknown;
  /** Called after every thousand documents. */
  readonly onProgress?: ((counts: HistoryCounts) => void) | undefined;
}

export interface ExportReport extends HistoryCounts {
  /** Of the lines of the file before the last one, which has it too. */
  readonly sha256: string;
}

/** A stored row and whose it is. */
interface Row {
  readonly id: unknown;
  readonly bytes: Uint8Array;
}

/**
 * Writes a collection with its whole history to a stream, as fast as that takes it: see `history-file.ts`. All of it is
 * of one snapshot, and memory stays flat however much there is. What is being erased is not exported.
 *
 * @throws SnapshotExpiredError where the stream takes longer than the server keeps a snapshot: export it in ranges of
 *   ids then, each to a file of its own
 */
export async function exportHistory(
  store: Store,
  to: NodeJS.WritableStream | StoredFile,
  options: ExportOptions = {},
): Promise<ExportReport> {
  await finishErasures(store, await erasuresUnderWay(store));
  const file = new FileWriter(store, options.onProgress);
  const sides = await onceAvailable(() => begin(store, options));
  try {
    await send(Readable.from(inChunks(file.lines(sides)), { objectMode: false }), to);
    return file.report as ExportReport;
  } finally {
    await sides.session.endSession();
  }
}

async function send(lines: Readable, to: NodeJS.WritableStream | StoredFile): Promise<void> {
  if (!('store' in to)) return pipeline(lines, createGzip(), to);
  // An object of which the body fails is not stored.
  const zipped = piped(lines, createGzip(), () => undefined);
  try {
    await to.store.put(to.key, zipped as AsyncIterable<Uint8Array>, { contentType: 'application/gzip' });
  } finally {
    zipped.destroy();
  }
}

/** Heads and records in one snapshot, of which the first are there. */
interface Sides {
  readonly session: mongo.ClientSession;
  readonly heads: AsyncGenerator<Row, undefined>;
  readonly records: AsyncGenerator<Row, undefined>;
  readonly head: IteratorResult<Row, undefined>;
  readonly record: IteratorResult<Row, undefined>;
}

async function begin(store: Store, options: ExportOptions): Promise<Sides> {
  const session = await completeSnapshot([{ store, tenant: undefined }]);
  try {
    const heads = rows(store, headCursor(store, session, options), false);
    const records = rows(store, recordCursor(store, session, options), true);
    return { session, heads, records, head: await heads.next(), record: await records.next() };
  } catch (error) {
    await session.endSession();
    return toldIfExpired(error);
  }
}

/** Makes the lines of one file. */
class FileWriter {
  readonly #store: Store;
  readonly #onProgress: ExportOptions['onProgress'];
  readonly #tally = new Tally();
  /** What the last line says, once it is made. */
  report: ExportReport | undefined;

  constructor(store: Store, onProgress: ExportOptions['onProgress']) {
    this.#store = store;
    this.#onProgress = onProgress;
  }

  async *lines(sides: Sides): AsyncGenerator<string> {
    try {
      yield* this.#lines(sides);
    } catch (error) {
      toldIfExpired(error);
    }
  }

  async *#lines(sides: Sides): AsyncGenerator<string> {
    const { collectionName: collection } = this.#store.head;
    const at = this.#store.clock.now();
    const { droppedUntil, droppedCv } = (await readFloor(this.#store, undefined, sides.session)) ?? {};
    const dropped = droppedUntil === undefined ? undefined : { until: droppedUntil, cv: droppedCv };
    yield this.#line(JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, collection, at, dropped }));
    for await (const { kind, json } of this.#rows(sides)) {
      this.#tally.row(kind);
      yield this.#line(lineOf({ kind, json }));
    }
    this.report = this.#tally.end();
    yield JSON.stringify({ end: this.report });
  }

  #line(text: string): string {
    this.#tally.line(text);
    return text;
  }

  /** Documents in the order of their ids; heads and records are read side by side. */
  async *#rows(sides: Sides): AsyncGenerator<FileRow> {
    let { head, record } = sides;
    while (!head.done || !record.done) {
      const order = head.done ? 1 : record.done ? -1 : compareValues(head.value.id, record.value.id);
      const { id } = (order <= 0 ? head.value : record.value) as Row;
      while (!record.done && compareValues(record.value.id, id) === 0) {
        yield fileRow(this.#store, record.value.bytes, true);
        record = await sides.records.next();
      }
      if (order <= 0) {
        yield fileRow(this.#store, (head.value as Row).bytes, false);
        head = await sides.heads.next();
      }
      this.#tally.documents += 1;
      if (this.#tally.documents % 1_000 === 0) this.#onProgress?.(this.#tally.counts);
    }
  }
}

/** How many payloads are fetched at once. */
const AHEAD = 16;

async function* rows(
  store: Store,
  cursor: mongo.FindCursor<RawDocument>,
  areRecords: boolean,
): AsyncGenerator<Row, undefined> {
  const ahead: Promise<Row>[] = [];
  for await (const raw of cursor) {
    const row = rowOf(store, raw as unknown as Uint8Array, areRecords);
    // Whoever comes to it meets what went wrong.
    row.catch(() => undefined);
    ahead.push(row);
    if (ahead.length === AHEAD) yield (await ahead.shift()) as Row;
  }
  for (const row of ahead) yield await row;
}

/** A row with all of its document, wherever that is. */
async function rowOf({ bson, payload }: Store, stored: Uint8Array, isRecord: boolean): Promise<Row> {
  const bytes = portable(payload === undefined ? stored : await payload.whole(stored));
  const key = topLevel(bson, bytes, '_id');
  return { id: isRecord ? fieldOf(key as RawDocument, 'id') : key, bytes };
}

function fileRow(store: Store, bytes: Uint8Array, isRecord: boolean): FileRow {
  const system = isRecord ? (topLevel(store.bson, bytes, '_system') as RawDocument) : {};
  const kind = !isRecord ? 'head' : fieldOf(system, 'deleted') === true ? 'tombstone' : 'version';
  return { kind, json: toStoredJson(store.bson, bytes) };
}

const BATCH_SIZE = 1_000;

/** In the order of BSON whatever the collation of the collection is, as that of records is. */
function headCursor(store: Store, session: mongo.ClientSession, options: ExportOptions): mongo.FindCursor<RawDocument> {
  return store.head.find(inRange('_id', options), {
    sort: { _id: 1 },
    collation: { locale: 'simple' },
    allowDiskUse: true,
    batchSize: BATCH_SIZE,
    raw: true,
    session,
  });
}

function recordCursor(
  store: Store,
  session: mongo.ClientSession,
  options: ExportOptions,
): mongo.FindCursor<RawDocument> {
  return store.versions.find(inRange('_id.id', options), {
    sort: BY_ID,
    allowDiskUse: true,
    batchSize: BATCH_SIZE,
    raw: true,
    session,
  });
}

function inRange(path: string, { after, upTo }: ExportOptions): Filter {
  const range = { ...(after === undefined ? {} : { $gt: after }), ...(upTo === undefined ? {} : { $lte: upTo }) };
  return (Object.keys(range).length === 0 ? {} : { [path]: range }) as Filter;
}

const CHUNK = 65_536;

/** Lines as larger pieces, of which a stream makes less fuss. */
async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let chunk = '';
  for await (const line of lines) {
    chunk += `${line}\n`;
    if (chunk.length < CHUNK) continue;
    yield Buffer.from(chunk, 'utf8');
    chunk = '';
  }
  if (chunk.length > 0) yield Buffer.from(chunk, 'utf8');
}
