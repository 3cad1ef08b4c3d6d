import { expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// Arguments of GraphQL are objects without a prototype. What was in them was taken for a value.
const mongoose = await testDatabase();

interface Paper {
  _id: string;
  title: string;
  body: { text: string };
}

function paperModel(collection: string, options: object): ChronosModelType<Paper> {
  const fields = { _id: String, title: String, body: { text: String } } as never;
  const schema = new mongoose.Schema<Paper, ChronosModelType<Paper>>(fields, { collection } as never);
  schema.plugin(chronos, options);
  return mongoose.model<Paper, ChronosModelType<Paper>>(collection, schema);
}

const bare = <T extends object>(fields: T): T => Object.assign(Object.create(null), fields);

test('a projection of what is in object storage is refused', async () => {
  const Papers = paperModel('stored', { indexed: ['title'], payload: { json: new SwitchedStore('stored') } });
  await Papers.create({ _id: 'a', title: 'A', body: { text: 'long' } });
  const nested = Papers.aggregate([{ $project: { body: bare({ text: 1 }) } }] as never);
  await expect(nested).rejects.toBeInstanceOf(ConfigError);
  const near = [{ $geoNear: { near: [0, 0], distanceField: 'far', query: bare({ 'body.text': 'long' }) } }];
  await expect(Papers.aggregate(near as never)).rejects.toBeInstanceOf(ConfigError);
});

test('a filter by a part of a list that stays in MongoDB is answered', async () => {
  const Papers = paperModel('parts', { indexed: ['parts.sku'], payload: { json: new SwitchedStore('parts') } });
  const filter = { parts: bare({ $elemMatch: bare({ sku: 'a' }) }) };
  expect(await Papers.collection.find(filter).toArray()).toEqual([]);
});
