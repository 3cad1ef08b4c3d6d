import type { CapturedInsert, Outcome } from './captured-write.ts';
import { Claims } from './claims.ts';
import { areNeutral } from './driver-options.ts';
import { takeFreshId } from './fresh-id.ts';
import { insertAll, inserted, isOutright } from './insert.ts';
import { Lane, type Waiting } from './lane.ts';
import { isAboutTheWrite, isDuplicateKey, isRefusal, isVersionCollision } from './mongo-errors.ts';
import { idKey } from './pinned-id.ts';
import type { Store } from './store.ts';
import { inTransaction, type Transaction } from './transaction.ts';
import { ensureVersions } from './versions-collection.ts';
import { canWriteAtOnce, writeAtOnce } from './write-at-once.ts';
import { type Culprit, type GroupableWrite, isGroupable, keyOf, type Settled, writeGroup } from './write-group.ts';
import { type CapturedManyWrite, type ManyCounts, writeMany } from './write-many.ts';
import { writeSingle } from './write-single.ts';

type Write = GroupableWrite;

/** Takes the captured writes of one collection and commits each with its version record, atomically. */
export class Committer {
  readonly #store: Store;
  readonly #writes: Lane<Write, Outcome>;
  readonly #inserts: Lane<CapturedInsert, Outcome>;
  readonly #claims: Claims;

  constructor(store: Store) {
    this.#store = store;
    this.#writes = new Lane(keyOf, (wave) => this.#commitWave(wave));
    this.#inserts = new Lane(
      (insert) => idKey(insert.id),
      (wave) => this.#insertWave(wave),
    );
    this.#claims = new Claims(store, {
      alone: (write) => this.writeAlone(write),
      together: (writes) => this.writeTogether(writes),
    });
  }

  get store(): Store {
    return this.#store;
  }

  /** An update or delete of at most one document. */
  async write(write: Write): Promise<Outcome> {
    await ensureVersions(this.#store, write.options.session);
    if (isGroupable(this.#store, write)) return this.#writes.submit(write);
    return Claims.accepts(this.#store, write) ? this.#claims.submit(write) : this.writeAlone(write);
  }

  /** An update or delete of all documents it matches. */
  async writeMany(write: CapturedManyWrite): Promise<ManyCounts> {
    await ensureVersions(this.#store, write.options.session);
    const counts = await writeMany(this.#store, write);
    if (counts.matched > 0 || write.kind !== 'updateMany' || write.options.upsert !== true) return counts;
    const { matched, modified, deleted, upsertedId } = await this.writeAlone({
      ...write,
      kind: 'update',
      method: 'updateOne',
      op: 'UPDATE',
    });
    return { matched, modified, deleted, ...(upsertedId === undefined ? {} : { upsertedId }) };
  }

  /** The insert of one document. */
  async insert(insert: CapturedInsert): Promise<Outcome> {
    const alone = !areNeutral(insert.options) || (insert.options.session ?? undefined) !== undefined;
    if (!alone) return this.#inserts.submit(insert);
    return this.#insertOne(insert, takeFreshId(this.#store, insert.id));
  }

  /** One write in a transaction of its own, or in its caller's. */
  async writeAlone(write: Write, session = write.options.session ?? undefined): Promise<Outcome> {
    const atOnce = write.kind === 'update' && canWriteAtOnce(write) ? write : undefined;
    try {
      return await inTransaction(this.#store, session, (tx) =>
        atOnce !== undefined && !tx.joined ? writeAtOnce(this.#store, tx, atOnce) : writeSingle(this.#store, tx, write),
      );
    } catch (error) {
      return this.#secondTry(write, session, atOnce !== undefined, error);
    }
  }

  /** What the first try may not have shown yet: a native error in its native words, a lost `ov`, a lost upsert race. */
  async #secondTry(
    write: Write,
    session: Transaction['session'] | undefined,
    atOnce: boolean,
    error: unknown,
  ): Promise<Outcome> {
    if (session?.inTransaction()) throw error;
    const collided = isVersionCollision(this.#store, error);
    const lostRace = isDuplicateKey(error) && write.options.upsert === true;
    if (!collided && !lostRace && !(atOnce && isRefusal(this.#store, error))) throw error;
    return inTransaction(this.#store, session, (tx) => writeSingle(this.#store, tx, write, collided));
  }

  async #commitWave(wave: readonly Waiting<Write, Outcome>[]): Promise<void> {
    const [only] = wave;
    if (wave.length === 1 && only !== undefined) return settle(only, this.writeAlone(only.write));
    const settled = await this.writeTogether(wave.map(({ write }) => write));
    wave.forEach((waiting, index) => {
      const member = settled[index] as Settled;
      if ('error' in member) waiting.reject(member.error);
      else waiting.resolve(member.outcome);
    });
  }

  /**
   * Many writes of distinct documents in one transaction. One that the server refuses does not take the others along.
   *
   * @param ordered stop at the first refused one, so that fewer results come back than writes were given
   */
  async writeTogether(writes: readonly Write[], ordered = false): Promise<Settled[]> {
    if (writes.length === 0) return [];
    const culprit: Culprit = {};
    try {
      return await inTransaction(
        this.#store,
        undefined,
        (tx) => writeGroup(this.#store, tx, writes, culprit),
        writes.length,
      );
    } catch (error) {
      if (!isAboutTheWrite(this.#store, error)) return writes.map(() => ({ error }));
      const { index } = culprit;
      return index === undefined ? this.#writeEach(writes, ordered) : this.#writeAround(writes, index, ordered);
    }
  }

  /** The one that was refused goes alone, to its own result or error; those around it go together again. */
  async #writeAround(writes: readonly Write[], culprit: number, ordered: boolean): Promise<Settled[]> {
    const before = await this.writeTogether(writes.slice(0, culprit), ordered);
    if (ordered && before.some((member) => 'error' in member)) return before;
    const [alone] = await this.#writeEach(writes.slice(culprit, culprit + 1), ordered);
    const settled = alone === undefined ? before : [...before, alone];
    if (ordered && settled.some((member) => 'error' in member)) return settled;
    return [...settled, ...(await this.writeTogether(writes.slice(culprit + 1), ordered))];
  }

  async #writeEach(writes: readonly Write[], ordered: boolean): Promise<Settled[]> {
    const settled: Settled[] = [];
    for (const write of writes) {
      const member = await this.#settledAlone(write);
      settled.push(member);
      if (ordered && 'error' in member) break;
    }
    return settled;
  }

  async #settledAlone(write: Write): Promise<Settled> {
    return this.writeAlone(write).then(
      (outcome) => ({ outcome }),
      (error: unknown) => ({ error }),
    );
  }

  async #insertWave(wave: readonly Waiting<CapturedInsert, Outcome>[]): Promise<void> {
    const fresh = wave.filter(({ write }) => takeFreshId(this.#store, write.id));
    const known = wave.filter((waiting) => !fresh.includes(waiting));
    await Promise.all([this.#insertAll(fresh, true), this.#insertAll(known, false)]);
  }

  async #insertAll(waiting: readonly Waiting<CapturedInsert, Outcome>[], fresh: boolean): Promise<void> {
    if (waiting.length === 0) return;
    const [only] = waiting;
    if (waiting.length === 1 && only !== undefined) return settle(only, this.#insertOne(only.write, fresh));
    const inserts = waiting.map(({ write }) => write);
    try {
      await insertAll(this.#store, inserts, { ordered: false }, fresh);
      for (const { write, resolve } of waiting) resolve(inserted(write));
    } catch (error) {
      await this.#insertRefused(waiting, error, fresh);
    }
  }

  /** Whoever was refused goes alone, to get its error as the server words it for one insert. */
  async #insertRefused(
    waiting: readonly Waiting<CapturedInsert, Outcome>[],
    error: unknown,
    fresh: boolean,
  ): Promise<void> {
    if (!isRefusal(this.#store, error)) return waiting.forEach(({ reject }) => void reject(error));
    const refused = isOutright(this.#store, fresh) ? refusedBy(error) : new Set(waiting.keys());
    for (const [index, member] of waiting.entries()) {
      if (refused.has(index)) await settle(member, this.#insertOne(member.write, fresh));
      else member.resolve(inserted(member.write));
    }
  }

  async #insertOne(insert: CapturedInsert, fresh: boolean): Promise<Outcome> {
    await insertAll(this.#store, [insert], insert.options, fresh);
    return inserted(insert);
  }
}

function settle(waiting: Waiting<unknown, Outcome>, result: Promise<Outcome>): Promise<void> {
  return result.then(waiting.resolve, waiting.reject);
}

function refusedBy(error: unknown): Set<number> {
  const { writeErrors } = error as { writeErrors?: { index: number } | { index: number }[] };
  return new Set([writeErrors ?? []].flat().map(({ index }) => index));
}
