import fc from 'fast-check';
import type { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { rawDocuments } from '../support/bson-arbitrary.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();
const { BSON } = mongoose.mongo;
type Raw = Record<string, unknown>;
type Collection = mongo.Collection<Raw>;

const store = new SwitchedStore();
const schema = new mongoose.Schema({ _id: Number, s: String }, { strict: false });
const offloading = schema.clone();
offloading.plugin(chronos, {
  indexed: ['s', 'n', 'o.a', 'items.sku'],
  base64: { file: { contentType: 'application/pdf' }, 'items.file': { contentType: 'image/png' } },
  payload: { json: store },
});
const Plain = mongoose.model('Plain', schema);
const Offloaded = mongoose.model('Offloaded', offloading) as unknown as ChronosModelType<{ _id: number }>;
const plain = Plain.collection as unknown as Collection;
const offloaded = Offloaded.collection as unknown as Collection;

const IDS = [1, 2, 3, 4];
const smallInts = fc.integer({ min: -3, max: 3 });
const words = fc.constantFrom('a', 'b', 'c');
const files = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  words,
);
/** Of the documents that a server may hold those that the driver takes as objects, and gives back as it took them. */
const anything = rawDocuments
  .filter((bytes) => isPlain(bytes))
  .map((bytes) => BSON.deserialize(bytes, { promoteValues: false }) as Raw);

/** What is under a key such as `constructor` the driver takes for one of `fieldsAsRaw`, and leaves it undecoded. */
function isPlain(bytes: Uint8Array): boolean {
  try {
    const document = BSON.deserialize(bytes, { promoteValues: false, fieldsAsRaw: {} });
    return !Buffer.from(bytes).includes('_bsontype') && Buffer.from(BSON.serialize(document)).equals(bytes);
  } catch {
    return false;
  }
}
const items = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ sku: words, qty: smallInts, file: files }, { requiredKeys: ['qty'] }) },
    { weight: 1, arbitrary: smallInts },
  ),
  { maxLength: 4 },
);
const content = fc.record(
  {
    s: words,
    n: smallInts,
    o: fc.record({ a: smallInts, b: smallInts, 'c d': words }, { requiredKeys: [] }),
    items,
    list: fc.array(smallInts, { maxLength: 5 }),
    text: words,
    file: files,
    any: anything,
  },
  { requiredKeys: [] },
);

const operators: fc.Arbitrary<Raw> = fc.oneof(
  fc.record({ $set: fc.dictionary(fc.constantFrom('s', 'text', 'o.b', 'items.0.qty', 'new.deep'), smallInts, DICT()) }),
  fc.record({ $set: fc.record({ file: files }) }),
  fc.record({ $set: fc.record({ any: anything }) }),
  fc.record({
    $unset: fc.dictionary(fc.constantFrom('text', 'o.a', 'items.1', 'list', 'file'), fc.constant(1), DICT()),
  }),
  fc.record({ $inc: fc.dictionary(fc.constantFrom('n', 'o.b', 'list.0', 'items.0.qty', 'text'), smallInts, DICT()) }),
  fc.record({ $mul: fc.dictionary(fc.constantFrom('n', 'o.b', 'list.1'), smallInts, DICT()) }),
  fc.record({ $min: fc.dictionary(fc.constantFrom('n', 'o.b'), smallInts, DICT()) }),
  fc.record({ $max: fc.dictionary(fc.constantFrom('o.a', 'o.b'), smallInts, DICT()) }),
  fc.constantFrom<Raw[]>({ $rename: { text: 'words' } }, { $rename: { s: 'text' } }, { $rename: { 'o.b': 'n' } }),
  fc.record({ $push: fc.record({ list: fc.oneof(smallInts, pushed()) }) }),
  fc.record({ $push: fc.record({ items: fc.record({ sku: words, qty: smallInts, file: files }) }) }),
  fc.record({ $addToSet: fc.record({ list: fc.oneof(smallInts, fc.record({ $each: fc.array(smallInts) })) }) }),
  fc.record({ $pop: fc.record({ list: fc.constantFrom(1, -1) }) }),
  fc.record({ $pull: fc.oneof(fc.record({ list: smallInts }), fc.record({ items: fc.record({ sku: words }) })) }),
  fc.record({ $pullAll: fc.record({ list: fc.array(smallInts, { maxLength: 2 }) }) }),
  fc.record({ $bit: fc.record({ 'o.b': fc.record({ xor: smallInts }) }) }),
  fc.record({ $set: fc.record({ 'items.$.qty': smallInts }) }),
  fc.record({ $inc: fc.record({ 'items.$[].qty': smallInts }) }),
  fc.record({ $set: fc.record({ 'items.$[e].file': files }) }),
);

function DICT() {
  return { minKeys: 1, maxKeys: 2 };
}

function pushed() {
  const each = fc.array(smallInts, { maxLength: 3 });
  return fc.record({ $each: each, $position: smallInts, $slice: smallInts, $sort: fc.constantFrom(1, -1) });
}

const pipelines = fc.constantFrom<Raw[]>(
  [{ $set: { total: { $sum: '$list' }, text: { $concat: [{ $ifNull: ['$text', ''] }, '!'] } } }] as never,
  [{ $unset: 'text' }, { $set: { n: { $size: { $ifNull: ['$list', []] } } } }] as never,
  [{ $replaceWith: { $mergeObjects: ['$$ROOT', { was: '$s' }] } }] as never,
);

const filters = fc.oneof(
  fc.constantFrom(...IDS).map((id) => ({ _id: id }) as Raw),
  words.map((s) => ({ s })),
  words.map((sku) => ({ 'items.sku': sku })),
  words.map((sku) => ({ items: { $elemMatch: { sku } } })),
  smallInts.map((a) => ({ 'o.a': { $gte: a } })),
  fc.tuple(words, smallInts).map(([s, n]) => ({ $or: [{ s }, { n }] })),
  smallInts.map((n) => ({ $expr: { $gt: ['$n', n] } })),
);

/** What is asked of both collections. */
type Step =
  | { readonly kind: 'state'; readonly ids: readonly number[]; readonly state: 'new' | 'processed' }
  | { readonly kind: 'call'; readonly call: Call; readonly name: string; readonly first?: Call | undefined };

type Call = (collection: Collection) => Promise<unknown>;

/** @param first what of it is carried out first, and stands where the rest fails */
const call = (name: string, run: Call, first?: Call): Step => ({ kind: 'call', name, call: run, first });
const SORT = { sort: { _id: 1 } } as const;
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('state' as const),
      ids: fc.subarray(IDS),
      state: fc.constantFrom('new' as const, 'processed' as const),
    }),
  },
  fc
    .tuple(fc.constantFrom(...IDS), content)
    .map(([_id, document]) => call(`insert ${_id}`, (one) => one.insertOne({ _id, ...document } as never))),
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('updateOne', 'updateMany', 'findOneAndUpdate', 'bulkWrite', 'upsert'),
        filters,
        fc.oneof({ weight: 5, arbitrary: operators as fc.Arbitrary<unknown> }, pipelines),
        fc.constantFrom('before' as const, 'after' as const),
      )
      .map(([method, filter, update, returnDocument]) => {
        const name = `${method} ${JSON.stringify([filter, update])}`;
        const arrayFilters = JSON.stringify(update).includes('$[e]') ? { arrayFilters: [{ 'e.sku': 'a' }] } : {};
        const change = update as mongo.UpdateFilter<Raw>;
        const [one, four] = [1, 4].map((_id) => ({ ...filter, _id: _id as never }));
        if (method === 'findOneAndUpdate') {
          const options = { ...arrayFilters, ...SORT, returnDocument };
          return call(name, (collection) => collection.findOneAndUpdate(filter, change, options));
        }
        if (method === 'bulkWrite') {
          const first = { updateOne: { filter: { _id: 1 as never }, update: change, ...arrayFilters } };
          const second = { updateMany: { filter, update: change, ...arrayFilters } };
          return call(
            name,
            (collection) => collection.bulkWrite([first, second]),
            (collection) => collection.bulkWrite([first]),
          );
        }
        if (method === 'upsert') {
          return call(name, (collection) => collection.updateOne(four!, change, { ...arrayFilters, upsert: true }));
        }
        if (method === 'updateOne') return call(name, (collection) => collection.updateOne(one!, change, arrayFilters));
        return call(name, (collection) => collection.updateMany(filter, change, arrayFilters));
      }),
  },
  fc
    .tuple(fc.constantFrom(...IDS), content, fc.boolean())
    .map(([_id, document, returns]) =>
      call(`replace ${_id}`, (one) =>
        returns
          ? one.findOneAndReplace({ _id: _id as never }, document)
          : one.replaceOne({ _id: _id as never }, document).then(({ matchedCount }) => matchedCount),
      ),
    ),
  fc
    .constantFrom(...IDS)
    .map((_id) => call(`findOneAndDelete ${_id}`, (one) => one.findOneAndDelete({ _id: _id as never }))),
  filters.map((filter) => call(`deleteMany ${JSON.stringify(filter)}`, (one) => one.deleteMany(filter))),
);

const projections = fc.constantFrom<Raw[]>(
  {},
  { s: 1 },
  { text: 1, 'o.b': 1 },
  { 'items.qty': 1, _id: 0 },
  { 'items.file': 1, 'items.sku': 1 },
  { any: 0 },
  { 'items.qty': 0, 'o.a': 0, _id: 0 },
  { list: 1, total: { $sum: '$list' } },
  { s: 1, 'o.a': 1, 'items.sku': 1 },
  { _id: 1 },
);

async function outcome(run: () => Promise<unknown>): Promise<string> {
  try {
    return text(await run());
  } catch (error) {
    const { code, message } = error as mongo.MongoServerError;
    return `failed ${code} ${message.replaceAll('offloadeds', 'plains').split(':')[0]}`;
  }
}

/** MongoDB counts a `$push` with `$slice` as a modification even where the list stays as it was, and makes none of it. */
function comparable(outcome: string, name: string): string {
  return name.includes('$slice') ? outcome.replaceAll(/"(n?[mM]odified(?:Count)?)":\{[^}]*\}/g, '"$1"') : outcome;
}

const text = (value: unknown) => BSON.EJSON.stringify({ value: value ?? null }, { relaxed: false });
const allOf = (one: Collection, projection: Raw = {}) => one.find({}, { sort: { _id: 1 }, projection }).toArray();

/** A multi-update that fails leaves in MongoDB what it reached, and of ours no part of a chunk: plain goes on as ours. */
async function alignAfterFailure(before: readonly Raw[], first: Call | undefined) {
  const [ours, theirs] = [await allOf(offloaded), await allOf(plain)];
  await refill(before);
  await first?.(plain).catch(() => undefined);
  const expected = [...before, ...theirs, ...(await allOf(plain))].map(text);
  for (const document of ours) expect(expected).toContain(text(document));
  await refill(ours);
}

async function refill(documents: readonly Raw[]): Promise<void> {
  await plain.deleteMany({});
  if (documents.length > 0) await plain.insertMany(documents as never[]);
}

test('documents in any state are read and changed as plain MongoDB does it with whole ones', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 4, maxLength: 4 }),
      fc.array(fc.tuple(steps, projections), { minLength: 1, maxLength: 8 }),
      async (documents, run) => {
        await Promise.all([plain.deleteMany({}), offloaded.deleteMany({})]);
        for (const one of [plain, offloaded]) {
          await one.insertMany(documents.map((document, index) => ({ _id: index + 1, ...document })) as never[]);
        }
        for (const [step, projection] of run) {
          if (step.kind === 'state') {
            await Offloaded.flush();
            if (step.state === 'processed') {
              for (const id of step.ids) await Offloaded.markItemAsProcessed(id, { confirm: true });
            }
          } else {
            const before = await allOf(plain);
            const [ours, theirs] = [await outcome(() => step.call(offloaded)), await outcome(() => step.call(plain))];
            expect(comparable(ours, step.name), step.name).toBe(comparable(theirs, step.name));
            if (theirs.startsWith('failed')) await alignAfterFailure(before, step.first);
          }
          expect(text(await allOf(offloaded, projection))).toBe(text(await allOf(plain, projection)));
        }
      },
    ),
    { numRuns: Number(process.env.CHRONOS_TEST_RUNS ?? 40) },
  );
}, 300_000);
