import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// Documents fell out of partial indexes, and out of the language of text indexes, when they left MongoDB in part.
const mongoose = await testDatabase();

interface Member {
  _id: string;
  email: string;
  active: boolean;
  about: string;
  tongue: string;
}

const schema = new mongoose.Schema<Member, ChronosModelType<Member>>({
  _id: String,
  email: String,
  active: Boolean,
  about: String,
  tongue: String,
} as never);
schema.index({ email: 1 }, { unique: true, partialFilterExpression: { active: true } });
schema.index({ about: 'text' }, { language_override: 'tongue' });
schema.plugin(chronos, { indexed: ['email'], payload: { json: new SwitchedStore('members') } });
const Members = mongoose.model<Member, ChronosModelType<Member>>('Member', schema);
await Members.init();
await Members.create({ _id: 'a', email: 'a@b.c', active: true, about: 'die Häuser', tongue: 'german' });
await Members.flush();
await Members.markItemsAsProcessedByTTL(0, { confirm: true });

test('a partial unique index holds for documents that have left MongoDB in part', async () => {
  await expect(Members.create({ _id: 'b', email: 'a@b.c', active: true })).rejects.toMatchObject({ code: 11000 });
});

test('a text index knows their language', async () => {
  const found = Members.find({ $text: { $search: 'Haus', $language: 'german' } }).lean();
  expect(await found).toMatchObject([{ _id: 'a', about: 'die Häuser' }]);
});
