import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

test('a bulk write has as many operations as there is memory for', async () => {
  const schema = new mongoose.Schema<{ n: number }, ChronosModelType<{ n: number }>>({ n: Number } as never);
  schema.plugin(chronos);
  const Docs = mongoose.model<{ n: number }, ChronosModelType<{ n: number }>>('Doc', schema);
  const operations = Array.from({ length: 130_000 }, (_, n) => ({ insertOne: { document: { n } } }));
  const { insertedCount } = await Docs.collection.bulkWrite(operations as never, { ordered: false });
  expect(insertedCount).toBe(130_000);
}, 60_000);
