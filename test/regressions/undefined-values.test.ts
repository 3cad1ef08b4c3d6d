import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ state: String, owner: String, any: {} }, { minimize: false });
const Item = versioned(mongoose.model('Item', schema.plugin(chronos)));

test('an update is made that only differs in what the driver is told to leave out', async () => {
  const { _id } = await Item.create({ any: { b: null } });
  const change = { $set: { any: { b: undefined } } } as object;
  const updated = await Item.collection.updateOne({ _id }, change, { ignoreUndefined: true });
  expect(updated).toMatchObject({ matchedCount: 1, modifiedCount: 1 });
  expect((await Item.history(_id, { lean: true })).map(({ doc }) => doc?.any)).toEqual([{}, { b: null }]);
});

test('claims by a condition that is undefined do not keep others from theirs', async () => {
  await Item.collection.insertMany([1, 2].map((owner) => ({ state: 'queued', owner })));
  const ofNobody = { state: 'queued', owner: undefined };
  const filters = [ofNobody, ofNobody, { state: 'queued' }, { state: 'queued' }] as object[];
  const claims = filters.map((filter) => Item.collection.updateOne(filter, { $set: { state: 'taken' } }));
  expect((await Promise.all(claims)).map(({ matchedCount }) => matchedCount)).toEqual([0, 0, 1, 1]);
});
