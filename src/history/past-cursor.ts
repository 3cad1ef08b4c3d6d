import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import type { RawDocument } from '../types.ts';
import { both, headCurrentAt, recordCurrentAt } from './interval.ts';
import type { PastQuery } from './past-cursor.ts';
import { recordFilter, recordSort } from './record-paths.ts';

/** Stands where the driver's `FindCursor` would: what Mongoose and its users do with one, over the past. */
export class PastCursor implements AsyncIterable<RawDocument> {
  readonly #store: Store;
  readonly #open: (query: PastQuery) => AsyncGenerator<RawDocument>;
  #query: PastQuery;
  #documents: AsyncGenerator<RawDocument> | undefined;
  #ahead: IteratorResult<RawDocument> | undefined;
  #transforms: ((document: RawDocument) => unknown)[] = [];
  closed = false;

  constructor(store: Store, query: PastQuery, open: (query: PastQuery) => AsyncGenerator<RawDocument>) {
    this.#store = store;
    this.#query = query;
    this.#open = open;
  }

  async next(): Promise<unknown> {
    const result = this.#ahead ?? (await this.#iterator().next());
    this.#ahead = undefined;
    if (result.done === true) return null;
    return this.#transforms.reduce<unknown>((value, transform) => transform(value as RawDocument), result.value);
  }

  tryNext(): Promise<unknown> {
    return this.next();
  }

  async hasNext(): Promise<boolean> {
    this.#ahead ??= await this.#iterator().next();
    return this.#ahead.done !== true;
  }

  async toArray(): Promise<unknown[]> {
    const all: unknown[] = [];
    for await (const document of this) all.push(document);
    return all;
  }

  async forEach(fn: (document: unknown) => boolean | undefined): Promise<void> {
    for await (const document of this) if (fn(document) === false) break;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RawDocument> {
    try {
      while (await this.hasNext()) yield (await this.next()) as RawDocument;
    } finally {
      await this.close();
    }
  }

  map(transform: (document: RawDocument) => unknown): this {
    this.#transforms.push(transform);
    return this;
  }

  sort(sort: RawDocument): this {
    return this.#refined({ sort });
  }

  skip(skip: number): this {
    return this.#refined({ skip });
  }

  limit(limit: number): this {
    return this.#refined({ limit: Math.abs(limit) });
  }

  project(projection: RawDocument): this {
    return this.#refined({ projection });
  }

  batchSize(batchSize: number): this {
    return this.#refined({ shared: { ...this.#query.shared, batchSize } });
  }

  addCursorFlag(): this {
    return this;
  }

  rewind(): void {
    void this.#documents?.return(undefined);
    this.#documents = undefined;
    this.#ahead = undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.#documents?.return(undefined);
  }

  /** The plans of both sides, as `{ head, versions }`. */
  async explain(verbosity?: mongo.ExplainVerbosityLike): Promise<RawDocument> {
    const { filter, at, sort, skip, limit, hint } = this.#query;
    const bound = limit === 0 ? {} : { limit: skip + limit };
    const heads = this.#store.head.find(both(filter, headCurrentAt(at)), {
      ...bound,
      ...(sort === undefined ? {} : { sort: sort as mongo.Sort }),
      ...(hint === undefined ? {} : { hint }),
    });
    const records = this.#store.versions.find(both(recordFilter(filter), recordCurrentAt(at)), {
      ...bound,
      ...(sort === undefined ? {} : { sort: recordSort(sort) as mongo.Sort }),
    });
    return { head: await explained(heads, verbosity), versions: await explained(records, verbosity) };
  }

  #iterator(): AsyncGenerator<RawDocument> {
    this.#documents ??= this.#open(this.#query);
    return this.#documents;
  }

  #refined(change: Partial<PastQuery>): this {
    this.#query = { ...this.#query, ...change };
    return this;
  }
}

function explained(cursor: mongo.FindCursor, verbosity: mongo.ExplainVerbosityLike | undefined): Promise<RawDocument> {
  return verbosity === undefined ? cursor.explain() : cursor.explain(verbosity);
}
