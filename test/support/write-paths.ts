import type { HydratedDocument, Model, Mongoose, Schema, Types } from 'mongoose';

/** What the documents of the capture matrix look like. */
export interface Sample {
  _id: unknown;
  name?: string | null;
  n?: number;
  code?: string;
  tags?: string[];
  items?: { sku: string; qty: number }[];
  map?: Map<string, number>;
  nested?: { a?: number; b?: string };
  any?: unknown;
  at?: Date;
  kind?: string;
}

export type SampleModel = Model<Sample>;
type SampleDocument = HydratedDocument<Sample>;

/** One way an app writes. It is taken on a model with history and on a plain twin. */
export interface WritePath {
  readonly name: string;
  readonly group: string;
  /** One of the 24 paths that are taken with other libraries too. */
  readonly core?: true;
  readonly seed?: readonly Record<string, unknown>[];
  readonly schema?: (mongoose: Mongoose) => Schema<Sample>;
  /** Refused where a collection keeps history, so that nothing is written that leaves no version. */
  readonly refused?: true;
  /** Leaves nothing behind when it fails, where the server alone leaves what it had done until then. */
  readonly atomic?: true;
  /** The core paths name documents by `id(1)`, as others take no `_id` but an ObjectId; the further ones by number. */
  readonly write: (model: SampleModel, id: Ids, mongoose: Mongoose) => Promise<unknown>;
}

/** The `_id` of each numbered document. */
export type Ids = (n: number) => number | Types.ObjectId;

/** A number is its own `_id`. */
export const NUMBERS: Ids = (n) => n;

export const objectIds =
  ({ Types }: Mongoose): Ids =>
  (n) =>
    new Types.ObjectId(n.toString(16).padStart(24, '0'));

export function sampleSchema(mongoose: Mongoose): Schema<Sample> {
  const _id = { type: mongoose.Schema.Types.Mixed, default: () => new mongoose.Types.ObjectId() };
  return new mongoose.Schema<Sample>({ _id, ...sampleFields(mongoose) } as never, { timestamps: true });
}

/** What a schema of samples holds besides the `_id`. */
export function sampleFields(mongoose: Mongoose): object {
  return {
    name: String,
    n: { type: Number, max: 1_000 },
    code: { type: String, unique: true, sparse: true },
    tags: { type: [String], default: undefined },
    items: { type: [{ _id: false, sku: String, qty: Number }], default: undefined },
    map: { type: Map, of: Number },
    nested: { _id: false, type: { a: Number, b: String } },
    any: mongoose.Schema.Types.Mixed,
    at: Date,
    kind: String,
  };
}

/** The documents every path meets unless it says otherwise. */
export const SEED: readonly Record<string, unknown>[] = [
  {
    _id: 1,
    name: 'ada',
    n: 1,
    code: 'a',
    tags: ['x', 'y'],
    items: [
      { sku: 'p', qty: 1 },
      { sku: 'q', qty: 5 },
      { sku: 'q', qty: 9 },
    ],
    map: { one: 1 },
    nested: { a: 1, b: 'b' },
    any: { free: [1, { form: true }] },
  },
  { _id: 2, name: 'bob', n: 2, code: 'b', tags: [], items: [{ sku: 'p', qty: 2 }] },
  { _id: 3, name: 'cyd', n: 2, code: 'c' },
];

const paths: WritePath[] = [];

type Write = WritePath['write'];

function add(group: string, writes: Record<string, Write>, more: Partial<WritePath> = {}): void {
  for (const [name, write] of Object.entries(writes)) paths.push({ group, name, write, ...more });
}

async function one(model: SampleModel, id: unknown = 1): Promise<SampleDocument> {
  return (await model.findById(id).orFail()) as SampleDocument;
}

/** What every error of a path is looked at for: the path itself must not throw. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (result) => ({ resolved: result }),
    (error: unknown) => ({ rejected: error }),
  );
}

const CORE = { core: true } as const;

add(
  'documents',
  {
    'save, new': (Model, id) => new Model({ _id: id(9), name: 'new' }).save(),
    'save, changed': async (Model, id) => {
      const doc = await one(Model, id(1));
      doc.name = 'changed';
      doc.tags?.push('z');
      return doc.save();
    },
    create: (Model, id) => Model.create([{ _id: id(8), name: 'one' }, { name: 'generated' }]),
    'doc.updateOne': async (Model, id) => (await one(Model, id(1))).updateOne({ $set: { n: 7 } }),
    'doc.deleteOne': async (Model, id) => (await one(Model, id(1))).deleteOne(),
  },
  CORE,
);
add('documents', {
  'save, unchanged': async (Model) => (await one(Model)).save(),
  'save, twice': async (Model) => {
    const doc = await one(Model);
    doc.n = 10;
    await doc.save();
    doc.n = 11;
    return doc.save();
  },
  'save, subdocument': async (Model) => {
    const doc = await one(Model);
    const item = doc.items?.[1];
    if (item !== undefined) item.qty = 50;
    return doc.save();
  },
  'save, nested path and Map': async (Model) => {
    const doc = await one(Model);
    doc.set('nested.a', 2);
    doc.map?.set('two', 2);
    return doc.save();
  },
  'save, Mixed': async (Model) => {
    const doc = await one(Model);
    doc.any = { other: [new Date(0), null, { deep: 1.5 }] };
    return doc.save();
  },
  'save, array changed by index': async (Model) => {
    const doc = await one(Model);
    doc.tags = ['only'];
    return doc.save();
  },
  'save, unset': async (Model) => {
    const doc = await one(Model);
    doc.set('code', undefined);
    return doc.save();
  },
  'save, validation error': async (Model) => {
    const doc = await one(Model);
    doc.n = 5_000;
    return failure(doc.save());
  },
  'save, duplicate key': async (Model) => failure(new Model({ _id: 9, code: 'a' }).save()),
  'save, duplicate _id': async (Model) => failure(new Model({ _id: 1, name: 'again' }).save()),
  'save, changed to a duplicate key': async (Model) => {
    const doc = await one(Model);
    doc.code = 'b';
    return failure(doc.save());
  },
  'save, stale __v': async (Model) => {
    const [first, second] = [await one(Model), await one(Model)];
    first.tags = ['a'];
    await first.save();
    second.set('tags.0', 'b');
    return failure(second.save());
  },
  'save, deleted meanwhile': async (Model) => {
    const doc = await one(Model);
    await Model.deleteOne({ _id: 1 });
    doc.n = 4;
    return failure(doc.save());
  },
  'save, middleware: false': async (Model) => {
    const doc = await one(Model);
    doc.n = 3;
    return doc.save({ middleware: false } as never);
  },
  'save, timestamps: false': async (Model) => {
    const doc = await one(Model);
    doc.n = 3;
    return doc.save({ timestamps: false });
  },
  insertOne: (Model) => Model.insertOne({ _id: 9, name: 'inserted' }),
});

add(
  'insertMany',
  {
    insertMany: (Model, id) => Model.insertMany([{ _id: id(9), name: 'one' }, { name: 'generated' }]),
  },
  CORE,
);
const someBad = () => [{ _id: 9 }, { _id: 10, code: 'a' }, { _id: 11 }, { _id: 1 }, { _id: 12 }];
add('insertMany', {
  'insertMany, generated ids': (Model) => Model.insertMany([{ name: 'a' }, { name: 'b' }, { name: 'c' }]),
  'insertMany, lean': (Model) => Model.insertMany([{ _id: 9 }, { name: 'generated' }], { lean: true } as never),
  'insertMany, rawResult': (Model) => Model.insertMany([{ _id: 9 }, { _id: 10 }], { rawResult: true }),
  'insertMany, ordered failure': (Model) => failure(Model.insertMany(someBad())),
  'insertMany, unordered failure': (Model) => failure(Model.insertMany(someBad(), { ordered: false })),
  'insertMany, generated ids, ordered failure': (Model) =>
    failure(Model.insertMany([{ code: 'k' }, { code: 'a' }, { code: 'l' }])),
  'insertMany, generated ids, unordered failure': (Model) =>
    failure(Model.insertMany([{ code: 'k' }, { code: 'a' }, { code: 'l' }, { code: 'k' }], { ordered: false })),
  'insertMany, unordered failure, rawResult': (Model) =>
    failure(Model.insertMany(someBad(), { ordered: false, rawResult: true })),
  'insertMany, validation error': (Model) => failure(Model.insertMany([{ _id: 9 }, { _id: 10, n: 5_000 }])),
  'insertMany, unordered validation error': (Model) =>
    failure(Model.insertMany([{ _id: 9 }, { _id: 10, n: 5_000 }, { _id: 11, code: 'a' }], { ordered: false })),
  'insertMany, empty': (Model) => Model.insertMany([]),
});

add(
  'updates',
  {
    updateOne: (Model, id) => Model.updateOne({ _id: id(1) }, { name: 'set' }),
    updateMany: (Model) => Model.updateMany({ n: 2 }, { $inc: { n: 1 } }),
    replaceOne: (Model, id) => Model.replaceOne({ _id: id(1) }, { name: 'replaced' }),
    findOneAndUpdate: (Model) => Model.findOneAndUpdate({ name: 'ada' }, { $set: { n: 9 } }),
    findByIdAndUpdate: (Model, id) => Model.findByIdAndUpdate(id(1), { n: 9 }, { returnDocument: 'after' }),
    findOneAndReplace: (Model, id) => Model.findOneAndReplace({ _id: id(1) }, { name: 'replaced' }),
    'upsert, miss': (Model, id) => Model.updateOne({ _id: id(9) }, { name: 'upserted' }, { upsert: true }),
    arrayFilters: (Model, id) =>
      Model.updateOne({ _id: id(1) }, { $inc: { 'items.$[i].qty': 1 } }, { arrayFilters: [{ 'i.sku': 'q' }] }),
    'positional $': (Model, id) => Model.updateOne({ _id: id(1), 'items.sku': 'q' }, { $set: { 'items.$.qty': 0 } }),
    pipeline: (Model, id) =>
      Model.updateOne({ _id: id(1) }, [{ $set: { n: { $add: ['$n', 1] } } }], { updatePipeline: true } as never),
    'middleware: false': (Model, id) =>
      Model.updateOne({ _id: id(1) }, { name: 'quiet' }, { middleware: false } as never),
    'native collection': (Model, id) => Model.collection.updateOne({ _id: id(1) as never }, { $set: { raw: true } }),
  },
  CORE,
);
add(
  'updates',
  {
    'aggregate $merge': (Model, id) =>
      Model.aggregate([
        { $match: { _id: id(1) } },
        { $set: { n: 50 } },
        { $merge: { into: Model.collection.collectionName } },
      ]).exec(),
  },
  { core: true, refused: true },
);

add('updates', {
  'updateOne, no match': (Model) => Model.updateOne({ _id: 99 }, { name: 'none' }),
  'updateOne, of three that match': (Model) => Model.updateOne({}, { $set: { at: new Date(0) } }),
  'updateOne, collation': (Model) =>
    Model.updateOne({ name: 'ADA' }, { n: 3 }, { collation: { locale: 'en', strength: 2 } }),
  'updateOne, changes nothing': (Model) => Model.updateOne({ _id: 1 }, { name: 'ada' }, { timestamps: false }),
  'updateOne, timestamps: false': (Model) => Model.updateOne({ _id: 1 }, { n: 3 }, { timestamps: false }),
  'updateOne, strict: false': (Model) =>
    Model.updateOne({ _id: 1 }, { outside: { of: ['schema'] } } as never, { strict: false }),
  'updateOne, empty': (Model) => Model.updateOne({ _id: 1 }, {}),
  'updateOne, runValidators': (Model) =>
    failure(Model.updateOne({ _id: 1 }, { n: 5_000 }, { runValidators: true }).exec()),
  'updateOne, cast error': (Model) => failure(Model.updateOne({ _id: 1 }, { n: 'many' as never }).exec()),
  'updateOne, duplicate key': (Model) => failure(Model.updateOne({ _id: 1 }, { code: 'b' }).exec()),
  'updateOne, duplicate key by another field': (Model) =>
    failure(Model.updateOne({ name: 'ada' }, { code: 'b' }).exec()),
  'updateOne, immutable _id': (Model) => failure(Model.updateOne({ _id: 1 }, { _id: 2 }).exec()),
  'updateMany, some unchanged': (Model) => Model.updateMany({}, { n: 2 }, { timestamps: false }),
  'updateMany, no match': (Model) => Model.updateMany({ n: 99 }, { n: 1 }),
  'updateMany, on the filtered field': (Model) => Model.updateMany({ n: { $gte: 1 } }, { $inc: { n: 10 } }),
  'updateMany, unsure operators': (Model) => Model.updateMany({}, { $pull: { tags: 'x' } }, { timestamps: false }),
  'updateMany, pipeline': (Model) =>
    Model.updateMany({}, [{ $set: { n: { $max: ['$n', 2] } } }], { updatePipeline: true, timestamps: false } as never),
  'updateMany, arrayFilters': (Model) =>
    Model.updateMany(
      { items: { $exists: true } },
      { $set: { 'items.$[i].qty': 3 } },
      { arrayFilters: [{ 'i.qty': { $gt: 4 } }] },
    ),
  'updateMany, upsert hit': (Model) => Model.updateMany({ n: 2 }, { name: 'both' }, { upsert: true }),
  'updateMany, upsert miss': (Model) =>
    Model.updateMany({ _id: 9 }, { $set: { n: 4 }, $setOnInsert: { name: 'new' } }, { upsert: true }),
  'updateMany, bad operator value': (Model) => failure(Model.collection.updateMany({}, { $inc: { name: 1 } as never })),
  'replaceOne, no match': (Model) => Model.replaceOne({ _id: 99 }, { name: 'none' }),
  'replaceOne, by the same': (Model) =>
    Model.replaceOne({ _id: 3 }, { name: 'cyd', n: 2, code: 'c' }, { timestamps: false }),
  'replaceOne, upsert': (Model) => Model.replaceOne({ _id: 9 }, { name: 'upserted' }, { upsert: true }),
  'replaceOne, duplicate key': (Model) => failure(Model.replaceOne({ _id: 1 }, { code: 'b' }).exec()),
  'upsert, hit': (Model) => Model.updateOne({ _id: 1 }, { name: 'hit', $setOnInsert: { n: 5 } }, { upsert: true }),
  'upsert, $setOnInsert': (Model) =>
    Model.updateOne({ name: 'new' }, { $setOnInsert: { _id: 9, n: 5 }, $set: { code: 'z' } }, { upsert: true }),
  'upsert, generated _id': (Model) => Model.updateOne({ name: 'new' }, { n: 5 }, { upsert: true }),
  'upsert, duplicate key': (Model) => failure(Model.updateOne({ name: 'new' }, { code: 'a' }, { upsert: true }).exec()),
  'positional $[]': (Model) => Model.updateOne({ _id: 1 }, { $inc: { 'items.$[].qty': 1 } }),
  'positional $, of several': (Model) => Model.updateMany({ 'items.sku': 'p' }, { $set: { 'items.$.qty': 100 } }),
  'arrayFilters, unused': (Model) =>
    failure(
      Model.updateOne({ _id: 1 }, { name: 'ada' }, { arrayFilters: [{ 'i.sku': 'q' }], timestamps: false }).exec(),
    ),
  'pipeline, replaces the document': (Model) =>
    Model.updateOne({ _id: 1 }, [{ $replaceWith: { _id: '$_id', name: 'whole' } }], {
      updatePipeline: true,
      timestamps: false,
    } as never),
  'pipeline, changes nothing': (Model) =>
    Model.updateOne({ _id: 1 }, [{ $set: { n: '$n' } }], { updatePipeline: true, timestamps: false } as never),
  'pipeline, upsert': (Model) =>
    Model.updateOne({ _id: 9 }, [{ $set: { n: 1 } }], { updatePipeline: true, upsert: true } as never),
});

add(
  'updates',
  { 'updateMany, duplicate key': (Model) => failure(Model.updateMany({}, { code: 'same' }).exec()) },
  { atomic: true },
);

const OPERATORS: Record<string, Record<string, unknown>> = {
  $set: { $set: { n: 5, 'nested.b': 'c' } },
  $unset: { $unset: { name: 1, missing: 1 } },
  $inc: { $inc: { n: 2 } },
  $mul: { $mul: { n: 3 } },
  $min: { $min: { n: 0 } },
  $max: { $max: { n: 10 } },
  $rename: { $rename: { name: 'title' } },
  $currentDate: { $currentDate: { at: true } },
  $push: { $push: { tags: 'z' } },
  '$push $each $sort $slice': { $push: { tags: { $each: ['a', 'b'], $sort: 1, $slice: 3 } } },
  '$push $position': { $push: { tags: { $each: ['a'], $position: 0 } } },
  $addToSet: { $addToSet: { tags: { $each: ['x', 'z'] } } },
  $pull: { $pull: { items: { qty: { $gt: 4 } } } },
  $pullAll: { $pullAll: { tags: ['x'] } },
  $pop: { $pop: { tags: -1 } },
  $bit: { $bit: { n: { or: 6 } } },
};
for (const [name, update] of Object.entries(OPERATORS)) {
  add('operators', { [name]: (Model) => Model.updateOne({ _id: 1 }, structuredClone(update), { strict: false }) });
}
const NO_CHANGE: Record<string, Record<string, unknown>> = {
  $set: { $set: { n: 1, name: 'ada', 'nested.a': 1 } },
  $unset: { $unset: { missing: 1, 'nested.c': 1 } },
  $inc: { $inc: { n: 0 } },
  $mul: { $mul: { n: 1 } },
  $min: { $min: { n: 1 } },
  $max: { $max: { n: 1 } },
  $rename: { $rename: { missing: 'title' } },
  $addToSet: { $addToSet: { tags: 'x' } },
  $pull: { $pull: { tags: 'none' } },
  $pullAll: { $pullAll: { tags: ['none'] } },
  $bit: { $bit: { n: { or: 1 } } },
  $setOnInsert: { $setOnInsert: { n: 100 } },
};
for (const [name, update] of Object.entries(NO_CHANGE)) {
  add('operators that change nothing', {
    [`${name}, updateOne`]: (Model) => Model.collection.updateOne({ _id: 1 as never }, update),
    [`${name}, updateMany`]: (Model) => Model.collection.updateMany({}, update),
    [`${name}, findOneAndUpdate`]: (Model) => Model.collection.findOneAndUpdate({ name: 'ada' }, update),
    [`${name}, bulkWrite`]: (Model) =>
      Model.collection.bulkWrite([1, 2].map((id) => ({ updateOne: { filter: { _id: id as never }, update: update } }))),
  });
}
const BAD: Record<string, [Record<string, unknown>, Record<string, unknown>?]> = {
  'unknown operator': [{ $grow: { n: 1 } }],
  '$inc of a string': [{ $inc: { name: 1 } }],
  '$inc of a string by nothing': [{ $inc: { name: 0 } }],
  '$push to a number': [{ $push: { n: 1 } }],
  'conflicting paths': [{ $set: { n: 1 }, $setOnInsert: { n: 2 } }],
  'path into a number': [{ $set: { 'n.deep': 1 } }],
  'immutable _id': [{ $set: { _id: 5 } }],
  '_id removed': [{ $unset: { _id: 1 } }],
  'arrayFilters without use': [{ $set: { n: 1 } }, { arrayFilters: [{ 'x.y': 1 }] }],
  'positional $ without match': [{ $set: { 'items.$.qty': 1 } }],
  'bad filter': [{ $set: { n: 7 } }, { bad: true }],
};
for (const [name, [update, options = {}]] of Object.entries(BAD)) {
  const { bad, ...rest } = options;
  const filter = (id: number) => ({ _id: id as never, ...(bad ? { $nonsense: 1 } : {}) });
  add('refused by the server', {
    [`${name}, updateOne`]: (Model) => failure(Model.collection.updateOne(filter(1), update, rest)),
    [`${name}, updateOne without match`]: (Model) => failure(Model.collection.updateOne(filter(99), update, rest)),
    [`${name}, updateMany`]: (Model) =>
      failure(Model.collection.updateMany({ ...filter(1), _id: { $lte: 1 } as never }, update, rest)),
    [`${name}, findOneAndUpdate`]: (Model) =>
      failure(Model.collection.findOneAndUpdate({ name: 'ada', ...(bad ? { $nonsense: 1 } : {}) }, update, rest)),
    [`${name}, ordered bulkWrite`]: (Model) =>
      failure(
        Model.collection.bulkWrite([
          { updateOne: { filter: { _id: 2 as never }, update: { $set: { n: 20 } } } },
          { updateOne: { filter: filter(1), update, ...rest } as never },
          { updateOne: { filter: { _id: 3 as never }, update: { $set: { n: 30 } } } },
        ]),
      ),
    [`${name}, unordered bulkWrite`]: (Model) =>
      failure(
        Model.collection.bulkWrite(
          [
            { updateOne: { filter: filter(1), update, ...rest } as never },
            { updateOne: { filter: { _id: 3 as never }, update: { $set: { n: 30 } } } },
          ],
          { ordered: false },
        ),
      ),
  });
}

add('findOneAnd…', {
  'findOneAndUpdate, after': (Model) => Model.findOneAndUpdate({ _id: 1 }, { n: 9 }, { returnDocument: 'after' }),
  'findOneAndUpdate, projection': (Model) =>
    Model.findOneAndUpdate({ _id: 1 }, { n: 9 }, { returnDocument: 'after', projection: { n: 1 } }),
  'findOneAndUpdate, exclusion': (Model) => Model.findOneAndUpdate({ _id: 1 }, { n: 9 }, { projection: { any: 0 } }),
  'findOneAndUpdate, lean': (Model) => Model.findOneAndUpdate({ _id: 1 }, { n: 9 }).lean(),
  'findOneAndUpdate, sort': (Model) => Model.findOneAndUpdate({ n: 2 }, { n: 9 }, { sort: { _id: -1 } }),
  'findOneAndUpdate, no match': (Model) => Model.findOneAndUpdate({ _id: 99 }, { n: 9 }),
  'findOneAndUpdate, upsert': (Model) =>
    Model.findOneAndUpdate({ _id: 9 }, { n: 9 }, { upsert: true, returnDocument: 'after' }),
  'findOneAndUpdate, upsert, before': (Model) => Model.findOneAndUpdate({ _id: 9 }, { n: 9 }, { upsert: true }),
  'findOneAndUpdate, includeResultMetadata': (Model) =>
    Model.findOneAndUpdate({ _id: 1 }, { n: 9 }, { includeResultMetadata: true }),
  'findOneAndUpdate, includeResultMetadata, upsert': (Model) =>
    Model.findOneAndUpdate({ _id: 9 }, { n: 9 }, { includeResultMetadata: true, upsert: true }),
  'findOneAndUpdate, includeResultMetadata, no match': (Model) =>
    Model.findOneAndUpdate({ _id: 99 }, { n: 9 }, { includeResultMetadata: true }),
  'findOneAndUpdate, changes nothing': (Model) =>
    Model.findOneAndUpdate({ _id: 1 }, { n: 1 }, { timestamps: false, includeResultMetadata: true }),
  'findOneAndUpdate, pipeline': (Model) =>
    Model.findOneAndUpdate({ _id: 1 }, [{ $unset: 'name' }], {
      updatePipeline: true,
      returnDocument: 'after',
    } as never),
  'findOneAndUpdate, duplicate key': (Model) => failure(Model.findOneAndUpdate({ _id: 1 }, { code: 'b' }).exec()),
  'findOneAndReplace, after': (Model) =>
    Model.findOneAndReplace({ _id: 1 }, { name: 'replaced' }, { returnDocument: 'after' }),
  'findOneAndReplace, upsert': (Model) =>
    Model.findOneAndReplace({ _id: 9 }, { name: 'new' }, { upsert: true, returnDocument: 'after' }),
  'findOneAndDelete, sort': (Model) => Model.findOneAndDelete({ n: 2 }, { sort: { _id: -1 } }),
  'findOneAndDelete, no match': (Model) => Model.findOneAndDelete({ _id: 99 }),
  'findOneAndDelete, includeResultMetadata': (Model) =>
    Model.findOneAndDelete({ _id: 1 }, { includeResultMetadata: true }),
  'findOneAndDelete, projection': (Model) => Model.findOneAndDelete({ _id: 1 }, { projection: { name: 1 } }),
  findByIdAndDelete: (Model) => Model.findByIdAndDelete(1),
});
add('findOneAnd…', { findOneAndDelete: (Model) => Model.findOneAndDelete({ name: 'ada' }) }, CORE);

add(
  'deletes',
  {
    deleteOne: (Model, id) => Model.deleteOne({ _id: id(1) }),
    deleteMany: (Model) => Model.deleteMany({ n: 2 }),
  },
  CORE,
);
add('deletes', {
  'deleteOne, no match': (Model) => Model.deleteOne({ _id: 99 }),
  'deleteOne, of three that match': (Model) => Model.deleteOne({}),
  'deleteMany, all': (Model) => Model.deleteMany({}),
  'deleteMany, no match': (Model) => Model.deleteMany({ n: 99 }),
});

const six = (id = NUMBERS) => [
  { insertOne: { document: { _id: id(9), name: 'inserted' } } },
  { updateOne: { filter: { _id: id(1) }, update: { $inc: { n: 1 } } } },
  { updateMany: { filter: { n: 2 }, update: { $set: { name: 'both' } } } },
  { replaceOne: { filter: { _id: id(2) }, replacement: { name: 'replaced' } } },
  { deleteOne: { filter: { _id: id(1) } } },
  { deleteMany: { filter: { name: 'both' } } },
  { updateOne: { filter: { _id: id(10) }, update: { $set: { n: 1 } }, upsert: true } },
];
const withFailures = () => [
  { updateOne: { filter: { _id: 1 }, update: { $set: { n: 50 } } } },
  { insertOne: { document: { _id: 2, name: 'taken' } } },
  { updateOne: { filter: { _id: 3 }, update: { $set: { code: 'a' } } } },
  { deleteOne: { filter: { _id: 2 } } },
  { insertOne: { document: { _id: 12, code: 'l' } } },
  { replaceOne: { filter: { name: 'none' }, replacement: { name: 'up', code: 'c' }, upsert: true } },
];
add('bulk', { bulkWrite: (Model, id) => Model.bulkWrite(six(id) as never) }, CORE);
add('bulk', {
  'bulkWrite, unordered': (Model) =>
    Model.bulkWrite([six()[0], six()[1], six()[6], { deleteOne: { filter: { _id: 3 } } }] as never, { ordered: false }),
  'bulkWrite, ordered failure': (Model) => failure(Model.bulkWrite(withFailures() as never)),
  'bulkWrite, unordered failure': (Model) => failure(Model.bulkWrite(withFailures() as never, { ordered: false })),
  'bulkWrite, one document many times': (Model) =>
    Model.bulkWrite(
      [1, 2, 3].map((n) => ({ updateOne: { filter: { _id: 1 }, update: { $set: { n: n * 7 } } } })) as never,
    ),
  'bulkWrite, insert, update and delete of one document': (Model) =>
    Model.bulkWrite([
      { insertOne: { document: { _id: 9, n: 1 } } },
      { updateOne: { filter: { _id: 9 }, update: { $inc: { n: 1 } } } },
      { deleteOne: { filter: { _id: 9 } } },
      { insertOne: { document: { _id: 9, n: 5 } } },
    ] as never),
  'bulkWrite, upserts': (Model) =>
    Model.bulkWrite([
      { updateOne: { filter: { _id: 9 }, update: { $set: { n: 1 } }, upsert: true } },
      { updateOne: { filter: { name: 'gen' }, update: { $set: { n: 1 } }, upsert: true } },
      { updateMany: { filter: { name: 'gen2' }, update: { $set: { n: 1 } }, upsert: true } },
      { replaceOne: { filter: { _id: 10 }, replacement: { n: 1 }, upsert: true } },
      { updateOne: { filter: { _id: 1 }, update: { $set: { n: 8 } }, upsert: true } },
    ] as never),
  'bulkWrite, arrayFilters and pipeline': (Model) =>
    Model.bulkWrite(
      [
        {
          updateOne: {
            filter: { _id: 1 },
            update: { $set: { 'items.$[i].qty': 4 } },
            arrayFilters: [{ 'i.sku': 'q' }],
          },
        },
        { updateOne: { filter: { _id: 2 }, update: [{ $set: { n: { $add: ['$n', 1] } } }], updatePipeline: true } },
      ] as never,
      { updatePipeline: true } as never,
    ),
  'bulkWrite, validation error': (Model) =>
    failure(Model.bulkWrite([{ insertOne: { document: { _id: 9, n: 5_000 } } }] as never)),
  'bulkWrite, empty': (Model) => failure(Model.bulkWrite([])),
  'bulkSave, duplicate key': async (Model) => {
    const docs = [await one(Model, 1), await one(Model, 2)];
    docs[0]!.code = 'b';
    docs[1]!.n = 33;
    return failure(Model.bulkSave(docs));
  },
});
add(
  'bulk',
  {
    bulkSave: async (Model, id) => {
      const docs = [await one(Model, id(1)), await one(Model, id(2)), new Model({ _id: id(9), name: 'new' })];
      docs[0]!.n = 11;
      docs[1]!.tags = ['bulk'];
      return Model.bulkSave(docs);
    },
  },
  CORE,
);

add('native', {
  'native insertOne': (Model) => Model.collection.insertOne({ _id: 9 as never, raw: [1, null] }),
  'native insertMany': (Model) => Model.collection.insertMany([{ _id: 9 as never }, { raw: 1 } as never]),
  'native insertMany, unordered failure': (Model) =>
    failure(Model.collection.insertMany([{ _id: 1 as never }, { _id: 9 as never }], { ordered: false })),
  'native insertOne, duplicate key': (Model) => failure(Model.collection.insertOne({ _id: 9 as never, code: 'a' })),
  'native updateMany': (Model) => Model.collection.updateMany({}, { $set: { raw: 1 } }),
  'native replaceOne': (Model) => Model.collection.replaceOne({ _id: 1 as never }, { raw: 1 }),
  'native findOneAndUpdate': (Model) => Model.collection.findOneAndUpdate({ _id: 1 as never }, { $set: { raw: 1 } }),
  'native findOneAndReplace': (Model) => Model.collection.findOneAndReplace({ _id: 1 as never }, { raw: 1 }),
  'native findOneAndDelete': (Model) => Model.collection.findOneAndDelete({ _id: 1 as never }),
  'native deleteOne': (Model) => Model.collection.deleteOne({ _id: 1 as never }),
  'native deleteMany': (Model) => Model.collection.deleteMany({}),
  'native bulkWrite': (Model) => Model.collection.bulkWrite(six() as never),
  'native replaceOne, with operators': (Model) =>
    failure(Model.collection.replaceOne({ _id: 1 as never }, { $set: { n: 1 } } as never)),
  'native updateOne, without operators': (Model) =>
    failure(Model.collection.updateOne({ _id: 1 as never }, { n: 1 } as never)),
});

function childOf(model: SampleModel): SampleModel {
  return Object.values(model.discriminators ?? {})[0] as unknown as SampleModel;
}

add(
  'discriminators',
  {
    'discriminator save and update': async (Model) => {
      const Child = childOf(Model);
      const doc = await Child.create({ _id: 9, name: 'child', extra: 1 } as never);
      doc.set('extra', 2);
      await doc.save();
      await Child.updateOne({ _id: 9 }, { extra: 3 } as never);
      return Child.findOneAndUpdate({ _id: 9 }, { extra: 4 } as never, { returnDocument: 'after' });
    },
    'discriminator deleteMany': (Model) => childOf(Model).deleteMany({}),
  },
  {
    seed: [
      { _id: 1, name: 'base' },
      { _id: 2, name: 'child', kind: 'child' },
    ],
    schema: (mongoose) => {
      const schema = sampleSchema(mongoose);
      schema.set('discriminatorKey', 'kind');
      schema.discriminator(
        `child${Object.keys(mongoose.models).length}`,
        new mongoose.Schema({ extra: Number }) as never,
        { value: 'child' } as never,
      );
      return schema;
    },
  },
);

const IDS: Record<string, (mongoose: Mongoose) => unknown> = {
  number: () => 1.5,
  string: () => 'it is "quoted" $and.dotted',
  'empty string': () => '',
  Date: () => new Date(86_400_000),
  boolean: () => false,
  object: () => ({ tenant: 'a', nr: { deep: 1 } }),
  Buffer: () => Buffer.from([0, 1, 254, 255]),
  UUID: ({ mongo }) => new mongo.UUID('0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0'),
  ObjectId: ({ mongo }) => new mongo.ObjectId('0123456789abcdef01234567'),
  Long: ({ mongo }) => mongo.Long.fromString('9007199254740993'),
  Decimal128: ({ mongo }) => mongo.Decimal128.fromString('1.10'),
};
for (const [name, id] of Object.entries(IDS)) {
  add(
    'custom _id',
    {
      [`_id: ${name}`]: async (Model, _id, mongoose) => {
        const byId = () => ({ _id: id(mongoose) as never });
        await new Model({ _id: id(mongoose), n: 0 }).save();
        const updated = await Model.updateOne(byId(), { $inc: { n: 1 } });
        const doc = await one(Model, id(mongoose));
        doc.n = 5;
        await doc.save();
        const many = await Model.updateMany({}, { $inc: { n: 1 } });
        const found = await Model.findByIdAndUpdate(id(mongoose), { $set: { name: 'found' } });
        const bulk = await Model.bulkWrite([
          { updateOne: { filter: byId(), update: { $set: { n: 9 } } } },
          { updateOne: { filter: { _id: 'other' }, update: { $set: { n: 9 } }, upsert: true } },
        ] as never);
        const deleted = await Model.deleteOne(byId());
        return { updated, many, found, bulk, deleted };
      },
    },
    { seed: [] },
  );
}

export const WRITE_PATHS: readonly WritePath[] = paths;
