import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';

/** The same random history twice: as it is, and with retention applied in between. All answers are to be the same. */

const mongoose = await testDatabase();

interface Doc {
  _id: number;
  a?: number;
}

type Model = ChronosModelType<Doc>;

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const IDS = [1, 2, 3];

const id = fc.constantFrom(...IDS);
const a = fc.integer({ min: 0, max: 3 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), id, a }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retain' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), ago: fc.integer({ min: 0, max: 200 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const later = fc.constantFrom(0, 1, HOUR, 30 * HOUR, 24 * 40 * HOUR);
const steps = fc.array(fc.tuple(step, later), { minLength: 4, maxLength: 24 });
const policy = fc.constantFrom({ days: 1 }, { days: 40 }, { maxPerItem: 1 }, { days: 30, maxPerItem: 2 });
const period = fc.constantFrom('daily' as const, 'weekly' as const, 'monthly' as const);

let runs = 0;

function modelOf(clock: { now(): Date }, options: ChronosPluginOptions): Model {
  runs += 1;
  const schema = new mongoose.Schema<Doc, Model>(
    { _id: Number, a: { type: Number, index: true } },
    { versionKey: false, collection: `oracle${runs}` },
  );
  schema.plugin(chronos, { clock, collectionVersion: true, ...options });
  return mongoose.model<Doc, Model>(`Oracle${runs}`, schema);
}

async function carryOut(model: Model, step: Step): Promise<void> {
  if (step.kind === 'write') await model.updateOne({ _id: step.id }, { a: step.a }, { upsert: true });
  if (step.kind === 'delete') await model.deleteOne({ _id: step.id });
}

/** All that can be asked of the past of a model at some instants. */
async function answers(model: Model, instants: readonly Date[]) {
  const at = await Promise.all(
    instants.map(async (instant) => ({
      all: await model.asOf(instant).find().sort('_id').lean(),
      some: await model
        .asOf(instant)
        .find({ a: { $gte: 2 } })
        .sort('-a _id')
        .limit(2)
        .lean(),
      sum: await model.asOf(instant).aggregate([{ $group: { _id: null, sum: { $sum: '$a' } } }]),
      count: await model.asOf(instant).countDocuments({ _id: { $in: [1, 2] } }),
      each: await Promise.all(IDS.map((one) => model.getAsOf(one, instant, { lean: true }))),
      found: await Promise.all(IDS.map((one) => model.asOf(instant).findById(one).lean())),
    })),
  );
  const of = await Promise.all(
    IDS.map(async (one) => ({
      history: await model.history(one, { lean: true }),
      versions: await Promise.all([0, 1, 2, 3, 4].map((ov) => model.getVersion(one, ov, { lean: true }))),
      deleted: await model.getLatest(one, { lean: true, includeDeleted: true }),
    })),
  );
  const byNumber = await Promise.all([0, 3, 6].map((cv) => model.asOf({ cv }).find().sort('_id').lean()));
  return { at, of, byNumber };
}

test('whatever is rolled up when, every answer is the one it would be without', { timeout: 240_000 }, async () => {
  const property = fc.asyncProperty(steps, policy, period, async (history, retention, manifestPeriod) => {
    let now = START;
    const clock = { now: () => new Date(now) };
    const whole = modelOf(clock, {});
    const versions = new MemoryPayloadStore();
    const rolled = modelOf(clock, { retention: { ...retention, rollup: { versions, manifestPeriod } } });
    const instants = new Set([START - 1]);
    for (const [step, ms] of history) {
      now += ms;
      instants.add(now);
      await carryOut(whole, step);
      await carryOut(rolled, step);
      if (step.kind === 'retain') await retain(rolled);
      if (step.kind === 'read') await rolled.asOf(new Date(now - step.ago * HOUR)).find();
    }
    await retain(rolled);
    const asked = [...instants].map((ms) => new Date(ms));
    const expected = await answers(whole, asked);
    expect(await answers(rolled, asked)).toEqual(expected);
    expect(await answers(rolled, asked)).toEqual(expected);
    expect(await rolled.verify()).toMatchObject({ ok: true, findings: [] });
  });
  await fc.assert(property, { numRuns: 12, endOnFailure: true });
});
