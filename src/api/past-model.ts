import type { Document, HydratedDocument, Model, QueryWithHelpers, Schema } from 'mongoose';
import type { Point } from '../history/instant.ts';
import type { ChronosMethods } from './model-type.ts';

type None = Record<never, never>;

type Reads =
  | 'find'
  | 'findOne'
  | 'findById'
  | 'countDocuments'
  | 'estimatedDocumentCount'
  | 'distinct'
  | 'exists'
  | 'aggregate'
  | 'where';

/** A model as it was at an instant: what reads is there, with its results read-only, and what writes is not. */
export interface PastModel<T, QueryHelpers = None, Methods = None, Virtuals = None>
  extends Pick<
    Model<T, QueryHelpers & ReadOnlyQuery, PastMethods<T, QueryHelpers, Methods, Virtuals>, Virtuals>,
    Reads
  > {
  readonly modelName: string;
  readonly schema: Schema;
  readonly at: Point;
}

/** A document as it was at an instant. It cannot be saved; `restore` makes its content current again. */
export type PastDocument<T, QueryHelpers = None, Methods = None, Virtuals = None> = HydratedDocument<
  T,
  PastMethods<T, QueryHelpers, Methods, Virtuals> & Virtuals,
  QueryHelpers & ReadOnlyQuery,
  Virtuals
>;

/**
 * A query that answers as of an instant, with the results of the query it is made of, read-only.
 *
 * @typeParam R what the query gives
 */
export type PastQuery<R, T, QueryHelpers, Methods, Virtuals> = QueryWithHelpers<
  ReadOnly<R>,
  PastDocument<T, QueryHelpers, Methods, Virtuals>,
  QueryHelpers & ReadOnlyQuery,
  T,
  R extends readonly unknown[] ? 'find' : 'findOne',
  PastMethods<T, QueryHelpers, Methods, Virtuals> & Virtuals
>;

/** What a query gives, with its documents read-only. */
type ReadOnly<R> = R extends readonly (infer D)[] ? ReadOnly<D>[] : R extends Document ? R & ReadOnlyDocument : R;

type PastMethods<T, QueryHelpers, Methods, Virtuals> = Methods &
  Omit<ChronosMethods<T, QueryHelpers, Methods, Virtuals>, 'enrich'> &
  ReadOnlyDocument;

/** The writing methods of a document, which one of the past does not have. */
export interface ReadOnlyDocument {
  readonly save: never;
  readonly updateOne: never;
  readonly replaceOne: never;
  readonly deleteOne: never;
  readonly enrich: never;
}

/** The writing methods of a query, which one of the past does not have. */
export interface ReadOnlyQuery {
  readonly updateOne: never;
  readonly updateMany: never;
  readonly replaceOne: never;
  readonly deleteOne: never;
  readonly deleteMany: never;
  readonly findOneAndUpdate: never;
  readonly findOneAndReplace: never;
  readonly findOneAndDelete: never;
}
