import { expect, test } from 'vitest';
import { ConfigError, chronos, UnknownOutcomeError, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ n: Number });
schema.plugin(chronos, { collectionVersion: true });
const Step = versioned(mongoose.model('Step', schema));

test('several documents are not created under one opId, of which only the first would be stored', async () => {
  const chronos = { opId: 'twice' };
  await expect(Step.create([{ n: 1 }, { n: 2 }], { chronos })).rejects.toBeInstanceOf(ConfigError);
  expect(await Step.countDocuments()).toBe(0);
  await Step.insertMany([{ n: 1 }, { n: 2 }], { chronos });
  await Step.insertMany([{ n: 1 }, { n: 2 }], { chronos });
  expect(await Step.countDocuments()).toBe(2);
});

test('a bulk write of several collections is not made once', async () => {
  const write = { model: Step, name: 'insertOne', document: { n: 3 } } as const;
  const options = { chronos: { opId: 'bulk' } } as object;
  await expect(mongoose.connection.bulkWrite([write] as never, options)).rejects.toBeInstanceOf(ConfigError);
  expect(await Step.countDocuments({ n: 3 })).toBe(0);
});

test('a lost answer may be asked for again only under an opId', () => {
  expect(new UnknownOutcomeError('steps', undefined, undefined).retryable).toBe(false);
  expect(new UnknownOutcomeError('steps', 'op', undefined).retryable).toBe(true);
});

test.each([
  ['collection.drop', () => Step.collection.drop()],
  ['connection.dropCollection', () => mongoose.connection.dropCollection('steps')],
  ['connection.dropDatabase', () => mongoose.connection.dropDatabase()],
])('what is dropped by %s leaves no history, number or call behind', async (_way, drop) => {
  const make = () => Step.insertMany([{ n: 9 }], { chronos: { opId: 'again' } });
  await make();
  await Step.updateOne({ n: 9 }, { n: 10 });
  await drop();
  expect((await mongoose.connection.listCollections()).filter(({ name }) => name.startsWith('steps_'))).toEqual([]);
  const [made] = await make();
  expect(await Step.countDocuments()).toBe(1);
  expect((await Step.history(made?._id))[0]).toMatchObject({ ov: 0, cv: 0 });
});
