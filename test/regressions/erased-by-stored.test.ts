import { expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// An erasure by what is in object storage missed documents, or took those that only seemed to lack it.
const mongoose = await testDatabase();

interface Person {
  _id: string;
  name: string;
  consent?: boolean;
}

const schema = new mongoose.Schema<Person, ChronosModelType<Person>>({
  _id: String,
  name: String,
  consent: Boolean,
} as never);
schema.plugin(chronos, { indexed: ['name'], payload: { json: new SwitchedStore('people') } });
const People = mongoose.model<Person, ChronosModelType<Person>>('Person', schema);
await People.create([
  { _id: 'a', name: 'Ana', consent: true },
  { _id: 'b', name: 'Ben', consent: false },
]);
await People.flush();
await People.markItemsAsProcessedByTTL(0, { confirm: true });

test.each([{ consent: false }, { consent: { $ne: true } }, { $nor: [{ consent: true }] }])(
  'documents are not erased by %j, which is in object storage',
  async (filter) => {
    for (const options of [{ dryRun: true }, { confirm: true }]) {
      await expect(People.hardDelete({ filter } as never, options)).rejects.toBeInstanceOf(ConfigError);
    }
    expect(await People.countDocuments()).toBe(2);
  },
);

test('they are by what is in MongoDB', async () => {
  expect(await People.hardDelete({ filter: { name: 'Ben' } }, { confirm: true })).toMatchObject({ documents: 1 });
  expect(await People.find().lean()).toMatchObject([{ _id: 'a', consent: true }]);
});
