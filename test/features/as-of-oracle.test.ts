import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

/** Random histories, and the same questions asked of the library and of a naive replay that keeps every state whole. */

interface Doc {
  _id: number;
  a?: number;
  b?: string;
  c?: number[];
}

const mongoose = await testDatabase();
const { serialize } = mongoose.mongo.BSON;
const IDS = [1, 2, 3, 4, 5];
const START = Date.UTC(2026, 0, 1);

type Step =
  | { readonly kind: 'create' | 'replace'; readonly id: number; readonly doc: Partial<Doc> }
  | { readonly kind: 'update'; readonly id: number; readonly change: object }
  | { readonly kind: 'updateMany'; readonly above: number; readonly change: object }
  | { readonly kind: 'delete'; readonly id: number }
  | { readonly kind: 'deleteMany'; readonly above: number };

const id = fc.constantFrom(...IDS);
const number = fc.integer({ min: 0, max: 4 });
const text = fc.constantFrom('x', 'X', 'é', 'e', '');
const content = fc.record({ a: number, b: text, c: fc.array(number, { maxLength: 3 }) }, { requiredKeys: [] });
const change = fc.oneof(
  fc.record({ $inc: fc.record({ a: number }) }),
  fc.record({ $set: fc.record({ b: text, a: number }) }),
  fc.record({ $unset: fc.constant({ b: 1 }) }),
  fc.record({ $push: fc.record({ c: number }) }),
  fc.record({ $pull: fc.record({ c: number }) }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('create' as const, 'replace' as const), id, doc: content }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('update' as const), id, change }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('updateMany' as const), above: number, change }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleteMany' as const), above: number }) },
);
/** Most steps share their millisecond with the one before. */
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 0, 0, 1, 2, 1000)), { minLength: 1, maxLength: 25 });

const filter = fc.oneof(
  fc.constant({}),
  fc.record({ a: number }),
  fc.record({ a: fc.record({ $gte: number }) }),
  fc.record({ b: text }),
  fc.record({ c: number }),
  fc.record({ _id: fc.record({ $in: fc.subarray(IDS) }) }),
  fc.record({ $or: fc.tuple(fc.record({ _id: id }), fc.record({ a: number })) }),
  fc.record({ $nor: fc.tuple(fc.record({ _id: id })) }),
);
const question = fc.record({
  at: fc.double({ min: -0.1, max: 1.1, noNaN: true }),
  filter,
  sort: fc.constantFrom({ _id: 1 }, { a: 1, _id: -1 }, { b: -1, _id: 1 }, { c: 1, _id: 1 }, { c: -1, _id: 1 }),
  skip: fc.integer({ min: 0, max: 3 }),
  limit: fc.integer({ min: 0, max: 4 }),
  projection: fc.constantFrom({}, { a: 1 }, { b: 0 }, { c: { $slice: 1 } }, { _id: 0, b: 1 }),
  collation: fc.option(fc.constant({ locale: 'en', strength: 2 as const }), { nil: undefined }),
  id,
});
type Question = typeof question extends fc.Arbitrary<infer Q> ? Q : never;

type Model = ChronosModelType<Doc>;

let runs = 0;

/** The model, and a plain collection that is made to hold whatever state is asked about. */
async function setUp(clock: { now(): Date }): Promise<{ model: Model; plain: ReturnType<typeof collection> }> {
  const schema = new mongoose.Schema<Doc, Model>(
    { _id: Number, a: { type: Number, index: true }, b: String, c: { type: [Number], default: undefined } },
    { versionKey: false },
  );
  schema.plugin(chronos, { clock });
  const model = mongoose.model<Doc, Model>(`Doc${runs}`, schema, `docs${runs}`);
  runs += 1;
  await model.init();
  return { model, plain: collection(`plain${runs}`) };
}

function collection(name: string) {
  return mongoose.connection.db!.collection<Doc>(name);
}

async function carryOut(model: Model, step: Step, options: object): Promise<void> {
  switch (step.kind) {
    case 'create':
      await model.create([{ _id: step.id, ...step.doc }], options).catch(ignoreDuplicate);
      break;
    case 'replace':
      await model.replaceOne({ _id: step.id }, { ...step.doc }, options);
      break;
    case 'update':
      await model.updateOne({ _id: step.id }, step.change, { ...options, chronos: {} });
      break;
    case 'updateMany':
      await model.updateMany({ a: { $gte: step.above } }, step.change, { ...options, chronos: {} });
      break;
    case 'delete':
      await model.deleteOne({ _id: step.id }, options);
      break;
    case 'deleteMany':
      await model.deleteMany({ a: { $gte: step.above } }, options);
      break;
  }
}

function ignoreDuplicate(error: { code?: number }): void {
  if (error.code !== 11000) throw error;
}

async function refusesPush(work: Promise<void>): Promise<void> {
  await work.catch((error: { code?: number }) => {
    // Pushing to what is no array, for which plain Mongoose has the same error.
    if (error.code !== 2) throw error;
  });
}

/** The states of the collection, each with the moment from which it held. */
type States = { from: number; documents: Doc[] }[];

async function record(model: Model, states: States, now: number): Promise<void> {
  const documents = (await model.find().sort('_id').lean()) as Doc[];
  if (states.at(-1)?.from === now) states.pop();
  states.push({ from: now, documents });
}

function stateAt(states: States, at: number): Doc[] {
  return states.findLast(({ from }) => from <= at)?.documents ?? [];
}

async function compare(model: Model, plain: ReturnType<typeof collection>, at: Date, asked: Question, state: Doc[]) {
  await plain.deleteMany({});
  if (state.length > 0) await plain.insertMany(state);
  const { filter, sort, skip, limit, projection, id } = asked;
  const under = asked.collation === undefined ? {} : { collation: asked.collation };
  const past = model.asOf(at);
  const bytes = (documents: readonly object[]) =>
    documents.map((document) => Buffer.from(serialize(document)).toString('hex'));

  const list = past
    .find(filter, projection, under)
    .sort(sort as never)
    .skip(skip)
    .limit(limit)
    .lean();
  const expected = plain.find(filter, { sort: sort as never, skip, limit, projection, ...under });
  expect(bytes(await list)).toEqual(bytes(await expected.toArray()));

  const unsorted = await past.find(filter, projection, under).lean();
  expect(bytes(unsorted).sort()).toEqual(bytes(await plain.find(filter, { projection, ...under }).toArray()).sort());

  expect(await past.countDocuments(filter, under)).toBe(await plain.countDocuments(filter, under));
  expect(new Set(await past.distinct('c', filter))).toEqual(new Set(await plain.distinct('c', filter)));
  expect(new Set(await past.distinct('b', filter))).toEqual(new Set(await plain.distinct('b', filter)));
  const one = await past.findOne({ _id: id }, projection).lean();
  expect(bytes(one === null ? [] : [one])).toEqual(bytes(await plain.find({ _id: id }, { projection }).toArray()));

  const pipeline = [{ $match: filter }, { $sort: sort }, { $skip: skip }, { $limit: limit + 1 }] as never[];
  expect(bytes(await past.aggregate(pipeline))).toEqual(bytes(await plain.aggregate(pipeline).toArray()));
  const groups = [{ $match: filter }, { $group: { _id: '$a', n: { $sum: 1 } } }, { $sort: { _id: 1 } }] as never[];
  expect(await past.aggregate(groups)).toEqual(await plain.aggregate(groups).toArray());
}

const oracle = fc.asyncProperty(
  steps,
  fc.array(question, { minLength: 3, maxLength: 3 }),
  async (history, questions) => {
    let now = START;
    const { model, plain } = await setUp({ now: () => new Date(now) });
    const states: States = [];
    for (const [step, later] of history) {
      now += later;
      await refusesPush(carryOut(model, step, {}));
      await record(model, states, now);
    }
    for (const asked of questions) {
      const at = Math.round(START + asked.at * (now - START + 1));
      await compare(model, plain, new Date(at), asked, stateAt(states, at));
    }
    for (const { from, documents } of states) {
      const found = await model.asOf(new Date(from)).find().sort('_id').lean();
      expect(found).toEqual(documents);
    }
  },
);

test('every answer equals a naive replay, however many versions share a millisecond', {
  timeout: 240_000,
}, async () => {
  await fc.assert(oracle, { numRuns: 25, endOnFailure: true });
});

const years = fc.uniqueArray(
  fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  {
    minLength: 2,
    maxLength: 12,
    selector: (date) => date.getTime(),
  },
);

test('dates from year 1 to 9999 can be written and asked for', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(years, async (dates) => {
      const { model } = await setUp({ now: () => new Date() });
      const ordered = dates.toSorted((a, b) => a.getTime() - b.getTime());
      for (const [n, at] of ordered.entries()) {
        const options = { chronos: { at } };
        if (n === 0) await model.create([{ _id: 1, a: 0 }], options);
        else await model.updateOne({ _id: 1 }, { a: n }, options);
      }
      for (const [n, at] of ordered.entries()) {
        expect((await model.asOf(at).find().lean()).map(({ a }) => a)).toEqual([n]);
        const before = new Date(at.getTime() - 1);
        const previous = n === 0 ? [] : [n - 1];
        expect(
          (
            await model
              .asOf(before)
              .find({ a: { $gte: 0 } })
              .lean()
          ).map(({ a }) => a),
        ).toEqual(previous);
        expect((await model.asOf(at).findById(1))?.a).toBe(n);
      }
    }),
    { numRuns: 15 },
  );
});

test('beside six writers no answer misses or repeats a document', { timeout: 120_000 }, async () => {
  const { model } = await setUp({ now: () => new Date() });
  const staying = 150;
  const ids = Array.from({ length: 200 }, (_, n) => n);
  const start = new Date(Date.now() - 60_000);
  await model.insertMany(
    ids.map((_id) => ({ _id, a: 0, b: 'x' })),
    { chronos: { at: start } },
  );
  let writing = true;
  const writer = async (n: number) => {
    for (let round = 0; writing; round++) {
      const _id = (round * 7 + n * 31) % ids.length;
      if (_id >= staying) {
        await model.deleteOne({ _id });
        await model.create([{ _id, a: 0, b: 'x' }]).catch(ignoreDuplicate);
      } else await model.updateOne({ _id }, { $inc: { a: 1 } });
    }
  };
  const writers = Promise.all(Array.from({ length: 6 }, (_, n) => writer(n)));
  const check = (documents: readonly Doc[]) => {
    const seen = documents.map(({ _id }) => _id);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((_id) => _id < staying)).toHaveLength(staying);
  };
  try {
    for (let round = 0; round < 100; round++) {
      const past = model.asOf(new Date(Date.now() - (round % 3)));
      check(await past.find({ b: 'x' }).lean());
      check(await past.find({ b: 'x' }).sort('a').lean());
      check(await past.aggregate([{ $match: { b: 'x' } }]));
      expect(await past.countDocuments({ _id: { $lt: staying } })).toBe(staying);
      expect(await past.findById(round)).not.toBeNull();
      const finished = await model.asOf(start).find().sort('_id').lean();
      expect(finished.map(({ _id, a }) => [_id, a])).toEqual(ids.map((_id) => [_id, 0]));
    }
  } finally {
    writing = false;
    await writers;
  }
});
