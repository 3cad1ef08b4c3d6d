import type { Actor, Op, VersionFields } from '../types.ts';
import { opOf } from './document-history.ts';

/** One version of a document: what it was, from when to when, and who made it so and why. */
export interface Version<T> {
  /** Object version: 0 for the first. */
  readonly ov: number;
  /** Collection version, where it is kept. */
  readonly cv: number | null;
  readonly op: Op;
  /** From when it was current, inclusive; null for a document from before its history was kept. */
  readonly from: Date | null;
  /** Until when, exclusive; null while it still is. */
  readonly until: Date | null;
  readonly actor: Actor | null;
  readonly reason: string | null;
  readonly functionId: string | null;
  /** The version whose content a RESTORE repeats. */
  readonly restoredFrom: number | null;
  /** The document as it was, read-only; null for a deletion. */
  readonly doc: T | null;
}

export function versionOf<T>(system: VersionFields, until: Date | null, doc: T | null): Version<T> {
  return {
    ov: system.ov,
    cv: system.cv ?? null,
    op: opOf(system),
    from: system.updatedAt ?? null,
    until: system.until ?? until,
    actor: system.actor ?? null,
    reason: system.reason ?? null,
    functionId: system.functionId ?? null,
    restoredFrom: system.restoredFrom ?? null,
    doc,
  };
}

/** The versions of a document: awaited they are an array, iterated over they come one by one, however many they are. */
export class VersionList<T> implements PromiseLike<Version<T>[]>, AsyncIterable<Version<T>> {
  readonly #read: () => AsyncGenerator<Version<T>>;

  constructor(read: () => AsyncGenerator<Version<T>>) {
    this.#read = read;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Version<T>> {
    return this.#read();
  }

  // biome-ignore lint/suspicious/noThenProperty: it is awaited as Mongoose's queries are
  then<A = Version<T>[], B = never>(
    onFulfilled?: ((versions: Version<T>[]) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#all().then(onFulfilled, onRejected);
  }

  async #all(): Promise<Version<T>[]> {
    const all: Version<T>[] = [];
    for await (const version of this) all.push(version);
    return all;
  }
}
