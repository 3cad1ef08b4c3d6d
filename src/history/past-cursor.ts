import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';
import type { PastQuery } from './past-query.ts';
import { sortOf } from './sort.ts';

/** The ways in which a {@link PastCursor} has its query answered. */
export interface PastAnswers {
  oneByOne(query: PastQuery): AsyncGenerator<RawDocument>;
  all(query: PastQuery): Promise<RawDocument[]>;
  explain(query: PastQuery, verbosity: mongo.ExplainVerbosityLike | undefined): Promise<RawDocument>;
}

/** Stands where the driver's `FindCursor` would: what Mongoose and its users do with one, over the past. */
export class PastCursor implements AsyncIterable<RawDocument> {
  readonly #answers: PastAnswers;
  #query: PastQuery;
  #documents: AsyncGenerator<RawDocument> | undefined;
  #ahead: IteratorResult<RawDocument> | undefined;
  #transforms: ((document: RawDocument) => unknown)[] = [];
  closed = false;

  constructor(query: PastQuery, answers: PastAnswers) {
    this.#query = query;
    this.#answers = answers;
  }

  async next(): Promise<unknown> {
    const result = this.#ahead ?? (await this.#iterator().next());
    this.#ahead = undefined;
    return result.done === true ? null : this.#transformed(result.value);
  }

  tryNext(): Promise<unknown> {
    return this.next();
  }

  async hasNext(): Promise<boolean> {
    this.#ahead ??= await this.#iterator().next();
    return this.#ahead.done !== true;
  }

  async toArray(): Promise<unknown[]> {
    const documents = this.#documents === undefined ? await this.#answers.all(this.#query) : await this.#rest();
    this.closed = true;
    return documents.map((document) => this.#transformed(document));
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

  sort(sort: unknown): this {
    return this.#refined({ sort: sortOf(sort) });
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
  explain(verbosity?: mongo.ExplainVerbosityLike): Promise<RawDocument> {
    return this.#answers.explain(this.#query, verbosity);
  }

  #transformed(document: RawDocument): unknown {
    return this.#transforms.reduce<unknown>((value, transform) => transform(value as RawDocument), document);
  }

  async #rest(): Promise<RawDocument[]> {
    const rest = this.#ahead?.done === false ? [this.#ahead.value] : [];
    for await (const document of this.#iterator()) rest.push(document);
    return rest;
  }

  #iterator(): AsyncGenerator<RawDocument> {
    this.#documents ??= this.#answers.oneByOne(this.#query);
    return this.#documents;
  }

  #refined(change: Partial<PastQuery>): this {
    this.#query = { ...this.#query, ...change };
    return this;
  }
}
