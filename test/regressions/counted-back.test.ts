import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { storeOf } from '../support/store-of.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  a: number;
  b: number;
}

const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, a: Number, b: Number } as never);
schema.plugin(chronos, { versioning: { enabled: false } });
const Docs = mongoose.model<Doc, ChronosModelType<Doc>>('Doc', schema);

test('a version that was read beside a write without effect is never the number of another one', async () => {
  await Docs.create({ _id: 'a', a: 0, b: 0 });
  const { head } = storeOf(Docs);
  const read: { ov?: number } = {};
  const { findOneAndUpdate } = head;
  // Somebody reads the document right after the command of the write without effect.
  head.findOneAndUpdate = (async (...args: Parameters<typeof findOneAndUpdate>) => {
    const answer = await findOneAndUpdate.apply(head, args);
    const found = await head.findOne({ _id: 'a' } as never);
    read.ov ??= (found as unknown as { _system: { ov: number } })._system.ov;
    return answer;
  }) as never;
  try {
    expect(await Docs.updateOne({ _id: 'a' }, { a: 0 })).toMatchObject({ matchedCount: 1, modifiedCount: 0 });
    await Docs.updateOne({ _id: 'a' }, { b: 1 });
  } finally {
    Reflect.deleteProperty(head, 'findOneAndUpdate');
  }
  const { ov: expectedOv } = read;
  const stale = Docs.updateOne({ _id: 'a' }, { a: 2, b: 0 }, { chronos: { expectedOv } });
  await expect(stale).rejects.toMatchObject({ name: 'OptimisticLockError' });
  expect(await Docs.findById('a').lean()).toMatchObject({ a: 0, b: 1 });
});
