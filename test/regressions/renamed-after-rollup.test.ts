import { expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { MemoryPayloadStore } from '../../src/payload/stores/memory-payload-store.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

test('a collection whose old versions are in manifests under its name is not renamed', async () => {
  const schema = new mongoose.Schema<{ n: number }, ChronosModelType<{ n: number }>>({ n: Number } as never);
  schema.plugin(chronos, { retention: { days: 1, rollup: { versions: new MemoryPayloadStore() } } });
  const Docs = mongoose.model<{ n: number }, ChronosModelType<{ n: number }>>('Doc', schema);
  await Docs.create({ n: 1 });
  await expect(Docs.collection.rename('others')).rejects.toThrow(ConfigError);
  expect(await Docs.countDocuments()).toBe(1);
});
