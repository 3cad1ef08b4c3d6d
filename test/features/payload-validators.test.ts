import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Paper {
  _id: string;
  title: string;
  text: string;
  n: number;
}

const store = new SwitchedStore('memory json');
const schema = new mongoose.Schema<Paper, ChronosModelType<Paper>>(
  { _id: String, title: String, text: String, n: Number } as never,
  { collection: 'papers', autoCreate: false } as never,
);
schema.plugin(chronos, { indexed: ['title'], payload: { json: store } });
const Papers = mongoose.model<Paper, ChronosModelType<Paper>>('Paper', schema);
const state = async () => (await mongoose.connection.collection('papers').findOne())?._system.state;
const confirm = true;

test('a rule of the collection that asks for what has left MongoDB holds for documents as a whole', async () => {
  const { db } = mongoose.connection;
  await db?.createCollection('papers', { validator: { text: { $type: 'string' } } });
  await Papers.create({ _id: 'a', title: 't', text: 'x', n: 1 });
  await Papers.flush();
  expect(await Papers.markItemAsProcessed('a', { confirm })).toBe(true);
  expect(await state()).toBe('processed');
  await Papers.updateOne({ _id: 'a' }, { $inc: { n: 1 } });
  expect(await Papers.findById('a').lean()).toMatchObject({ text: 'x', n: 2 });
  await Papers.flush();
  await Papers.markItemAsProcessed('a', { confirm });
  await expect(Papers.updateOne({ _id: 'a' }, { $unset: { text: 1 } })).rejects.toMatchObject({ code: 121 });
  const session = await mongoose.startSession();
  await session.withTransaction(async () => {
    await Papers.updateOne({ _id: 'a' }, { $inc: { n: 1 } }, { session });
  });
  await session.endSession();
  expect(await Papers.findById('a').lean()).toMatchObject({ text: 'x', n: 3 });
  // A rule that documents do not meet any more stands in the way of their writes, but not of their payloads.
  await Papers.flush();
  await Papers.updateOne({ _id: 'a' }, { $inc: { n: 1 } });
  await db?.command({ collMod: 'papers', validator: { text: { $type: 'int' } } });
  await Papers.flush();
  await Papers.markItemAsProcessed('a', { confirm });
  expect(await state()).toBe('processed');
  await expect(Papers.updateOne({ _id: 'a' }, { $inc: { n: 1 } })).rejects.toMatchObject({ code: 121 });
  expect(await Papers.findById('a').lean()).toMatchObject({ text: 'x', n: 4 });
});
