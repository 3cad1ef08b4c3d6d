import { beforeAll, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { shortened } from '../support/shortened.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// What a call had put first was taken for put by every later call, though it may be gone by then.
const mongoose = await testDatabase();

interface File {
  _id: string;
  file?: string;
}

const store = new SwitchedStore();
const schema = new mongoose.Schema<File, ChronosModelType<File>>({ _id: String, file: String } as never);
schema.plugin(chronos, {
  indexed: ['n'],
  base64: { file: { contentType: 'text/plain' } },
  payload: { json: store, prefix: 'app' },
  versioning: { enabled: false },
});
const Files = mongoose.model<File, ChronosModelType<File>>('File', schema);
const LARGE = Buffer.alloc(9_100_000, 'large').toString('base64');
const small = { $set: { file: 'YWJj' } };
const large = { $set: { file: LARGE } };
const file = async () => shortened((await Files.findById('a').lean())?.file);

beforeAll(() => Files.create({ _id: 'a' }));

test('a large blob that has left a document and comes back is stored again', async () => {
  await Files.updateOne({ _id: 'a' }, large);
  await Files.updateOne({ _id: 'a' }, small);
  await Files.flush();
  await Files.updateOne({ _id: 'a' }, large);
  expect(await file()).toBe(shortened(LARGE));
});

test('so it is where one bulk write takes it away and brings it back', async () => {
  await Files.bulkWrite(
    [small, large, small, large].map((update) => ({ updateOne: { filter: { _id: 'a' }, update } })),
  );
  await Files.flush();
  expect(await file()).toBe(shortened(LARGE));
});
