import type { mongo } from 'mongoose';
import type { Store } from './store.ts';

/** The one document of `<collection>_counter`: how many versions the collection has had. */
interface Counter {
  readonly _id: 'cv';
  readonly value: number;
}

/**
 * The numbers that one transaction gives to its versions, in commit order and without gaps.
 *
 * They are taken from a counter by the transaction's first statement. Whoever is second meets a conflict there, before
 * it has done any work, and comes again: transactions of one collection follow each other, each with all the writes
 * that waited meanwhile. Numbers taken outside the transaction would be in no order; taken as its last statement, all
 * work of the loser would be lost.
 */
export class Numbers {
  readonly #counter: mongo.Collection<Counter>;
  readonly #session: mongo.ClientSession;
  readonly #first: number;
  readonly #reserved: number;
  #used = 0;

  private constructor(
    counter: mongo.Collection<Counter>,
    session: mongo.ClientSession,
    first: number,
    reserved: number,
  ) {
    this.#counter = counter;
    this.#session = session;
    this.#first = first;
    this.#reserved = reserved;
  }

  /** @param expected how many versions the transaction is going to make at the most */
  static async reserve(store: Store, session: mongo.ClientSession, expected: number): Promise<Numbers> {
    const counter = counterOf(store);
    const before = await counter.findOneAndUpdate(
      { _id: 'cv' },
      { $inc: { value: expected } },
      { session, upsert: true, returnDocument: 'before' },
    );
    return new Numbers(counter, session, before?.value ?? 0, expected);
  }

  next(): number {
    this.#used += 1;
    return this.#first + this.#used - 1;
  }

  /** For a version that, after all, is not made. Only the number given last can be given back. */
  giveBack(): void {
    this.#used -= 1;
  }

  /** Returns what was reserved and not used. To be called as the last statement of the transaction. */
  async settle(): Promise<void> {
    if (this.#used === this.#reserved || !this.#session.inTransaction()) return;
    const update = { $set: { value: this.#first + this.#used } };
    await this.#counter.updateOne({ _id: 'cv' }, update, { session: this.#session });
  }
}

export function counterOf(store: Store): mongo.Collection<Counter> {
  const { db } = store.head as unknown as { db: mongo.Db };
  return db.collection<Counter>(`${store.head.collectionName}_counter`);
}
