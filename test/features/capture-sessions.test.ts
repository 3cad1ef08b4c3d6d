import { expect, test } from 'vitest';
import { chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

function versionedModel(name: string, options: object = {}) {
  const schema = new mongoose.Schema({ n: Number }, { autoCreate: false, ...options });
  schema.plugin(chronos);
  return mongoose.model(name, schema);
}

async function collections(): Promise<string[]> {
  const all = await mongoose.connection.listCollections();
  return all.map(({ name }) => name).sort();
}

test('an app without sessions has no collection it did not ask for until it writes', async () => {
  const Alone = versionedModel('Alone');
  await mongoose.connection.createCollections();
  expect(await collections()).toEqual(['alones']);
  await Alone.create({ n: 1 });
  expect(await collections()).toEqual(['alones', 'alones_ver']);
});

test('a transaction begun by hand updates what it found, however new the collection is', async () => {
  const Early = versionedModel('Early');
  await Early.createCollection();
  const session = await mongoose.startSession();
  const Late = versionedModel('Late');
  await Late.createCollection();
  for (const model of [Early, Late]) {
    session.startTransaction();
    const [created] = await model.create([{ n: 1 }], { session });
    await model.updateOne({ _id: created?._id }, { $inc: { n: 1 } }, { session });
    await session.commitTransaction();
    expect((await model.findById(created?._id))?.n).toBe(2);
  }
  await session.endSession();
});

test('a collection whose creation a hook has skipped gets no versions', async () => {
  const schema = new mongoose.Schema({ n: Number }, { autoCreate: false });
  schema.pre('createCollection', () => {
    throw mongoose.skipMiddlewareFunction(undefined);
  });
  schema.plugin(chronos);
  const Skipped = mongoose.model('Skipped', schema);
  await Skipped.createCollection();
  await (await mongoose.startSession()).endSession();
  expect(await collections()).not.toContain('skippeds_ver');
});
