import { afterAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const other = await mongoose.createConnection(inject('mongoUri'), { dbName: mongoose.connection.name }).asPromise();
afterAll(() => other.close());

interface Paper {
  _id: string;
  title: string;
  text: string;
}

const store = new MemoryPayloadStore();
const base = () =>
  new mongoose.Schema<Paper, ChronosModelType<Paper>>(
    { _id: String, title: String, text: String } as never,
    { collection: 'papers', autoCreate: false } as never,
  );
const offloaded = base().plugin(chronos, { indexed: ['title'], payload: { json: store } });
const Papers = mongoose.model<Paper, ChronosModelType<Paper>>('Paper', offloaded);
const Inline = other.model<Paper, ChronosModelType<Paper>>('InlinePaper', base().plugin(chronos));

test('documents that are in object storage are put back before their bookkeeping goes', async () => {
  await Papers.create([1, 2, 3].map((n) => ({ _id: String(n), title: `t${n}`, text: `text ${n}` })));
  await Papers.flush();
  for (const id of ['1', '2']) await Papers.markItemAsProcessed(id, { confirm: true });
  await expect(Inline.unadopt()).rejects.toThrow(/Cannot unadopt .* some of it is in object storage/);
  expect(await Papers.unadopt()).toEqual({ cleared: 2 });
  const stored = mongoose.connection.collection<Paper>('papers').find({}, { sort: { _id: 1 } });
  expect(await stored.toArray()).toEqual(
    [1, 2, 3].map((n) => ({ _id: String(n), title: `t${n}`, text: `text ${n}`, __v: 0 })),
  );
});
