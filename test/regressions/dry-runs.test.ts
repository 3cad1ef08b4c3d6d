import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

test('a dry run of retention makes no collections', async () => {
  const schema = new mongoose.Schema<{ n: number }, ChronosModelType<{ n: number }>>({ n: Number } as never);
  schema.plugin(chronos, { retention: { days: 1, maxPerItem: 1 } });
  const Docs = mongoose.model<{ n: number }, ChronosModelType<{ n: number }>>('Doc', schema);
  await Docs.init();
  expect(await Docs.applyRetention({ dryRun: true })).toMatchObject({ dropped: 0, dryRun: true });
  const names = (await mongoose.connection.db!.listCollections().toArray()).map(({ name }) => name);
  expect(names).toEqual(['docs']);
});
