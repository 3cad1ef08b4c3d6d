import { expect, test } from 'vitest';
import { BeyondRetentionError, type ChronosModelType, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';

const mongoose = await testDatabase();

interface Note {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
let day = 0;
const clock = { now: () => new Date(START + day * DAY) };

function modelOf(name: string) {
  const schema = new mongoose.Schema<Note, ChronosModelType<Note>>(
    { _id: String, n: Number } as never,
    { collection: name } as never,
  );
  schema.plugin(chronos, { clock, collectionVersion: true, retention: { maxPerItem: 1 } });
  return mongoose.model<Note, ChronosModelType<Note>>(name, schema);
}

test('what was dropped before an export is beyond retention where it is imported', async () => {
  const store = new MemoryPayloadStore();
  const [Notes, Copies] = [modelOf('notes'), modelOf('copies')];
  for (; day < 4; day += 1) await Notes.updateOne({ _id: 'a' }, { n: day }, { upsert: true });
  expect(await retain(Notes)).toMatchObject({ dropped: 2 });
  await Notes.exportHistory({ store, key: 'notes' });
  expect(await Copies.asOf(new Date(START)).find()).toEqual([]);
  await Copies.importHistory({ store, key: 'notes' });
  for (const Model of [Notes, Copies]) {
    expect(await Model.verify()).toMatchObject({ ok: true, findings: [] });
    await expect(Model.asOf(new Date(START)).find()).rejects.toBeInstanceOf(BeyondRetentionError);
    await expect(Model.asOf({ cv: 0 }).find()).rejects.toBeInstanceOf(BeyondRetentionError);
    await expect(Model.getVersion('a', 0)).rejects.toBeInstanceOf(BeyondRetentionError);
    expect(
      await Model.asOf(new Date(START + 2 * DAY))
        .find()
        .lean(),
    ).toMatchObject([{ n: 2 }]);
  }
});
