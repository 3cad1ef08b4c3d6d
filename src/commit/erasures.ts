import { createHash, randomBytes } from 'node:crypto';
import type { mongo } from 'mongoose';
import { decodeExact } from '../bson/exact.ts';
import type { OwnObjects } from '../offload/erase-objects.ts';
import { isRowId } from '../row-id.ts';
import { locksOf } from '../system/locks-collection.ts';
import { MAJORITY } from '../system/majority.ts';
import { floorKey, type Operation, operationsOf } from './operations.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';
import { tenantOfId } from './tenant-of-id.ts';
import type { Transaction } from './transaction.ts';
import { fieldOf } from './version-record.ts';

/** That a document was erased: all of its versions before `ov`, which is the proof that is left of it. */
export interface Erasure {
  /** Tells it from others of the same id. */
  readonly key: mongo.Binary;
  readonly id: unknown;
  readonly ov: number;
  /** When it was. What is in manifests and had ended by then is of this life, whatever a foreign writer made of numbers. */
  readonly at?: Date | undefined;
  /** Where no proof keeps the numbers, and all records went at once: those that are there now are of a later life. */
  readonly recordsGone?: boolean | undefined;
  /** Whether it is done but for the objects that came after it. */
  readonly isAgain?: boolean;
  /** Whether it has objects, which who has no object storage cannot take away. */
  readonly objects?: boolean;
  /** The objects that are to go, where nothing else is. */
  readonly only?: OwnObjects | undefined;
}

/**
 * Erasures are on record in `<collection>_locks` as long as something is left of them to be done:
 *
 *     { _id: Binary(sha256 of the id, 8 bytes of its own), erase: { id: <its _id>, ov: 7, at: <when>, … } }
 *     { …, erase: { … }, again: <when> }                                    one that is done, but for uploads under way
 *
 * They meet results that are remembered at a note, whose id is the digest of the document's:
 *
 *     { _id: Binary(sha256 of the id), holds: 2, at: <when> }
 *
 * A result that shows the document and an erasure of it at the same time both write it, so that one of them comes first:
 * either the erasure finds the result, or whoever made it comes again and finds no document.
 */
interface Note {
  readonly _id: mongo.Binary;
  readonly at?: Date;
  readonly holds?: number;
  readonly erase?: Omit<Erasure, 'key'>;
  /** When uploads that were under way have ended: then what they have put is looked for once more. */
  readonly again?: Date;
}

const KEY_BYTES = 8;

/** What a document is known by here. */
export function noteKey(store: Store, id: unknown): mongo.Binary {
  return new store.bson.Binary(digestOf(id));
}

/** What an erasure that begins now is known by. */
export function erasureKey(store: Store, id: unknown): mongo.Binary {
  return new store.bson.Binary(Buffer.concat([digestOf(id), randomBytes(KEY_BYTES)]));
}

/** The keys of all erasures of a document: longer ones come after shorter ones, and equally long ones in order. */
function allErasures(store: Store, id: unknown) {
  const [first, last] = [0, 255].map((byte) => {
    return new store.bson.Binary(Buffer.concat([digestOf(id), Buffer.alloc(KEY_BYTES, byte)]));
  });
  return { _id: { $gte: first, $lte: last } };
}

function digestOf(id: unknown): Buffer {
  return createHash('sha256').update(idKey(id), 'utf8').digest();
}

/**
 * Stands for the id of a document that was asked for without it: the result may be of any, so that it goes with any of
 * the collection, or of the tenant's part of it.
 */
export function anyOf(key: unknown): unknown {
  return isRowId(key) ? { t: key.t } : undefined;
}

/** The write by which a result that shows a document meets its erasure. */
export function touchNote(store: Store, key: mongo.Binary): mongo.AnyBulkWriteOperation<Operation> {
  const update = { $inc: { holds: 1 }, $set: { at: store.clock.now() } };
  return { updateOne: { filter: { _id: key }, update, upsert: true } } as never;
}

/** Notes that a document is being erased, in the transaction that begins it. */
export async function noteErasure(store: Store, tx: Transaction, erasure: Erasure): Promise<void> {
  const ofAny = touchNote(store, noteKey(store, anyOf(erasure.id)));
  await operationsOf(store).bulkWrite([...begun(store, erasure), ofAny], { session: tx.session });
}

/**
 * Notes that deleted documents are being erased. What is remembered of a document that nobody knows is none of theirs:
 * where deletions erase, such results are not remembered.
 */
export async function noteErasures(store: Store, tx: Transaction, erasures: readonly Erasure[]): Promise<void> {
  if (erasures.length === 0) return;
  const operations = erasures.flatMap((erasure) => begun(store, erasure));
  await operationsOf(store).bulkWrite(operations, { session: tx.session });
}

function begun(store: Store, { key, ...erase }: Erasure): mongo.AnyBulkWriteOperation<Operation>[] {
  return [touchNote(store, noteKey(store, erase.id)), { insertOne: { document: { _id: key, erase } } } as never];
}

/** Meets results that are remembered of documents at the same time, where there is nothing else to be noted of them. */
export async function passNotes(store: Store, tx: Transaction, ids: readonly unknown[]): Promise<void> {
  if (ids.length === 0) return;
  const operations = ids.flatMap((id) => {
    const key = noteKey(store, id);
    return [touchNote(store, key), { deleteOne: { filter: { _id: key as never } } }];
  });
  await operationsOf(store).bulkWrite(operations, { session: tx.session });
}

/**
 * Tells of which documents there may be more than their records: results that show them are remembered, or versions have
 * left the collection.
 */
export async function heldNotes(
  store: Store,
  tx: Transaction,
  ids: readonly unknown[],
): Promise<(id: unknown) => boolean> {
  const keys = [...ids, ...new Set(ids.map(anyOf))].map((id) => noteKey(store, id));
  const floors = [...new Set(ids.map((id) => tenantOfId(store, id)))].map(floorKey);
  const notes = await notesOf(store)
    .find({ _id: { $in: [...keys, ...(floors as never[])] } }, { session: tx.session, projection: { _id: 1 } })
    .toArray();
  if (notes.some(({ _id }) => 'retention' in _id)) return () => true;
  const held = new Set(notes.map(({ _id }) => _id.toString('hex')));
  return (id) => [id, anyOf(id)].some((one) => held.has(noteKey(store, one).toString('hex')));
}

/**
 * The erasures that were begun and not finished, and those whose objects are due to be looked for once more.
 *
 * @param ids limits them to documents of these ids
 */
export async function erasuresUnderWay(store: Store, ids?: unknown): Promise<Erasure[]> {
  // Who has no objects is not the one to look for them.
  const isDue = { again: store.objects === undefined ? { $exists: false } : { $not: { $gt: store.clock.now() } } };
  return erasuresIn(store, { _id: { $type: 'binData' }, 'erase.id': ids ?? { $exists: true }, ...isDue });
}

/** Those of some erasures that were begun and not finished, with earlier ones of the same documents. */
export async function erasuresBegun(store: Store, erasures: readonly Erasure[]): Promise<Erasure[]> {
  const isDue = { again: { $not: { $gt: store.clock.now() } } };
  return erasuresIn(store, { $or: erasures.map(({ id }) => allErasures(store, id)), ...isDue });
}

async function erasuresIn(store: Store, filter: object, session?: mongo.ClientSession): Promise<Erasure[]> {
  const notes = await notesOf(store)
    .find(filter as never, { raw: true, ...(session === undefined ? {} : { session }) })
    .toArray();
  return notes.map((bytes) => {
    const note = decodeExact(store.bson, bytes as unknown as Uint8Array);
    const erase = fieldOf(note, 'erase') as Record<string, unknown>;
    const isAgain = fieldOf(note, 'again') !== undefined;
    const only = fieldOf(erase, 'only') as OwnObjects | undefined;
    const at = fieldOf(erase, 'at') as Date | undefined;
    const recordsGone = fieldOf(erase, 'recordsGone') === true;
    const objects = fieldOf(erase, 'objects') === true;
    const [key, id, ov] = [fieldOf(note, '_id') as mongo.Binary, fieldOf(erase, 'id'), Number(fieldOf(erase, 'ov'))];
    return { key, id, ov, at, recordsGone, isAgain, objects, only };
  });
}

/** The version up to which documents of an id are being erased with all that they have; undefined where none is. */
export async function erasedUpTo(
  store: Store,
  id: unknown,
  session?: mongo.ClientSession,
): Promise<number | undefined> {
  const erasures = await erasuresIn(store, allErasures(store, id), session);
  const numbers = erasures.filter(({ only }) => only === undefined).map(({ ov }) => ov);
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

/** Whether some are going to be due. */
export async function areErasuresWaiting(store: Store): Promise<boolean> {
  return (await notesOf(store).findOne({ again: { $exists: true } }, { projection: { _id: 1 } })) !== null;
}

/**
 * Notes that nothing is left to be done; or, where documents have objects, that those are to be looked for once more when
 * the uploads under way have ended.
 */
export async function settleErasures(store: Store, erasures: readonly Erasure[]): Promise<void> {
  const isOver = ({ isAgain = false }: Erasure) => isAgain || store.objects === undefined;
  const over = erasures.filter(isOver);
  const rest = erasures.filter((erasure) => !isOver(erasure));
  if (over.length > 0) await notesOf(store).deleteMany(notesFor(over), MAJORITY);
  if (rest.length === 0 || store.objects === undefined) return;
  const again = new Date(store.clock.now().getTime() + store.objects.uploadDeadlineMs + CLOCKS_DIFFER_MS);
  await notesOf(store).updateMany(notesFor(rest), { $set: { again } }, MAJORITY);
}

function notesFor(erasures: readonly Erasure[]): mongo.Filter<Note> {
  return { _id: { $in: erasures.map(({ key }) => key) } };
}

const CLOCKS_DIFFER_MS = 60_000;

/**
 * Forgets what calls have returned of the documents, but not that they were made: made once more they still write
 * nothing, and return null.
 *
 * @returns how many results that was
 */
export async function forgetResults(store: Store, ids: readonly unknown[]): Promise<number> {
  const keys = [...ids, ...new Set(ids.map(anyOf))].map((id) => noteKey(store, id));
  const update = { $set: { result: null }, $unset: { of: '' } } as const;
  const { modifiedCount } = await operationsOf(store).updateMany({ of: { $in: keys } }, update, MAJORITY);
  return modifiedCount;
}

/** How many results are remembered that show one of the documents. */
export async function countResults(store: Store, ids: readonly unknown[]): Promise<number> {
  return operationsOf(store).countDocuments({ of: { $in: ids.map((id) => noteKey(store, id)) } });
}

function notesOf(store: Store): mongo.Collection<Note> {
  return locksOf<Note>(store.head);
}
