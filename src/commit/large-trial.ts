import type { mongo } from 'mongoose';
import { decodeExact, equalsIgnoring } from '../bson/exact.ts';
import { DocumentTooLargeError } from '../errors.ts';
import type { Standing } from '../offload/store-first.ts';
import { drawIncarnation } from '../payload/incarnation.ts';
import { type Fields, withoutBlobs } from '../payload/take-blobs.ts';
import { overwrite } from '../system/overwrite.ts';
import type { BlobReference, RawDocument } from '../types.ts';
import type { CapturedUpdate, Change, Filter } from './captured-write.ts';
import { carried } from './driver-options.ts';
import { withTexts } from './large-change.ts';
import type { LargeStore } from './large-store.ts';
import { Overtaken } from './overtaken.ts';
import { isAway } from './payload-away.ts';
import { pinnedTo } from './pinned-id.ts';
import { updateArgument } from './sendable-change.ts';
import type { Store } from './store.ts';
import { inTransaction, isInTransaction, TRANSACTION_OPTIONS } from './transaction.ts';
import { entriesOf, type PreImage, preImage } from './version-record.ts';

type Sent = Extract<Change, { form: 'operators' | 'pipeline' }>;
/** What a document is going to have. */
export interface Content {
  readonly document: Fields;
  readonly standing: Standing;
}

type Tried = CapturedUpdate & { readonly change: Sent };

/** Finds out what an update makes of a document, by the server and without the blobs. */
export class Trial {
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
