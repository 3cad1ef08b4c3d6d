import type { Model } from 'mongoose';
import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

interface Item {
  _id: string;
  n: number;
}

/** A collection whose `_id` does not tell upper case from lower, of which Mongoose's schema knows nothing. */
async function caseless(name: string, withHistory: boolean): Promise<Model<Item>> {
  await mongoose.connection.createCollection(name, { collation: { locale: 'en', strength: 2 } });
  const schema = new mongoose.Schema<Item>({ _id: String, n: Number }, { autoCreate: false, autoIndex: false });
  if (withHistory) schema.plugin(chronos);
  const Item = mongoose.model<Item>(name, schema, name);
  await Item.create(['a', 'b', 'c'].map((_id) => ({ _id, n: 0 })));
  return Item;
}

const Plain = await caseless('plain', false);
const Versioned = versioned(await caseless('versioned', true));

const IDS = ['a', 'A', 'B', 'C', 'b', 'A'];
const PATTERN = new mongoose.mongo.BSON.BSONRegExp('^a', 'i') as unknown as string;

const WRITES: Readonly<Record<string, (Model: Model<Item>) => Promise<unknown>>> = {
  'writes that wait together': (Model) => Promise.all(IDS.map((_id) => Model.updateOne({ _id }, { $inc: { n: 1 } }))),
  'writes by a pattern that wait with others': (Model) =>
    Promise.all(['b', PATTERN, 'c'].map((_id) => Model.collection.updateOne({ _id } as object, { $inc: { n: 1 } }))),
  'a bulk write': (Model) =>
    Model.bulkWrite(IDS.map((_id) => ({ updateOne: { filter: { _id }, update: { $inc: { n: 10 } } } }))),
  'a bulk write in a transaction': (Model) =>
    mongoose.connection.transaction((session) =>
      Model.bulkWrite(
        IDS.map((_id) => ({ updateOne: { filter: { _id }, update: { $inc: { n: 100 } } } })),
        { session },
      ),
    ),
};

test.each(Object.entries(WRITES))('%s of one document under several ids each leave a version', async (name, write) => {
  const before = (await Versioned.history('a')).length;
  const [expected, result] = [await write(Plain), await write(Versioned)];
  expect(JSON.stringify(result)).toBe(JSON.stringify(expected));
  expect(await Versioned.find().sort('_id').lean()).toEqual(await Plain.find().sort('_id').lean());
  const history = await Versioned.history('a');
  expect(history.length).toBe(before + (name.includes('pattern') ? 1 : 3));
  expect(new Set(history.map(({ doc }) => doc?.n)).size).toBe(history.length);
});
