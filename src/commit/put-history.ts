import { decodeExact, type ExactDocument, topLevel } from '../bson/exact.ts';
import { HistoryFileError } from '../errors.ts';
import { drawIncarnation } from '../payload/incarnation.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import { portable } from '../system/portable.ts';
import type { VersionFields } from '../types.ts';
import { counterOf } from './collection-version.ts';
import { findPastLives, touchHeads } from './past-life.ts';
import { idKey } from './pinned-id.ts';
import type { PastLife } from './stamp.ts';
import type { Store } from './store.ts';
import { inOwnTransaction, type Transaction } from './transaction.ts';
import { entriesOf, fieldOf, ownFields } from './version-record.ts';

/** A head or a record of another collection, to be put where it was. */
export interface PutRow {
  readonly isHead: boolean;
  readonly id: unknown;
  readonly ov: number;
  readonly bytes: Uint8Array;
}

/** What became of rows: put, there already, or erased since. */
export interface PutCounts {
  readonly inserted: number;
  readonly present: number;
  readonly erased: number;
}

type Fate = keyof PutCounts;

/**
 * Puts heads and records where they were, in one transaction, in the order of their documents and versions. What is
 * there already is left alone, also if the document has changed since; what was erased stays so.
 *
 * @throws HistoryFileError if the collection tells otherwise of a document. Nothing was put then.
 */
export async function putHistory(store: Store, rows: readonly PutRow[]): Promise<PutCounts> {
  return inOwnTransaction(store, async (tx) => {
    const stored = await Stored.read(store, tx, rows);
    const fates = rows.map((row) => stored.fateOf(row));
    const inserted = rows.filter((_, index) => fates[index] === 'inserted');
    await touchHeads(store, tx, stored.headsOf(inserted));
    await insert(store, tx, inserted);
    await raiseCounter(store, tx, inserted);
    tx.written.push(...inserted.map(({ id, ov }) => ({ id, ov })));
    const count = (fate: Fate) => fates.filter((one) => one === fate).length;
    return { inserted: count('inserted'), present: count('present'), erased: count('erased') };
  });
}

/** What the collection has of the documents that rows are of. */
class Stored {
  readonly #store: Store;
  readonly #heads = new Map<string, Uint8Array>();
  readonly #records = new Map<string, Uint8Array>();
  #pasts: ReadonlyMap<string, PastLife> = new Map();

  private constructor(store: Store) {
    this.#store = store;
  }

  static async read(store: Store, tx: Transaction, rows: readonly PutRow[]): Promise<Stored> {
    const stored = new Stored(store);
    const ids = [...new Map(rows.map(({ id }) => [idKey(id), id])).values()];
    const keys = rows.map(({ id, ov }) => ({ id, ov }));
    const options = { session: tx.session, raw: true } as const;
    for await (const raw of store.head.find({ _id: { $in: ids as never[] } }, options)) {
      const bytes = await comparable(store, raw as unknown as Uint8Array);
      stored.#heads.set(idKey(topLevel(store.bson, bytes, '_id')), bytes);
    }
    for await (const raw of store.versions.find({ _id: { $in: keys as never[] } }, options)) {
      const bytes = await comparable(store, raw as unknown as Uint8Array);
      const key = topLevel(store.bson, bytes, '_id') as ExactDocument;
      stored.#records.set(keyOf(fieldOf(key, 'id'), Number(fieldOf(key, 'ov'))), bytes);
    }
    stored.#pasts = await findPastLives(store, tx, ids);
    return stored;
  }

  fateOf(row: PutRow): Fate {
    const head = this.#heads.get(idKey(row.id));
    const past = this.#pasts.get(idKey(row.id));
    const system = head === undefined ? undefined : systemOfBytes(this.#store.bson, head);
    const erased = system?.erased ?? past?.erased ?? -1;
    if (row.ov < erased && !this.#isProof(row)) return 'erased';
    const record = this.#records.get(keyOf(row.id, row.ov));
    if (record !== undefined) return this.#present(row, this.#same(row, record));
    if (head !== undefined && row.isHead) return this.#present(row, Buffer.compare(head, row.bytes) === 0);
    const last = system?.ov ?? (row.isHead ? lastRecordOf(past) : undefined);
    // A record belongs before what is there, a head behind it.
    const isInPlace = last === undefined || (row.isHead ? last < row.ov : last > row.ov);
    return isInPlace ? 'inserted' : this.#present(row, false);
  }

  /** The documents that rows are put beside. */
  headsOf(rows: readonly PutRow[]): unknown[] {
    return rows.filter(({ id }) => this.#heads.has(idKey(id))).map(({ id }) => id);
  }

  #present(row: PutRow, isSame: boolean): 'present' {
    if (isSame) return 'present';
    const problem = `version ${row.ov} is another one in ${this.#store.head.collectionName}`;
    throw new HistoryFileError('other-history', problem, undefined, row.id);
  }

  /** Whether a record is the version of a row, whatever was noted about how it is stored and when it ended. */
  #same({ bytes, isHead }: PutRow, record: Uint8Array): boolean {
    if (!ownFields(bytes).equals(ownFields(record))) return false;
    return this.#bookkeeping(bytes, isHead).equals(this.#bookkeeping(record, isHead));
  }

  #bookkeeping(bytes: Uint8Array, ofHead: boolean): Buffer {
    const stored = topLevel(this.#store.bson, bytes, '_system') ?? { ov: 0 };
    const system = new Map(entriesOf(stored as ExactDocument));
    for (const field of ofHead ? ENDS : NOTES) system.delete(field);
    return Buffer.from(this.#store.bson.serialize(system));
  }

  #isProof({ bytes }: PutRow): boolean {
    return systemOfBytes(this.#store.bson, bytes).op === 'ERASE';
  }
}

/** What the record of a version has that its head had not. */
const ENDS = ['until', 'untilCv', 'node', 'compact', 'thawed'];

/** What is noted of a record that is not of its version. */
const NOTES = ['compact', 'thawed'];

function keyOf(id: unknown, ov: number): string {
  return `${ov} ${idKey(id)}`;
}

/** The last version that is on record: where it is no deletion, its head had the number after it. */
function lastRecordOf(past: PastLife | undefined): number | undefined {
  return past?.gap === true ? past.ov - 1 : past?.ov;
}

/** What is stored, as a file has it. */
async function comparable({ payload }: Store, stored: Uint8Array): Promise<Uint8Array> {
  return portable(payload === undefined ? stored : await payload.whole(stored));
}

async function insert(store: Store, tx: Transaction, rows: readonly PutRow[]): Promise<void> {
  for (const isHead of [false, true]) {
    const documents = rows.filter((row) => row.isHead === isHead).map(({ bytes }) => documentOf(store, bytes));
    if (documents.length === 0) continue;
    const options = { session: tx.session, forceServerObjectId: true, bypassDocumentValidation: true };
    await (isHead ? store.head : store.versions).insertMany(documents as never[], options);
  }
}

/** What is put: where payloads are kept in object storage, its own is stored from here. */
function documentOf({ bson, payload }: Store, bytes: Uint8Array): ExactDocument {
  const document = decodeExact(bson, bytes);
  const system = fieldOf(document, '_system') as ExactDocument | undefined;
  if (payload === undefined || system === undefined || fieldOf(system, 'deleted') === true) return document;
  const offloaded = new Map([...entriesOf(system), ['incarnation', drawIncarnation()], ['state', 'new-not-synched']]);
  return new Map([...entriesOf(document), ['_system', offloaded]]);
}

/**
 * Numbers of the collection go on after those that were put. Those came out of their order, so that one number no longer
 * tells which versions are counted: whoever counts begins anew.
 */
async function raiseCounter(store: Store, tx: Transaction, rows: readonly PutRow[]): Promise<void> {
  if (!store.collectionVersion) return;
  const numbers = rows.flatMap(({ bytes }) => {
    const { cv = -1, untilCv = -1 } = systemOfBytes(store.bson, bytes) as VersionFields;
    return [Number(cv), Number(untilCv)];
  });
  const value = numbers.reduce((max, cv) => Math.max(max, cv + 1), 0);
  if (value === 0) return;
  await counterOf(store).updateOne({ _id: 'cv' }, { $max: { value } }, { session: tx.session });
  await counterOf(store).deleteOne({ _id: 'counted' as 'cv' }, { session: tx.session });
}
