import fc from 'fast-check';
import type { Model, Mongoose, UpdateQuery } from 'mongoose';
import { mongooseUnderTest } from './database.ts';
import { headsOf } from './stored.ts';

const { EJSON } = (await mongooseUnderTest()).mongo.BSON;

/** A model of {@link twinSchema}, with the library or without. */
export type Twin = Model<{ _id: number }>;

export function twinSchema({ Schema }: Mongoose) {
  const { Mixed } = Schema.Types;
  const fields = {
    _id: Number,
    n: Mixed,
    s: String,
    list: { type: [Mixed], default: undefined },
    sub: Mixed,
    map: { type: Map, of: Number },
  };
  return new Schema(fields, { minimize: false });
}

export type Raw = Record<string, unknown>;

/** One write, carried out by any model of {@link twinSchema}. */
export interface Step {
  readonly title: string;
  readonly write: (model: Twin) => Promise<unknown>;
}

const id = fc.integer({ min: 1, max: 3 });
const small = fc.integer({ min: -2, max: 2 });
const scalar = fc.oneof(small, fc.double({ noNaN: true, min: -2, max: 2 }), fc.constantFrom('a', 'b', '', null, true));
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.dictionary(fc.constantFrom('x', 'y'), scalar));
const path = fc.constantFrom('n', 's', 'sub.x', 'sub.y', 'list.0');
const list = fc.constantFrom('list', 'sub.items');

/** Operators as they are valid or not: whatever the server says of them, it says to both. */
const operator: fc.Arbitrary<Raw> = fc.oneof(
  fc.record({ $set: fc.dictionary(path, value, { minKeys: 1, maxKeys: 2 }) }),
  fc.record({ $unset: fc.dictionary(path, fc.constant(1), { minKeys: 1, maxKeys: 2 }) }),
  fc.record({ $inc: fc.dictionary(fc.constantFrom('n', 'sub.x'), small, { minKeys: 1 }) }),
  fc.record({ $mul: fc.record({ n: small }) }),
  fc.record({ $min: fc.dictionary(path, scalar, { minKeys: 1, maxKeys: 1 }) }),
  fc.record({ $max: fc.dictionary(path, scalar, { minKeys: 1, maxKeys: 1 }) }),
  fc.record({ $rename: fc.constantFrom({ n: 'm' }, { m: 'n' }, { 'sub.x': 'sub.y' }, { none: 'other' }) }),
  fc.record({ $push: fc.dictionary(list, scalar, { minKeys: 1, maxKeys: 1 }) }),
  fc.record({
    $push: fc.record({
      list: fc.record({ $each: fc.array(scalar, { minLength: 1, maxLength: 2 }), $position: small }),
    }),
  }),
  fc.record({ $addToSet: fc.dictionary(list, scalar, { minKeys: 1, maxKeys: 1 }) }),
  fc.record({ $addToSet: fc.record({ list: fc.record({ $each: fc.array(scalar, { maxLength: 2 }) }) }) }),
  fc.record({ $pull: fc.record({ list: fc.oneof(scalar, fc.constant({ $gt: 0 })) }) }),
  fc.record({ $pullAll: fc.record({ list: fc.array(scalar, { maxLength: 2 }) }) }),
  fc.record({ $pop: fc.record({ list: fc.constantFrom(-1, 1) }) }),
  fc.record({ $bit: fc.record({ n: fc.constantFrom({ or: 1 }, { and: 3 }, { xor: 2 }) }) }),
  fc.record({ $setOnInsert: fc.record({ s: scalar }) }),
  fc.record({ $set: fc.record({ 'list.$[]': scalar }) }),
);
const update: fc.Arbitrary<Raw> = fc.oneof(
  { weight: 4, arbitrary: operator },
  { weight: 1, arbitrary: fc.tuple(operator, operator).map(([a, b]) => ({ ...b, ...a })) },
);
const pipeline = fc.constantFrom<Raw[]>(
  [{ $set: { n: { $ifNull: ['$n', 0] } } }],
  [{ $set: { sub: { x: '$n' } } }],
  [{ $unset: 'list' }],
  [{ $replaceWith: { _id: '$_id', s: '$s', whole: true } }],
);

const title = (name: string, ...args: unknown[]) => `${name} ${JSON.stringify(args)}`;
const copy = (given: unknown) => structuredClone(given) as never;
const options = { strict: false } as never;

/** Whether MongoDB may count as modified what stays as it was: an item of a list that is null and is unset. */
export function mayCountInVain({ title }: Step): boolean {
  return /\$unset.*list\.0/.test(title);
}

/** Any write, valid or not. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(id, update).map(
      ([_id, one]): Step => ({
        title: title('updateOne', _id, one),
        write: (model) => model.collection.updateOne({ _id: _id as never }, copy(one)),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: update.map(
      (one): Step => ({
        title: title('updateMany', one),
        write: (model) => model.collection.updateMany({}, copy(one)),
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(id, update, fc.boolean(), fc.constantFrom('before', 'after')).map(
      ([_id, one, upsert, returnDocument]): Step => ({
        title: title('findOneAndUpdate', _id, one, upsert, returnDocument),
        write: (model) =>
          model.collection.findOneAndUpdate({ _id: _id as never }, copy(one), { upsert, returnDocument } as never),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(id, update).map(
      ([_id, one]): Step => ({
        title: title('upsert', _id, one),
        write: (model) => model.collection.updateOne({ _id: _id as never }, copy(one), { upsert: true }),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(id, pipeline).map(
      ([_id, stages]): Step => ({
        title: title('pipeline', _id, stages),
        write: (model) => model.collection.updateOne({ _id: _id as never }, copy(stages)),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(id, fc.dictionary(fc.constantFrom('n', 's', 'sub'), scalar)).map(
      ([_id, document]): Step => ({
        title: title('replaceOne', _id, document),
        write: (model) => model.collection.replaceOne({ _id: _id as never }, copy(document)),
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.array(fc.tuple(id, update, fc.boolean()), { minLength: 1, maxLength: 4 }).chain((members) =>
      fc.boolean().map(
        (ordered): Step => ({
          title: title('bulkWrite', members, ordered),
          write: (model) =>
            model.collection.bulkWrite(
              members.map(([_id, one, upsert]) => ({
                updateOne: { filter: { _id }, update: copy(one), upsert },
              })) as never,
              { ordered },
            ),
        }),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: id.map(
      (_id): Step => ({ title: title('deleteOne', _id), write: (model) => model.deleteOne({ _id }).exec() }),
    ),
  },
  {
    weight: 1,
    arbitrary: id.map(
      (_id): Step => ({
        title: title('create', _id),
        write: (model) => model.create({ _id, n: 0, s: 'new' } as never),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(id, value).map(
      ([_id, any]): Step => ({
        title: title('save', _id, any),
        write: async (model) => {
          const document = await model.findById(_id);
          document?.set({ sub: copy(any), s: 'saved' });
          return (await document?.save())?.toObject();
        },
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: update.map(
      (one): Step => ({
        title: title('Model.updateMany', one),
        write: (model) => model.updateMany({}, copy(one) as UpdateQuery<unknown> as never, options).exec(),
      }),
    ),
  },
);

export const EXACT = { promoteValues: false, promoteLongs: false } as const;

/** What is stored, without bookkeeping, by the ids of documents. */
export async function contents(model: Twin): Promise<Map<string, string>> {
  const documents = await headsOf(model)
    .find({}, { sort: { _id: 1 }, ...EXACT })
    .toArray();
  return new Map(documents.map(({ _system, ...document }) => [String(document._id), exact(document)]));
}

/** A document as text that tells its types. */
export function exact(document: unknown): string {
  return EJSON.stringify(document, { relaxed: false });
}

/** What a write returned, or how it failed, as far as it says nothing of the collection. */
export async function outcome(run: Promise<unknown>): Promise<unknown> {
  try {
    return { result: plain(await run) };
  } catch (error) {
    const { name, code, message, result } = error as { name: string; code: number; message: string; result?: unknown };
    return { name, code, message: message.replace(/ in the update .*| collection: \S+/s, ''), result: plain(result) };
  }
}

function plain(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  const { getRawResponse } = result as { getRawResponse?: unknown };
  if (getRawResponse === undefined) return JSON.parse(exact(result));
  const { matchedCount, modifiedCount, upsertedCount, upsertedIds } = result as Raw;
  return { matchedCount, modifiedCount, upsertedCount, upsertedIds };
}
