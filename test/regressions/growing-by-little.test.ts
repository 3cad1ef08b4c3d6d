import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { shortened } from '../support/shortened.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// A document that was in MongoDB as a whole and passed 16 MiB by a blob that is not large itself was refused.
const mongoose = await testDatabase();

interface Folder {
  _id: string;
  n: number;
  note?: string;
  files: string[];
}

const schema = new mongoose.Schema<Folder, ChronosModelType<Folder>>({
  _id: String,
  n: Number,
  note: String,
  files: [String],
});
schema.plugin(chronos, {
  indexed: ['n'],
  base64: { files: { contentType: 'text/plain' } },
  payload: { json: new SwitchedStore(), prefix: 'app' },
});
const Folders = mongoose.model<Folder, ChronosModelType<Folder>>('Folder', schema);
const FIRST = Buffer.alloc(8_900_000, 'first').toString('base64');
const NEXT = Buffer.alloc(700_000, 'next').toString('base64');

const pushes: Record<string, (_id: string) => PromiseLike<unknown>> = {
  updateOne: (_id) => Folders.updateOne({ _id }, { $push: { files: NEXT } }).exec(),
  bulkWrite: (_id) => Folders.bulkWrite([{ updateOne: { filter: { _id }, update: { $push: { files: NEXT } } } }]),
};

test.each(Object.entries(pushes))('a document passes 16 MiB by one more small blob: %s', async (_id, push) => {
  await Folders.create({ _id, n: 0, files: [FIRST] });
  await Folders.updateOne({ _id }, { note: 'x'.repeat(4_200_000) });
  await push(_id);
  expect(shortened((await Folders.findById(_id).lean())?.files)).toEqual(shortened([FIRST, NEXT]));
  expect(await Folders.verify({ objects: true })).toMatchObject({ ok: true, findings: [] });
});
