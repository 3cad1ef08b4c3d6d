import { expect, test } from 'vitest';
import { type ChronosModelType, chronos, MemoryPayloadStore, type PayloadStore } from '../../src/index.ts';
import { restorePlan } from '../../src/restore/restore-plan.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { storeOf } from '../support/store-of.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const day = (n: number) => new Date(START + n * DAY);
const ids = ['a', 'b', 'c', 'd'];
const scope = { tenant: undefined, at: day(1), filter: {}, born: 'delete', pageSize: 1 } as const;

interface Leaving {
  /** Retention takes the versions away after so many pages. */
  readonly droppedAfter: number;
  /** Where they are rolled up, and not dropped. */
  readonly versions?: PayloadStore;
}

/** What a restore would do. */
async function actionsWhere(name: string, { droppedAfter, versions }: Leaving): Promise<string[]> {
  const clock = { day: 0, now: () => day(clock.day) };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, n: Number } as never);
  schema.plugin(chronos, { clock, retention: { days: 10, rollup: versions && { versions } } });
  const Docs = mongoose.model<Doc, ChronosModelType<Doc>>(name, schema);
  for (clock.day = 0; clock.day < 3; clock.day += 1) {
    for (const _id of ids) await Docs.updateOne({ _id }, { n: clock.day }, { upsert: true });
  }
  const actions: string[] = [];
  let pages = 0;
  for await (const { steps } of restorePlan(storeOf(Docs), scope)) {
    actions.push(...steps.map(({ action }) => action));
    pages += 1;
    if (pages !== droppedAfter) continue;
    clock.day = 60;
    await retain(Docs);
  }
  return actions;
}

test('a restore whose versions are dropped meanwhile takes no document for one that was born later', async () => {
  const restoring = actionsWhere('Doc', { droppedAfter: 1 });
  await expect(restoring).rejects.toMatchObject({ name: 'BeyondRetentionError' });
});

test('a restore whose versions are dropped meanwhile leaves none out in silence', async () => {
  const restoring = actionsWhere('OtherDoc', { droppedAfter: ids.length + 1 });
  await expect(restoring).rejects.toMatchObject({ name: 'BeyondRetentionError' });
});

test.each([1, ids.length + 1])(
  'a restore whose versions are rolled up after %d pages finds all of them',
  async (droppedAfter) => {
    const versions = new MemoryPayloadStore();
    const actions = await actionsWhere(`Rolled${droppedAfter}`, { droppedAfter, versions });
    expect(new Set(actions)).toEqual(new Set(['restore']));
    expect(actions.length).toBeGreaterThanOrEqual(ids.length);
  },
);
