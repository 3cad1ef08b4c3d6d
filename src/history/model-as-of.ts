import type { Model, Query } from 'mongoose';
import { ReadOnlyVersionError } from '../errors.ts';
import type { Point } from './instant.ts';
import { queryAsOf } from './query-as-of.ts';

/** What can be asked of a model as of an instant. */
const READS = [
  'find',
  'findOne',
  'findById',
  'countDocuments',
  'estimatedDocumentCount',
  'distinct',
  'exists',
  'where',
] as const;

const WRITES = [
  'create',
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'replaceOne',
  'findOneAndUpdate',
  'findOneAndReplace',
  'findOneAndDelete',
  'findByIdAndUpdate',
  'findByIdAndDelete',
  'deleteOne',
  'deleteMany',
  'bulkWrite',
  'bulkSave',
  'enrich',
  'restore',
  'restoreCollection',
] as const;

type Reading = Record<(typeof READS)[number], (...args: unknown[]) => Query<unknown, unknown>>;

/** A read-only view of a model as it was at an instant. Every method of it reads; the names of those that write throw. */
export function modelAsOf(model: Model<unknown>, at: Point): object {
  const source = model as unknown as Reading;
  const view: Record<string, unknown> = { modelName: model.modelName, schema: model.schema, at };
  for (const method of READS) view[method] = (...args: unknown[]) => queryAsOf(source[method](...args), at);
  view.aggregate = (...args: Parameters<typeof model.aggregate>) =>
    model.aggregate(...args).option({ chronos: { asOf: at } } as never);
  for (const method of WRITES) {
    view[method] = () => {
      throw new ReadOnlyVersionError(model.modelName, method);
    };
  }
  return Object.freeze(view);
}
