import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

test('reads of the past take the collation that the schema names', async () => {
  const schema = new mongoose.Schema(
    { _id: String, name: { type: String, index: true }, n: Number },
    { collation: { locale: 'en', strength: 2 } },
  );
  const Item = versioned(mongoose.model('Item', schema.plugin(chronos)));
  await Item.init();
  await Item.create([
    { _id: 'a', name: 'Ana', n: 1 },
    { _id: 'b', name: 'Bea', n: 2 },
  ]);
  const at = new Date(Date.now() + 1);
  while (new Date() <= at);
  await Item.updateOne({ _id: 'A' }, { n: 3, name: 'Ada' });

  const past = Item.asOf(at);
  const ana = { _id: 'a', name: 'Ana', n: 1 };
  expect(await past.find({ name: 'ANA' }).lean()).toMatchObject([ana]);
  expect(await past.find({ _id: 'A' }).lean()).toMatchObject([ana]);
  expect(await past.findById('A').lean()).toMatchObject(ana);
  expect(
    await past
      .find({ _id: { $in: ['A', 'B'] } })
      .sort('-n')
      .lean(),
  ).toMatchObject([{ n: 2 }, ana]);
  expect(
    await past
      .find({ name: { $gte: 'ANA' } })
      .sort('name')
      .limit(1)
      .lean(),
  ).toMatchObject([ana]);
  expect(await past.countDocuments({ _id: 'A' })).toBe(1);
  expect(await past.distinct('n', { name: 'ANA' })).toEqual([1]);
  expect(await past.aggregate([{ $match: { name: 'ANA' } }])).toMatchObject([ana]);
});
