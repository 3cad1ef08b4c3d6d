import { expect, test } from 'vitest';
import { holdKey, holdsOf } from '../../src/commit/held.ts';
import { type ChronosModelType, chronos, LegalHoldError, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { storeOf } from '../support/store-of.ts';
import { recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const confirm = true;
const NEWEST = 5;
const START = Date.now() - 60 * DAY;
const instant = (n: number) => new Date(START + n * 9 * DAY);
let made = 0;

/** Documents of six versions each, of which all but the last are old. */
async function seeded(ids: readonly string[]) {
  made += 1;
  let at: Date | undefined;
  const clock = { now: () => at ?? new Date() };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, n: Number } as never, {
    collection: `raced${made}`,
    versionKey: false,
  });
  schema.plugin(chronos, { clock, retention: { days: 5, rollup: { versions: new MemoryPayloadStore() } } });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`Raced${made}`, schema);
  for (let n = 0; n <= NEWEST; n++) {
    at = instant(n);
    if (n === 0) await Doc.insertMany(ids.map((_id) => ({ _id, n })));
    else await Doc.updateMany({}, { n });
  }
  at = undefined;
  return Doc;
}

const IDS = ['a', 'b', 'c', 'd'];

test('while versions are rolled up beside a writer, every read of the past has the answer that it always had', async () => {
  const Doc = await seeded(IDS);
  let isOver = false;
  const run = Doc.applyRetention({ confirm }).finally(() => {
    isOver = true;
  });
  let written = 0;
  const writer = (async () => {
    for (; !isOver; written++) await Doc.updateOne({ _id: 'busy' }, { n: written }, { upsert: true });
  })();
  let reads = 0;
  const read = async () => {
    for (; !isOver; reads++) await expectPast(Doc, reads % NEWEST, IDS[reads % IDS.length] as string);
  };
  await Promise.all([read(), read(), read(), writer]);
  expect(await run).toMatchObject({ rolledUp: IDS.length * NEWEST });
  expect(reads).toBeGreaterThan(10);
  for (let n = 0; n < NEWEST; n++) await expectPast(Doc, n, 'a');
  expect(await Doc.history('busy')).toHaveLength(written);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

async function expectPast(Doc: ChronosModelType<Doc>, n: number, id: string): Promise<void> {
  const all = await Doc.asOf(instant(n)).find().sort('_id').lean();
  expect(all.map((doc) => [doc._id, doc.n])).toEqual(IDS.map((one) => [one, n]));
  expect(await Doc.getAsOf(id, instant(n), { lean: true })).toMatchObject({ n });
  expect(await Doc.getVersion(id, n, { lean: true })).toMatchObject({ n });
  expect((await Doc.history(id)).map(({ ov }) => ov)).toEqual([5, 4, 3, 2, 1, 0]);
}

test('of a hold and an erasure at the same time one comes first, beside a run of retention', async () => {
  const ids = Array.from({ length: 50 }, (_, i) => `d${i}`);
  const Doc = await seeded(ids);
  const runs = (async () => {
    for (let run = 0; run < 3; run++) await retain(Doc);
  })();
  const outcomes = ids.map(async (id, index) => {
    const hold = () => Doc.hold(id, { actor: 'legal' });
    const erase = () => Doc.hardDelete({ id }, { confirm });
    const calls = index % 2 === 0 ? [hold(), erase()] : [erase(), hold()];
    return Promise.allSettled(calls);
  });
  const settled = await Promise.all(outcomes);
  await runs;
  for (const [index, results] of settled.entries()) {
    const id = ids[index] as string;
    const refused = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const ops = (await Doc.history(id)).map(({ op }) => op);
    if (refused.length === 0) {
      expect(ops).toEqual(['ERASE']);
      await expectErasedBeforeHeld(Doc, id);
    } else {
      expect(refused).toEqual([expect.any(LegalHoldError)]);
      expect(ops).toHaveLength(NEWEST + 1);
    }
  }
  const held = await recordsOf(Doc).countDocuments({ '_system.op': { $ne: 'ERASE' } } as never);
  await retain(Doc);
  expect(await recordsOf(Doc).countDocuments({ '_system.op': { $ne: 'ERASE' } } as never)).toBe(held);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

async function expectErasedBeforeHeld(Doc: ChronosModelType<Doc>, id: string): Promise<void> {
  const [proof] = await Doc.history(id);
  const store = storeOf(Doc);
  const hold = await holdsOf(store).findOne({ _id: holdKey(store, id) });
  expect(hold?.held.since.getTime()).toBeGreaterThanOrEqual(proof?.from?.getTime() as number);
}
