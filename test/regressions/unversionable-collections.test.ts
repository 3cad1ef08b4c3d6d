import { expect, test } from 'vitest';
import { ConfigError, chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

test.each([
  ['capped collections', { capped: { size: 100_000 } }],
  ['time series', { timeseries: { timeField: 'at', metaField: 'source' } }],
])('writes of %s that need a transaction are refused by name', async (title, options) => {
  const schema = new mongoose.Schema({ at: Date, source: String }, options);
  const Item = versioned(mongoose.model(title, schema.plugin(chronos), title.replaceAll(' ', '')));
  await Item.init();
  await Item.create({ at: new Date(), source: 'a' });
  await expect(Item.deleteMany({ source: 'a' })).rejects.toThrow(ConfigError);
  expect(await Item.countDocuments()).toBe(1);
});
