import type { IndexDefinition, IndexOptions } from 'mongoose';
import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { upTo } from '../support/stored.ts';

const mongoose = await testDatabase();

const fields = upTo(30).map((number) => `f${number}`);
const ofAllFields = Object.fromEntries(fields.map((field) => [field, 1 as const]));
const caseless = { name: 'caseless', collation: { locale: 'en', strength: 2 } };
const partial = { partialFilterExpression: { f1: { $exists: true } } };

type Indexes = readonly (readonly [IndexDefinition, IndexOptions?])[];

const schemas: readonly (readonly [title: string, indexes: Indexes])[] = [
  ['a wildcard', [[{ '$**': 1 }], [{ 'f0.$**': 1 }]]],
  ['the same keys under different collations', [[{ f0: 1 }], [{ f0: 1 }, caseless]]],
  ['the same first field, once limited to some documents', [[{ f0: 1 }], [{ f0: 1, f1: 1 }, partial]]],
  ['as many fields as an index may have', [[ofAllFields]]],
  ['more indexes than there is room for their mirrors', fields.map((field) => [{ [field]: 1 }] as const)],
];

test.each(schemas)('a schema with %s is written and read as of an instant', async (title, indexes) => {
  const schema = new mongoose.Schema({ _id: Number, f0: String, f30: String });
  for (const [keys, options] of indexes) schema.index(keys, options);
  const Item = versioned(mongoose.model(title, schema.plugin(chronos), title.replaceAll(' ', '')));
  await Item.init();

  await Item.create({ _id: 1, f0: 'before', f30: 'x' });
  const at = new Date(Date.now() + 1);
  while (new Date() <= at);
  await Item.updateOne({ _id: 1 }, { f0: 'after' });

  expect(await Item.find({ f0: 'before', f30: 'x' }).asOf(at).lean()).toMatchObject([{ _id: 1, f0: 'before' }]);
  expect(await Item.find({ f0: 'BEFORE' }).collation(caseless.collation).asOf(at).lean()).toHaveLength(1);
  expect(await Item.verify()).toMatchObject({ ok: true, findings: [] });
});
