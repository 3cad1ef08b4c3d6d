import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  title: string;
}

const store = new SwitchedStore('memory');
const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>(
  { _id: String, title: String } as never,
  { collection: 'docs' } as never,
);
schema.plugin(chronos, { payload: { json: store, prefix: 'app' } });
const Docs = mongoose.model<Doc, ChronosModelType<Doc>>('Doc', schema);
const confirm = true;

test('an erasure that is not finished is not forgotten, though results of the next document are remembered', async () => {
  await Docs.create({ _id: 'a', title: 'first' });
  await Docs.flush();
  store.isOn = false;
  await expect(Docs.hardDelete({ id: 'a' }, { confirm })).rejects.toMatchObject({ name: 'StorageError' });
  await Docs.create({ _id: 'a', title: 'second' });
  await Docs.findOneAndUpdate({ _id: 'a' }, { title: 'third' }, { chronos: { opId: 'op' } });
  const notes = mongoose.connection.collection('docs_locks');
  const note = await notes.findOne({ 'erase.id': 'a' });
  expect(note).not.toBeNull();
  // By its date the server would take it away after 30 days.
  expect(note).not.toHaveProperty('at');
  store.isOn = true;
  expect(await Docs.recover()).toMatchObject({ repaired: { 'unfinished-erasure': 1 } });
});
