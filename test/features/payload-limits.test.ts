import { expect, test } from 'vitest';
import { type ChronosModelType, chronos, DocumentTooLargeError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: number;
  title: string;
  text: string;
}

const store = new SwitchedStore();
const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>(
  { _id: Number, title: String, text: String } as never,
  { versionKey: false } as never,
);
schema.plugin(chronos, { indexed: ['title'], payload: { json: store, prefix: 'app' } });
const Docs = mongoose.model<Doc, ChronosModelType<Doc>>('Doc', schema);

const LIMIT = 16_777_216;

/** A document that is so many bytes below what the server holds, with its bookkeeping. */
async function docBelow(_id: number, below: number): Promise<Doc> {
  await Docs.create([{ _id: -1, title: 'a', text: '' }]);
  const size = { $bsonSize: '$$ROOT' };
  store.isOn = true;
  const [bare] = await headsOf(Docs).aggregate([{ $match: { _id: -1 } }, { $set: { '_system.state': 'new-not-synched' } }, { $unset: ['_system.payload'] }, { $project: { size } }]).toArray(); // biome-ignore format: short
  await Docs.hardDelete({ id: -1 }, { confirm: true });
  return { _id, title: 'a', text: 'x'.repeat(LIMIT - (bare?.size as number) - below) };
}

test('a document at the limit of the server is stored, though it has no room for what it refers to', {
  timeout: 120_000,
}, async () => {
  const below = [0, 64, 2_048];
  for (const [_id, bytes] of below.entries()) await Docs.create([await docBelow(_id, bytes)]);
  await Docs.flush({ deadlineMs: 15_000 });
  const states = await headsOf(Docs)
    .find({}, { sort: { _id: 1 }, projection: { '_system.state': 1 } })
    .toArray();
  expect(states.map(({ _system }) => (_system as { state: string }).state)).toEqual(['processed', 'processed', 'new']); // biome-ignore format: short
  for (const _id of below.keys()) {
    expect((await Docs.findById(_id).lean())?.text).toMatch(/^x{10000}/);
    expect(await Docs.findById(_id).select('title').lean()).toEqual({ _id, title: 'a' });
  }
  await expect(Docs.updateOne({ _id: 0 }, { title: 'b' })).rejects.toThrow(DocumentTooLargeError);
  await Docs.updateOne({ _id: 2 }, { text: 'short' });
  await Docs.replaceOne({ _id: 0 }, { title: 'b', text: 'short' });
  await Docs.deleteOne({ _id: 1 });
  expect((await Docs.getVersion(0, 0, { lean: true }))?.text).toMatch(/^x{10000}/);
  expect((await Docs.verify()).ok).toBe(true);
});
