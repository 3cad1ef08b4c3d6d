import { expect, test } from 'vitest';
import { type ChronosModelType, chronos, MemoryPayloadStore } from '../../../src/index.ts';
import { testDatabase } from '../../support/database.ts';

const mongoose = await testDatabase();

interface Note {
  title: string;
  body: string;
}

const schema = new mongoose.Schema<Note, ChronosModelType<Note>>({ title: String, body: String });
schema.plugin(chronos, { indexed: ['title'], payload: { json: new MemoryPayloadStore('memory') } });
const Notes = mongoose.model<Note, ChronosModelType<Note>>('Note', schema);

test('a read of documents with payloads can be explained', async () => {
  await Notes.create({ title: 'a', body: 'text' });
  expect(JSON.stringify(await Notes.find({ title: 'a' }).explain('queryPlanner'))).toContain('winningPlan');
  const pipeline = Notes.aggregate([{ $match: { title: 'a' } }]);
  expect(JSON.stringify(await pipeline.explain('queryPlanner'))).toContain('winningPlan');
});
