import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf, storedVersions } from '../support/stored.ts';
import {
  contents,
  EXACT,
  exact,
  mayCountInVain,
  outcome,
  type Raw,
  step,
  type Twin,
  twinSchema,
} from '../support/write-steps.ts';

const mongoose = await testDatabase();
const Plain = mongoose.model('PlainTwin', twinSchema(mongoose)) as unknown as Twin;
const Versioned = mongoose.model('VersionedTwin', twinSchema(mongoose).plugin(chronos)) as unknown as Twin;

/** What each document went through on the plain twin, seen after every step. */
function remember(lives: Map<string, (string | null)[]>, now: ReadonlyMap<string, string>): void {
  for (const key of new Set([...lives.keys(), ...now.keys()])) {
    const life = lives.get(key) ?? [];
    const current = now.get(key) ?? null;
    if (life.length > 0 ? life.at(-1) !== current : current !== null) life.push(current);
    if (life.length > 0) lives.set(key, life);
  }
}

async function historyOf(key: string): Promise<(string | null)[]> {
  const records = await recordsOf(Versioned)
    .find({ '_id.id': Number(key) } as never, { sort: { '_id.ov': 1 }, ...EXACT })
    .toArray();
  const past = records.map(({ _id, _system, ...content }) => {
    const deleted = String((_system as Raw).deleted) === 'true';
    return deleted ? null : exact({ _id: (_id as unknown as { id: unknown }).id, ...content });
  });
  const head = (await contents(Versioned)).get(key);
  return head === undefined ? past : [...past, head];
}

test('any sequence of writes ends as on plain MongoDB, and its history is the sequence of states', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
      for (const model of [Plain, Versioned]) await headsOf(model).deleteMany({});
      await recordsOf(Versioned).deleteMany({});
      const lives = new Map<string, (string | null)[]>();
      let exactHistory = true;
      for (const one of steps) {
        const { title, write } = one;
        const expected = await outcome(write(Plain));
        const found = await outcome(write(Versioned));
        // A multi-document write that fails leaves nothing here, and a part of it on the plain twin: start both anew.
        const [left, right] = [await contents(Plain), await contents(Versioned)];
        if (title.includes('updateMany') && (expected as { name?: string }).name !== undefined) {
          expect([title, (found as { code?: unknown }).code]).toEqual([title, (expected as { code?: unknown }).code]);
          return;
        }
        expect([title, found]).toEqual([title, expected]);
        expect([title, [...right]]).toEqual([title, [...left]]);
        // Between the members of a bulk write nobody looks.
        if (title.startsWith('bulkWrite') || mayCountInVain(one)) exactHistory = false;
        remember(lives, left);
      }
      for (const [key, life] of lives) {
        const history = await historyOf(key);
        const versions = await storedVersions(Versioned, Number(key));
        expect(versions.map(({ ov }) => ov)).toEqual(versions.map((_, ov) => ov));
        if (exactHistory) expect(history).toEqual(life);
        else expect(history.slice(-1)).toEqual(life.slice(-1));
      }
    }),
    { numRuns: Number(process.env.CHRONOS_TEST_RUNS ?? 60) },
  );
}, 240_000);
