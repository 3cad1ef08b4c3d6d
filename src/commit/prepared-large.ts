import type { mongo } from 'mongoose';
import { encodeWhole } from '../bson/encode-whole.ts';
import type { Standing } from '../offload/store-first.ts';
import { type Fields, textsIn, withoutBlobs } from '../payload/take-blobs.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import { type CapturedDelete, type CapturedUpdate, type Outcome, returnsDocument } from './captured-write.ts';
import { checkLarge } from './checked-versions.ts';
import { carried } from './driver-options.ts';
import { checkExpected } from './expected-version.ts';
import { findMet } from './find-met.ts';
import { isBlind } from './large-change.ts';
import { comingFirst } from './large-inserts.ts';
import type { LargeStore } from './large-store.ts';
import { type Content, Trial } from './large-trial.ts';
import { lifeBefore } from './life-before.ts';
import { isAway } from './payload-away.ts';
import { pinnedId, pinnedTo } from './pinned-id.ts';
import { results } from './results.ts';
import type { Store } from './store.ts';
import { isInTransaction } from './transaction.ts';
import { entriesOf, fieldOf, type PreImage } from './version-record.ts';

type SingleWrite = CapturedUpdate | CapturedDelete;

/** A write that can be carried out by a transaction, and what its caller gets then. */
export interface Prepared {
  readonly write: SingleWrite;
  readonly answer: (outcome: Outcome) => Promise<Outcome>;
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

const NOTHING_STANDS: Standing = new Map();

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
