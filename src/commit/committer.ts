import type { CapturedInsert, CapturedManyWrite, DriverOptions, ManyCounts, Outcome } from './captured-write.ts';
import { Claims } from './claims.ts';
import { areNeutral } from './driver-options.ts';
import { takeFreshId } from './fresh-id.ts';
import { insertAll, inserted, isOutright } from './insert.ts';
import { Lane, type Waiting } from './lane.ts';
import { isLargeInsert, withLargeStored } from './large-inserts.ts';
import { type LargeStore, mayBeLarge } from './large-store.ts';
import { isForPreparation, mayStoreFirst, mustStoreFirst } from './large-writes.ts';
import { isAboutTheWrite, isDuplicateKey, isRefusal, refusedBy, unacknowledged } from './mongo-errors.ts';
import { Overtaken } from './overtaken.ts';
import { isAboutPayload, MustStoreFirst, requireInline } from './payload-away.ts';
import { idKey } from './pinned-id.ts';
import { preparedLarge } from './prepared-large.ts';
import { renumbering } from './renumber.ts';
import type { Store } from './store.ts';
import { inTransaction, isInTransaction, type Transaction } from './transaction.ts';
import { ensureVersions } from './versions-collection.ts';
import { canWriteAtOnce, writeAtOnce } from './write-at-once.ts';
import {
  type Culprit,
  type GroupableWrite,
  GroupNotDistinct,
  GroupTooLarge,
  idsOf,
  isGroupable,
  keyOf,
  type Settled,
  writeGroup,
} from './write-group.ts';
import { writeMany } from './write-many.ts';
import { canWriteOutright, writeOutright } from './write-outright.ts';
import { writeSingle } from './write-single.ts';

type Write = GroupableWrite;

interface TogetherOptions {
  readonly ordered?: boolean;
  /** A caller's session without a transaction. */
  readonly session?: DriverOptions['session'];
}

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
    await requireInline(this.#store, [write]);
    if (canWriteOutright(this.#store, write)) {
      return writeOutright(this.#store, write).catch((error: unknown) => {
        // Somebody else's command is refused in other words; what the server has written it has not refused.
        const isRefused = isRefusal(this.#store, error) && unacknowledged(this.#store, error) === undefined;
        if (isRefused) return this.writeAlone(write);
        throw error;
      });
    }
    if (mayStoreFirst(this.#store, write)) return this.writeAlone(write);
    if (isGroupable(this.#store, write)) return this.#writes.submit(write);
    return Claims.accepts(this.#store, write) ? this.#claims.submit(write) : this.writeAlone(write);
  }

  /** An update or delete of all documents it matches. */
  async writeMany(write: CapturedManyWrite): Promise<ManyCounts> {
    await ensureVersions(this.#store, write.options.session);
    await requireInline(this.#store, [write]);
    const counts = await writeMany(this.#store, write, (one, session) => this.writeAlone(one, session));
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
    const store = this.#store;
    if (mayBeLarge(store) && isLargeInsert(store, insert)) return this.#insertLarge(store, insert);
    const { options, chronos } = insert;
    const alone =
      !areNeutral(options) || (options.session ?? undefined) !== undefined || chronos.expectedOv !== undefined;
    if (!alone) return this.#inserts.submit(insert);
    return this.#insertOne(insert, takeFreshId(this.#store, insert.id));
  }

  /** One that is stored before its transaction, as often as another life of its id comes in between. */
  async #insertLarge(store: LargeStore, given: CapturedInsert): Promise<Outcome> {
    const isWithin = isInTransaction(given.options.session ?? undefined);
    for (;;) {
      const fresh = takeFreshId(store, given.id);
      const insert = await withLargeStored(store, given, fresh);
      try {
        const outcome = await this.#insertOne(insert, fresh);
        if (!isWithin) store.payload.large.forget(given.chronos);
        return outcome;
      } catch (error) {
        if (!(error instanceof Overtaken) || isWithin) throw error;
      }
    }
  }

  /** One write in a transaction of its own, or in its caller's. */
  async writeAlone(write: Write, session = write.options.session ?? undefined): Promise<Outcome> {
    const store = this.#store;
    if (!mayBeLarge(store)) return this.#writeAsItIs(write, session);
    if (await mustStoreFirst(store, write, session)) return this.#writeLarge(store, write, session);
    return this.#writeAsItIs(write, session).catch((error: unknown) => {
      // The server has aborted the transaction of a caller whose write it has refused.
      const isLost = isInTransaction(session) && !(error instanceof MustStoreFirst);
      if (isLost || !isForPreparation(store, write, error)) throw error;
      return this.#writeLarge(store, write, session);
    });
  }

  /** A write that is prepared before its transaction, as often as it meets another document then. */
  async #writeLarge(store: LargeStore, write: Write, session: DriverOptions['session']): Promise<Outcome> {
    for (;;) {
      try {
        const prepared = await preparedLarge(store, write, session);
        if (!('answer' in prepared)) return prepared;
        const outcome = await this.#writeAsItIs(prepared.write, session);
        // A transaction that goes on may begin anew.
        if (!isInTransaction(session)) store.payload.large.forget(write.chronos);
        return await prepared.answer(outcome);
      } catch (error) {
        if (!(error instanceof Overtaken) || isInTransaction(session)) throw error;
      }
    }
  }

  async #writeAsItIs(write: Write, session: DriverOptions['session']): Promise<Outcome> {
    const joined = isInTransaction(session);
    const atOnce = !joined && write.upon === undefined && canWriteAtOnce(write) ? write : undefined;
    const inSteps = (tx: Transaction) => writeSingle(this.#store, tx, write);
    const first = atOnce === undefined ? inSteps : (tx: Transaction) => writeAtOnce(this.#store, tx, atOnce);
    return renumbering(this.#store, session, write.filter, async () => {
      try {
        return await inTransaction(this.#store, session, first);
      } catch (error) {
        // What the first try may not have shown yet: a native error in its native words, a lost race of upserts.
        const lostRace = isDuplicateKey(error) && write.options.upsert === true;
        const misworded = atOnce !== undefined && isRefusal(this.#store, error);
        if (joined || !(lostRace || misworded)) throw error;
        return inTransaction(this.#store, session, inSteps);
      }
    });
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
   * Where `ordered`, the first refused one is the last that is carried out, and fewer results come back.
   */
  async writeTogether(writes: readonly Write[], options: TogetherOptions = {}): Promise<Settled[]> {
    const culprit: Culprit = {};
    const steps = (tx: Transaction) => writeGroup(this.#store, tx, writes, culprit);
    try {
      return await renumbering(this.#store, options.session, idsOf(writes), () =>
        inTransaction(this.#store, options.session, steps, writes.length),
      );
    } catch (error) {
      if (error instanceof GroupTooLarge) return this.#writeParts(around(writes, writes.length >> 1, 0), options);
      // What one document lacks is no reason for the others to wait.
      const distinct = !(error instanceof GroupNotDistinct) && !isAboutPayload(error);
      if (distinct && !isAboutTheWrite(this.#store, error)) return writes.map(() => ({ error }));
      // The one that was refused goes alone, to its own result or error; those around it go together again.
      const { index } = culprit;
      return this.#writeParts(index === undefined ? writes.map((one) => [one]) : around(writes, index, 1), options);
    }
  }

  async #writeParts(parts: readonly (readonly Write[])[], options: TogetherOptions): Promise<Settled[]> {
    const settled: Settled[] = [];
    for (const part of parts) {
      const [only] = part;
      const alone = part.length === 1 && only !== undefined;
      const results = alone ? [await this.#settledAlone(only, options)] : await this.writeTogether(part, options);
      settled.push(...results);
      if (options.ordered && results.some((member) => 'error' in member)) break;
    }
    return settled;
  }

  async #settledAlone(write: Write, { session }: TogetherOptions): Promise<Settled> {
    return this.writeAlone(write, session).then(
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
      const systems = await insertAll(this.#store, inserts, { ordered: false }, fresh);
      waiting.forEach(({ write, resolve }, index) => void resolve(inserted(write, systems[index])));
    } catch (error) {
      await this.#insertRefused(waiting, error, fresh);
    }
  }

  /**
   * Whoever was refused goes alone, to get its error as it is worded for one insert. Where the whole command was
   * refused, because the server undid it or the driver could not send it, that is everybody. Where nobody knows what
   * became of it, everybody is told so.
   */
  async #insertRefused(
    waiting: readonly Waiting<CapturedInsert, Outcome>[],
    error: unknown,
    fresh: boolean,
  ): Promise<void> {
    if (!isAboutTheWrite(this.#store, error)) return waiting.forEach(({ reject }) => void reject(error));
    const failed = unacknowledged(this.#store, error);
    const named = refusedBy(error);
    const some = isOutright(this.#store, fresh) && (named.size > 0 || failed !== undefined);
    const refused = some ? named : new Set(waiting.keys());
    for (const [index, member] of waiting.entries()) {
      if (refused.has(index)) await settle(member, this.#insertOne(member.write, fresh));
      else if (failed === undefined) member.resolve(inserted(member.write));
      else member.reject(failed);
    }
  }

  async #insertOne(insert: CapturedInsert, fresh: boolean): Promise<Outcome> {
    const [system] = await insertAll(this.#store, [insert], insert.options, fresh);
    return inserted(insert, system);
  }
}

function settle(waiting: Waiting<unknown, Outcome>, result: Promise<Outcome>): Promise<void> {
  return result.then(waiting.resolve, waiting.reject);
}

/** The parts before and after some members, and those themselves. */
function around<T>(all: readonly T[], index: number, length: number): T[][] {
  const parts = [all.slice(0, index), all.slice(index, index + length), all.slice(index + length)];
  return parts.filter((part) => part.length > 0);
}
