import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// The first write of a model waited for as long as a store that does not heed signals kept silent.
const mongoose = await testDatabase();

interface Paper {
  _id: string;
  text?: string;
}

test('no write waits for a store that is silent and heeds no signal', async () => {
  const store = new SwitchedStore('silent');
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  store.beforePut = () => released;
  const schema = new mongoose.Schema<Paper, ChronosModelType<Paper>>({ _id: String, text: String } as never);
  schema.plugin(chronos, { payload: { json: store } });
  const Papers = mongoose.model<Paper, ChronosModelType<Paper>>('Paper', schema);
  await Papers.create({ _id: 'a', text: 'first' });
  await Papers.updateOne({ _id: 'a' }, { $set: { text: 'second' } });
  expect(await Papers.findById('a').lean()).toEqual({ _id: 'a', text: 'second', __v: 0 });
  release();
  await Papers.flush();
  expect(await store.keys()).toEqual(expect.arrayContaining([expect.stringMatching(/v1\/item\.json$/)]));
}, 30_000);
