import type { mongo } from 'mongoose';
import { encodeWhole } from '../bson/encode-whole.ts';
import { decodeExact, equalsIgnoring } from '../bson/exact.ts';
import { DocumentTooLargeError } from '../errors.ts';
import type { PayloadTier } from '../offload/payload-tier.ts';
import type { Standing } from '../offload/store-first.ts';
import { drawIncarnation } from '../payload/incarnation.ts';
import { type Fields, textsIn, withoutBlobs } from '../payload/take-blobs.ts';
import { overwrite } from '../system/overwrite.ts';
import type { BlobReference, RawDocument, SystemFields } from '../types.ts';
import {
  type CapturedDelete,
  type CapturedUpdate,
  type Change,
  type Filter,
  type Outcome,
  returnsDocument,
} from './captured-write.ts';
import { checkLarge } from './checked-versions.ts';
import { carried } from './driver-options.ts';
import { blobLengthOf, isBlind, withTexts } from './large-change.ts';
import { lifeBefore } from './life-before.ts';
import { Overtaken } from './overtaken.ts';
import { isAway, MustStoreFirst, withPayloads } from './payload-away.ts';
import { idKey, pinnedId, pinnedTo } from './pinned-id.ts';
import { results } from './results.ts';
import { updateArgument } from './sendable-change.ts';
import type { PastLife } from './stamp.ts';
import type { Store } from './store.ts';
import { inTransaction, isInTransaction, TRANSACTION_OPTIONS, type Transaction } from './transaction.ts';
import { entriesOf, fieldOf, type PreImage, preImage } from './version-record.ts';
import { checkExpected, writeSingle } from './write-single.ts';

type SingleWrite = CapturedUpdate | CapturedDelete;
type Sent = Extract<Change, { form: 'operators' | 'pipeline' }>;

/** A store whose documents may be large. */
export type LargeStore = Store & { readonly payload: PayloadTier };

export function mayBeLarge(store: Store): store is LargeStore {
  return store.payload !== undefined;
}

/** A write that can be carried out by a transaction, and what its caller gets then. */
export interface Prepared {
  readonly write: SingleWrite;
  readonly answer: (outcome: Outcome) => Promise<Outcome>;
}

/** Below it a blob does not make a document pass what it may have by much. */
const LARGE_TEXT = 1_000_000;

/** Whether a change may make a document that is too large for MongoDB as a whole. */
export function mayStoreFirst({ payload }: Store, write: SingleWrite): boolean {
  if (payload === undefined || write.kind === 'delete' || write.stored !== undefined || write.upon !== undefined) {
    return false;
  }
  const { change, options } = write;
  if (change.form === 'replacement') return payload.large.isLarge(change.document, options);
  return blobLengthOf(change, payload.large.map) >= LARGE_TEXT;
}

/**
 * Prepares a write of a document that is too large for MongoDB as a whole, before or after it:
 *
 * 1. the document that it meets is read;
 * 2. what becomes of it is found out: an update is tried on it, with texts of a few letters in the places of blobs, in a
 *    transaction that is undone;
 * 3. its new blobs are put, and its JSON, if it is too large still;
 * 4. the write becomes the replacement of that very document, which is `Overtaken` where it meets another.
 *
 * @returns what came of it where nothing is to be written
 */
export async function preparedLarge(
  store: LargeStore,
  write: SingleWrite,
  session: mongo.ClientSession | undefined,
): Promise<Prepared | Outcome> {
  const met = await findMet(store, write, session).then((found) => wholeIfNeeded(store, write, found, session));
  checkExpected(store, write, met?.id ?? pinnedId(write.filter), met?.system.ov ?? null);
  if (write.kind === 'delete') return met === undefined ? results.missed(write) : preparedDelete(store, write, met);
  if (met === undefined && (write.options.upsert !== true || write.change.form === 'computed')) {
    return results.missed(write);
  }
  const next = await contentAfter(store, write, met, session);
  if (next === undefined) return unchanged(store, write, met as PreImage);
  return preparedUpdate(store, write, met, next, session);
}

/** An update that looks at what its document has needs all of it in MongoDB, which takes what is below 16 MiB. */
async function wholeIfNeeded(
  store: LargeStore,
  write: SingleWrite,
  met: PreImage | undefined,
  session: mongo.ClientSession | undefined,
): Promise<PreImage | undefined> {
  if (met === undefined || !isAway(met) || write.kind === 'delete' || !looks(store, write)) return met;
  await store.payload.bringBack([met], isInTransaction(session) ? session : undefined);
  return findMet(store, write, session);
}

function looks({ payload }: LargeStore, { change, options }: CapturedUpdate): boolean {
  const isSent = change.form === 'operators' || change.form === 'pipeline';
  return isSent && !isBlind(change, options.arrayFilters, payload.large.map);
}

/** What a document is going to have. */
interface Content {
  readonly document: Fields;
  readonly standing: Standing;
}

const NOTHING_STANDS: Standing = new Map();

async function findMet(
  store: Store,
  write: SingleWrite,
  session: mongo.ClientSession | undefined,
): Promise<PreImage | undefined> {
  const { sort, collation, hint } = write.options;
  const given = Object.entries({ sort, collation, hint, session }).filter(([, value]) => value !== undefined);
  const options = { ...carried(write.options), ...Object.fromEntries(given), raw: true };
  const primary = isInTransaction(session) ? {} : { readPreference: 'primary' };
  const found = await store.head.findOne(write.filter, { ...options, ...primary } as object);
  return found === null ? undefined : preImage(store.bson, found as unknown as Uint8Array);
}

/** Whether a change makes a document that is too large for MongoDB as a whole, as far as can be told before. */
export async function mustStoreFirst(
  store: LargeStore,
  write: SingleWrite,
  session: mongo.ClientSession | undefined,
): Promise<boolean> {
  if (write.kind === 'delete' || !mayStoreFirst(store, write)) return false;
  if (write.change.form === 'replacement') return true;
  const met = await findMet(store, write, session);
  return store.payload.large.isLargeWith(met?.bytes, blobLengthOf(write.change, store.payload.large.map));
}

/** One write in a transaction that goes on, however large its document is. */
export async function writeWithin(store: Store, tx: Transaction, write: SingleWrite): Promise<Outcome> {
  if (!mayBeLarge(store)) return writeSingle(store, tx, write);
  try {
    if (!(await mustStoreFirst(store, write, tx.session))) {
      return await withPayloads(store, tx.session, () => writeSingle(store, tx, write));
    }
  } catch (error) {
    if (!(error instanceof MustStoreFirst)) throw error;
  }
  const prepared = await preparedLarge(store, write, tx.session);
  return 'answer' in prepared ? prepared.answer(await writeSingle(store, tx, prepared.write)) : prepared;
}

async function contentAfter(
  store: LargeStore,
  write: CapturedUpdate,
  met: PreImage | undefined,
  session: mongo.ClientSession | undefined,
): Promise<Content | undefined> {
  const { change } = write;
  switch (change.form) {
    case 'replacement':
      return { document: withId(change.document, met?.id ?? idOfInserted(store, write)), standing: NOTHING_STANDS };
    case 'computed': {
      const document = change.compute(await store.payload.whole((met as PreImage).bytes));
      return document === undefined ? undefined : { document, standing: NOTHING_STANDS };
    }
    default:
      return new Trial(store, { ...write, change }, met).run(session);
  }
}

function idOfInserted({ mongo: driver }: Store, { filter, change, options }: CapturedUpdate): unknown {
  const own = change.form === 'replacement' ? fieldOf(change.document, '_id') : undefined;
  return pinnedId(filter) ?? own ?? options.idOnInsert ?? new driver.ObjectId();
}

function withId(document: Fields, id: unknown): Fields {
  const others = [...entriesOf(document)].filter(([key]) => key !== '_id');
  return new Map([['_id', id], ...others]);
}

async function preparedUpdate(
  store: LargeStore,
  write: CapturedUpdate,
  met: PreImage | undefined,
  { document, standing }: Content,
  session: mongo.ClientSession | undefined,
): Promise<Prepared> {
  const { large } = store.payload;
  const { chronos, options, op, restoredFrom } = write;
  const id = met?.id ?? fieldOf(document, '_id');
  const isLarge = large.isLarge(document, options, standing);
  const whole = isLarge ? document : await withoutStanding(store, document, standing);
  if (isLarge) checkLarge(store, await withoutStandingIfChecked(store, document, standing));
  const follows = isLarge && met === undefined ? await lifeBefore(store, session, id) : undefined;
  const coming = met === undefined ? comingFirst(store, follows, id, chronos) : comingAfter(met);
  const stored = isLarge ? await large.store({ id, ...coming, standing }, document, options, chronos) : undefined;
  const replacing: CapturedUpdate = {
    kind: 'update',
    method: 'replaceOne',
    op,
    chronos,
    ...(restoredFrom === undefined ? {} : { restoredFrom }),
    filter: met === undefined ? write.filter : pinnedTo(write.filter, met.id, options.collation),
    change: { form: 'replacement', document: (stored?.part ?? whole) as RawDocument },
    stored: stored?.system,
    follows,
    upon: upon(met),
    options: { ...optionsOf(write), ...(met === undefined ? { upsert: true } : {}) },
  };
  if (!returnsDocument(write)) return { write: replacing, answer: async (outcome) => outcome };
  const isAfter = options.returnDocument === 'after';
  const before = isAfter || met === undefined ? undefined : await shown(store, write, met.bytes);
  const answer = async (outcome: Outcome): Promise<Outcome> => {
    const after = isAfter ? await shown(store, write, rowOf(store, stored?.part ?? whole, stored?.system)) : before;
    return { ...outcome, result: results.returned(store, write, after, met === undefined ? id : undefined) };
  };
  return { write: replacing, answer };
}

/** The first version of a document, or of one that is inserted again under its id. */
export function comingFirst(store: LargeStore, follows: PastLife | undefined, id: unknown, call: object) {
  const ov = follows === undefined ? 0 : follows.ov + 1;
  return { ov, incarnation: store.payload.large.putBy(call).incarnationOf(`${ov} ${idKey(id)}`), known: [] };
}

function comingAfter({ system: { ov, incarnation, state, ...system } }: PreImage) {
  // Of one that is not stored yet, what it has is that of an earlier version, which may be on its way out.
  return { ov: ov + 1, incarnation, known: state === 'new' || state === 'processed' ? [system] : [] };
}

function optionsOf({ options }: SingleWrite) {
  const { collation, session } = options;
  return { ...carried(options), ...(collation === undefined ? {} : { collation }), session };
}

/** The very document, down to where it is stored: blobs of it may be referred to again. */
function upon(met: PreImage | undefined) {
  return (pre: PreImage | undefined) =>
    met === undefined || pre === undefined ? met === pre : Buffer.compare(met.bytes, pre.bytes) === 0;
}

async function preparedDelete(store: LargeStore, write: CapturedDelete, met: PreImage): Promise<Prepared> {
  const filter = pinnedTo(write.filter, met.id, write.options.collation);
  const deleting = { ...write, method: 'deleteOne', filter, upon: upon(met), options: optionsOf(write) } as const;
  if (!returnsDocument(write)) return { write: deleting, answer: async (outcome) => outcome };
  const before = await shown(store, write, met.bytes);
  return {
    write: deleting,
    answer: async (outcome) => ({ ...outcome, result: results.returned(store, write, before) }),
  };
}

async function unchanged(store: LargeStore, write: CapturedUpdate, met: PreImage): Promise<Outcome> {
  if (!returnsDocument(write)) return results.unchanged(store, write, met);
  const bytes = await shown(store, write, met.bytes);
  return { ...results.unchanged(store, write, met), result: results.returned(store, write, bytes) };
}

function shown({ payload }: LargeStore, { options }: SingleWrite, row: Uint8Array): Promise<Uint8Array> {
  return payload.large.shown(row, options.projection as RawDocument | undefined);
}

/** A document as it is stored, by which it can be read. */
function rowOf({ bson }: Store, document: Fields, stored: Partial<SystemFields> | undefined): Uint8Array {
  const system: [string, unknown][] = stored === undefined ? [] : [['_system', { state: 'processed', ...stored }]];
  return encodeWhole(bson, new Map([...entriesOf(document), ...system]));
}

/** A document with the blobs in the places of the texts that stand for them. */
async function withoutStanding(store: LargeStore, document: Fields, standing: Standing): Promise<Fields> {
  const { blobTree } = store.payload.large.map;
  const texts = new Map<string, string>();
  for (const text of textsIn(document, blobTree)) {
    const reference = standing.get(text);
    if (reference !== undefined) texts.set(text, await store.payload.base64Of(reference));
  }
  return texts.size === 0 ? document : withoutBlobs(document, blobTree, ({ text }) => texts.get(text) ?? text);
}

async function withoutStandingIfChecked(store: LargeStore, document: Fields, standing: Standing): Promise<Fields> {
  return store.validate === undefined ? document : withoutStanding(store, document, standing);
}

type Tried = CapturedUpdate & { readonly change: Sent };

/** Finds out what an update makes of a document, by the server and without the blobs. */
class Trial {
  readonly #store: LargeStore;
  readonly #write: Tried;
  readonly #met: PreImage | undefined;
  readonly #mark = `chronos-blob:${drawIncarnation()}${drawIncarnation()}:`;
  /** New texts, and blobs of the document that it meets, by what stands for them. */
  readonly #texts = new Map<string, string>();
  readonly #standing = new Map<string, BlobReference>();

  constructor(store: LargeStore, write: Tried, met: PreImage | undefined) {
    this.#store = store;
    this.#write = write;
    this.#met = met;
  }

  /** @returns undefined where the update changes nothing */
  async run(session: mongo.ClientSession | undefined): Promise<Content | undefined> {
    const met = this.#met;
    const before = met !== undefined && isAway(met) ? await this.#marked(met) : met?.bytes;
    const change = this.#markedChange();
    const after = await this.#tried(session, (own) => this.#steps(own, before, change));
    const isSame = before !== undefined && this.#texts.size === 0 && equalsIgnoring(before, after, '_system');
    if (isSame && this.#write.chronos.always !== true) return undefined;
    return this.#content(after);
  }

  /** The document with marks in the places of its blobs. */
  async #marked({ bytes, system }: PreImage): Promise<Uint8Array> {
    const marks = (system.blobs ?? []).map((reference, index) => {
      const mark = `${this.#mark}b${index}`;
      this.#standing.set(mark, reference);
      return { reference, mark };
    });
    return this.#store.payload.large.withMarks(bytes, marks);
  }

  #markedChange(): Sent {
    const { change } = this.#write;
    if (change.form === 'pipeline') return change;
    const spec = withTexts(change.spec, this.#store.payload.large.map, (text) => {
      const mark = `${this.#mark}t${this.#texts.size}`;
      this.#texts.set(mark, text);
      return mark;
    });
    return { form: 'operators', spec };
  }

  async #steps(session: mongo.ClientSession, before: Uint8Array | undefined, change: Sent): Promise<Uint8Array> {
    const { head, bson } = this.#store;
    const { filter: given, options } = this.#write;
    const met = this.#met;
    const own = { _id: { $eq: met?.id } } as Filter;
    if (met !== undefined && before !== undefined) {
      const now = (await head.findOne(own, { session, raw: true })) as unknown as Uint8Array | null;
      if (now === null || Buffer.compare(now, met.bytes) !== 0) throw new Overtaken();
      if (before !== met.bytes) await overwrite(head, own, decodeExact(bson, before) as RawDocument, { session });
    }
    const filter = met === undefined ? given : pinnedTo(given, met.id, options.collation);
    const { arrayFilters, collation } = options;
    const asked = Object.entries({ arrayFilters, collation }).filter(([, value]) => value !== undefined);
    const answer = await head.findOneAndUpdate(filter, updateArgument(change) as mongo.UpdateFilter<RawDocument>, {
      ...carried(options),
      ...Object.fromEntries(asked),
      session,
      raw: true,
      upsert: met === undefined,
      returnDocument: 'after',
      includeResultMetadata: true,
    });
    const after = (answer as unknown as { value: Uint8Array | null }).value;
    if (after === null) throw new Overtaken();
    return after;
  }

  /** Undone afterwards: a transaction of the caller's goes on, with the document as it was. */
  #tried(
    session: mongo.ClientSession | undefined,
    steps: (session: mongo.ClientSession) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const store = this.#store;
    if (!isInTransaction(session)) return abortedAfter(store, steps);
    return inTransaction(store, session, async (tx) => {
      const after = await steps(tx.session);
      const id = this.#met?.id ?? preImage(store.bson, after).id;
      const own = { _id: { $eq: id } } as Filter;
      if (this.#met === undefined) await store.head.deleteOne(own, { session: tx.session });
      else await overwrite(store.head, own, this.#met.document as RawDocument, { session: tx.session });
      return after;
    });
  }

  #content(after: Uint8Array): Content {
    const { bson, payload } = this.#store;
    const document = new Map(entriesOf(decodeExact(bson, after)));
    document.delete('_system');
    let found = 0;
    const content = withoutBlobs(document, payload.large.map.blobTree, ({ text }) => {
      if (text.startsWith(this.#mark)) found += 1;
      return this.#texts.get(text) ?? text;
    });
    // A mark elsewhere stands for a blob that is none there, and is not to be told from the document's own texts.
    if (found !== occurrences(after, this.#mark)) {
      throw new DocumentTooLargeError(this.#store.head.collectionName, document.get('_id'));
    }
    return { document: content, standing: this.#standing };
  }
}

function occurrences(bytes: Uint8Array, text: string): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(text); at !== -1; at = buffer.indexOf(text, at + text.length)) count += 1;
  return count;
}

const ATTEMPTS = 20;

/** Runs steps in a transaction of their own, which leaves nothing. */
async function abortedAfter<T>(store: Store, steps: (session: mongo.ClientSession) => Promise<T>): Promise<T> {
  const session = store.client.startSession({ causalConsistency: false });
  try {
    for (let attempt = 1; ; attempt++) {
      session.startTransaction(TRANSACTION_OPTIONS);
      try {
        return await steps(session);
      } catch (error) {
        const isTransient = error instanceof store.mongo.MongoError && error.hasErrorLabel('TransientTransactionError');
        if (!isTransient || attempt === ATTEMPTS) throw error;
      } finally {
        await session.abortTransaction().catch(() => undefined);
      }
    }
  } finally {
    await session.endSession();
  }
}
