import { createHash, type Hash } from 'node:crypto';
import { pipeline } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { HistoryFileError } from '../errors.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import type { Dropped } from '../retention/floor.ts';

/**
 * A collection with its history as a file: gzip of lines of JSON, documents in the order of their ids, and of each its
 * records in the order of `ov` and then its head, in the exact form of `bson/stored-json.ts`:
 *
 *     {"format":"mongoose-chronos history","version":1,"collection":"users","at":"2026-01-01T00:00:00.000Z"}
 *     {"version":{"_id":{"id":"a","ov":0},"name":"Ana",…,"_system":{"ov":0,"until":{"$date":…},…}}}
 *     {"tombstone":{"_id":{"id":"a","ov":1},"_system":{"ov":1,"deleted":true,…}}}
 *     {"head":{"_id":"b","name":"Bea","_system":{"ov":0,…}}}
 *     {"end":{"documents":2,"heads":1,"versions":1,"tombstones":1,"sha256":"<of all lines before>"}}
 *
 * The first line says as well up to when retention had dropped versions: `"dropped":{"until":"2025-01-01T…","cv":41}`.
 */
export const FORMAT = 'mongoose-chronos history';
export const FORMAT_VERSION = 1;

export type RowKind = 'head' | 'version' | 'tombstone';

/** Where a file is kept that is an object, such as `{ store: buckets.backup, key: 'users/2026-01-01.ndjson.gz' }`. */
export interface StoredFile {
  readonly store: Pick<PayloadStore, 'put' | 'stream'>;
  readonly key: string;
}

/** How much a file holds. */
export interface HistoryCounts {
  readonly documents: number;
  readonly heads: number;
  readonly versions: number;
  readonly tombstones: number;
}

/** Counts rows, and digests the lines they are in. */
export class Tally {
  readonly #hash: Hash = createHash('sha256');
  readonly #rows = { head: 0, version: 0, tombstone: 0 };
  documents = 0;

  line(text: string): void {
    this.#hash.update(text).update('\n');
  }

  row(kind: RowKind): void {
    this.#rows[kind] += 1;
  }

  get counts(): HistoryCounts {
    const { head, version, tombstone } = this.#rows;
    return { documents: this.documents, heads: head, versions: version, tombstones: tombstone };
  }

  /** The content of the last line. To be asked for once. */
  end(): HistoryCounts & { readonly sha256: string } {
    return { ...this.counts, sha256: this.#hash.digest('hex') };
  }
}

/** A row as it stands in a file. */
export interface FileRow {
  readonly kind: RowKind;
  /** The document in the form of `bson/stored-json.ts`. */
  readonly json: string;
}

export function lineOf({ kind, json }: FileRow): string {
  return `{"${kind}":${json}}`;
}

const ROW = /^\{"(head|version|tombstone)":(\{.*\})\}$/s;

/**
 * The rows of a file. That it is whole and unchanged is known only when all of them are read.
 *
 * @param onDropped told before the first row of what was dropped before the file was made
 * @throws HistoryFileError
 */
export async function* rowsOfFile(
  source: AsyncIterable<Uint8Array>,
  tally: Tally,
  onDropped: (dropped: Dropped) => void,
): AsyncGenerator<FileRow> {
  let line = 0;
  let ended = false;
  for await (const text of linesOf(source)) {
    line += 1;
    if (ended) throw new HistoryFileError('damaged', 'there is more after the last line', line);
    const row = line === 1 ? requireHeader(text, onDropped) : ROW.exec(text);
    if (row === null) {
      requireEnd(text, line, tally);
      ended = true;
      continue;
    }
    tally.line(text);
    if (row === undefined) continue;
    const [, kind, json] = row as unknown as [string, RowKind, string];
    tally.row(kind);
    yield { kind, json };
  }
  if (!ended) throw new HistoryFileError('cut', 'the last line, with the counts, is missing', line);
}

function requireHeader(text: string, onDropped: (dropped: Dropped) => void): undefined {
  const { format, version, dropped } = parsed(text) ?? {};
  if (format !== FORMAT) throw new HistoryFileError('foreign', `expected the format "${FORMAT}"`, 1);
  if (version !== FORMAT_VERSION) {
    throw new HistoryFileError('foreign', `expected version ${FORMAT_VERSION} of the format, found ${version}`, 1);
  }
  if (dropped !== undefined) onDropped(requireDropped(dropped as { until?: unknown; cv?: unknown }));
}

function requireDropped({ until, cv }: { readonly until?: unknown; readonly cv?: unknown }): Dropped {
  const date = new Date(String(until));
  if (Number.isNaN(date.getTime()) || (cv !== undefined && !Number.isSafeInteger(cv))) {
    throw new HistoryFileError('damaged', 'it does not say up to when versions were dropped', 1);
  }
  return { until: date, cv: cv as number | undefined };
}

function requireEnd(text: string, line: number, tally: Tally): void {
  const { end } = parsed(text) ?? {};
  if (typeof end !== 'object') throw new HistoryFileError('damaged', 'a line is neither a row nor the end', line);
  if (JSON.stringify(end) === JSON.stringify(tally.end())) return;
  throw new HistoryFileError('damaged', 'its counts or its digest are not those of its rows', line);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The longest line: a document of 16 MiB in the most verbose form, with room to spare. */
const MAX_LINE = 256 * 1024 * 1024;

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of unzipped(source)) {
    const pieces = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)).split('\n');
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) {
        yield parts.join('');
        parts = [];
        length = 0;
      }
      parts.push(piece);
      length += piece.length;
      if (length > MAX_LINE) throw new HistoryFileError('damaged', 'a line is longer than any document');
    }
  }
  // A line without its end is no line.
  if (length > 0) throw new HistoryFileError('cut', 'it ends in the middle of a line');
}

async function* unzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // What goes wrong at the source comes out of the last stream too.
  const gunzip = pipeline(source, createGunzip(), () => undefined);
  let isBegun = false;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      isBegun = true;
      yield chunk;
    }
  } catch (error) {
    throw unreadable(error, isBegun);
  }
}

function unreadable(error: unknown, isBegun: boolean): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('Z_')) return error;
  if (code === 'Z_BUF_ERROR') return new HistoryFileError('cut', 'its compressed data ends too early');
  return isBegun
    ? new HistoryFileError('damaged', 'its compressed data is not intact')
    : new HistoryFileError('foreign', 'it is not compressed by gzip');
}
