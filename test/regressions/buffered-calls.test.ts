import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { chronos, runInChronosContext } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';

test('calls made before the connection is open are captured as all others', async () => {
  const mongoose = new (await mongooseUnderTest()).Mongoose();
  const schema = new mongoose.Schema({ name: String }, { autoIndex: false, autoCreate: false });
  schema.plugin(chronos, { visible: true });
  const Thing = mongoose.model('Thing', schema);
  const _id = new mongoose.Types.ObjectId();
  const created = Thing.collection.insertOne({ _id, name: 'one' });
  await mongoose.connect(inject('mongoUri'), { dbName: `test-${randomBytes(4).toString('hex')}` });
  await created;
  expect(await Thing.findById(_id).lean()).toMatchObject({ name: 'one', _system: { ov: 0 } });
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
});

test('calls made before the connection is open keep what was in force around them', async () => {
  const mongoose = new (await mongooseUnderTest()).Mongoose();
  const schema = new mongoose.Schema({ name: String }, { autoIndex: false, autoCreate: false });
  schema.plugin(chronos, { visible: true });
  const Thing = mongoose.model('Thing', schema);
  const created = runInChronosContext({ actor: 'ana' }, () => Thing.create({ name: 'one' }));
  await runInChronosContext({ actor: 'ben' }, () =>
    mongoose.connect(inject('mongoUri'), { dbName: `test-${randomBytes(4).toString('hex')}` }),
  );
  const { _id } = await created;
  expect(await Thing.findById(_id).lean()).toMatchObject({ _system: { ov: 0, actor: 'ana' } });
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
});
