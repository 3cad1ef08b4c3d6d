import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { contents, mayCountInVain, outcome, step, type Twin, twinSchema } from '../support/write-steps.ts';

const mongoose = await testDatabase();

function twin(name: string, options?: ChronosPluginOptions): Twin {
  const schema = twinSchema(mongoose);
  if (options !== undefined) schema.plugin(chronos, options);
  return mongoose.model(name, schema) as unknown as Twin;
}

const Plain = twin('PlainTwin');
const SWITCHED: Record<string, Twin> = {
  'logical delete off': twin('ErasingTwin', { logicalDelete: { enabled: false } }),
  'both off': twin('BareTwin', { versioning: { enabled: false }, logicalDelete: { enabled: false } }),
  'versioning off': twin('OffTwin', { versioning: { enabled: false } }),
};

/** The numbers of the versions that documents are at. */
async function numbers(model: Twin): Promise<Map<string, number>> {
  const heads = await headsOf(model).find({}).toArray();
  return new Map(heads.map(({ _id, _system }) => [String(_id), Number((_system as { ov: number }).ov)]));
}

test.each(Object.keys(SWITCHED))(
  'any sequence of writes ends as on plain MongoDB with %s',
  async (name) => {
    const Switched = SWITCHED[name] as Twin;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        for (const model of [Plain, Switched]) await headsOf(model).deleteMany({});
        await recordsOf(Switched).deleteMany({});
        for (const one of steps) {
          const { title, write } = one;
          const before = { contents: await contents(Switched), numbers: await numbers(Switched) };
          const expected = await outcome(write(Plain));
          const found = await outcome(write(Switched));
          // A multi-document write that fails leaves nothing here, and a part of it on the plain twin: start both anew.
          if (title.includes('updateMany') && (expected as { name?: string }).name !== undefined) return;
          expect([title, found]).toEqual([title, expected]);
          const after = await contents(Switched);
          expect([title, [...after]]).toEqual([title, [...(await contents(Plain))]]);
          if (title.startsWith('bulkWrite')) continue;
          for (const [id, ov] of await numbers(Switched)) {
            const was = before.numbers.get(id);
            const isSame = before.contents.get(id) === after.get(id);
            if (was === undefined) continue;
            // What is one command cannot know beforehand that it changes nothing.
            const mayCount = isSame && (name !== 'logical delete off' || mayCountInVain(one)) && ov === was + 1;
            expect([title, id, ov]).toEqual([title, id, isSame && !mayCount ? was : was + 1]);
          }
        }
      }),
      { numRuns: Number(process.env.CHRONOS_TEST_RUNS ?? 40) },
    );
    const left = await recordsOf(Switched).find({}).toArray();
    const living = await numbers(Switched);
    const ofDeleted = left.filter(({ _id }) => !living.has(String((_id as unknown as { id: unknown }).id)));
    expect(ofDeleted.filter(({ _system }) => (_system as { op?: string }).op !== 'ERASE')).toEqual([]);
    if (name !== 'logical delete off') expect(left).toEqual([]);
  },
  240_000,
);
