import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ n: Number });
schema.plugin(chronos);
const Doc = versioned(mongoose.model('SharedInsert', schema));

test('an insert that cannot be serialized does not take those along that wait with it', async () => {
  await Doc.init();
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const results = await Promise.allSettled([
    ...Array.from({ length: 5 }, (_, n) => Doc.collection.insertOne({ n })),
    Doc.collection.insertOne({ circular }),
    ...Array.from({ length: 5 }, (_, n) => Doc.collection.insertOne({ n: 5 + n })),
  ]);
  const failed = results.filter(({ status }) => status === 'rejected');
  expect(failed).toHaveLength(1);
  expect(await Doc.countDocuments()).toBe(10);
});
