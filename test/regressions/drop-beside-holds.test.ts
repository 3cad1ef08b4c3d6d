import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

test('manifests are not dropped of a document that comes to be held while another one is released', async () => {
  const versions = new SwitchedStore('memory versions');
  const clock = { day: 0, now: () => new Date(START + clock.day * DAY) };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, n: Number } as never);
  schema.plugin(chronos, { clock, retention: { days: 10, rollup: { versions } } });
  const Docs = mongoose.model<Doc, ChronosModelType<Doc>>('Doc', schema);
  for (clock.day = 0; clock.day < 3; clock.day += 1) {
    for (const _id of ['a', 'b']) await Docs.updateOne({ _id }, { n: clock.day }, { upsert: true });
  }
  clock.day = 60;
  await retain(Docs);
  await Docs.hold('a');
  // What stays of the manifest is being written.
  versions.beforePut = async () => {
    versions.beforePut = async () => {};
    await Docs.hold('b');
    await Docs.releaseHold('a');
  };
  await Docs.dropManifests({ before: clock.now() }, { confirm: true });
  expect(await Docs.getVersion('b', 0)).toMatchObject({ n: 0 });
});
