import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ word: String });
schema.plugin(chronos);
const Word = versioned(mongoose.model('CollatedWord', schema));

test('documents sorted under a collation are read whatever bytes their sort keys are', async () => {
  const words = ['é', 'e', 'X', 'x', '', 'ß', 'ø'];
  await Word.insertMany(words.map((word) => ({ word })));
  const at = new Date();
  await Word.deleteMany({ word: 'e' });
  const found = await Word.asOf(at).find().collation({ locale: 'en', strength: 2 }).sort({ word: -1, _id: 1 }).lean();
  expect(found.map(({ word }) => word).sort()).toEqual([...words].sort());
});
