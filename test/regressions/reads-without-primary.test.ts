import { expect, onTestFinished, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { startMongo } from '../support/servers.ts';

test('a model without payload is read from a secondary while there is no primary', async () => {
  const server = await startMongo({ progress: () => undefined });
  onTestFinished(() => server.stop());
  const mongoose = new (await mongooseUnderTest()).Mongoose();
  await mongoose.connect(server.uri, { serverSelectionTimeoutMS: 5_000, heartbeatFrequencyMS: 500 });
  onTestFinished(() => mongoose.disconnect());
  const schema = new mongoose.Schema<{ n: number }, ChronosModelType<{ n: number }>>({ n: Number } as never);
  schema.plugin(chronos);
  const Docs = mongoose.model<{ n: number }, ChronosModelType<{ n: number }>>('Doc', schema);
  await Docs.init();
  await mongoose.connection.collection('docs').insertOne({ n: 1 }, { writeConcern: { w: 'majority' } });
  await mongoose.connection.db!.admin().command({ replSetStepDown: 60, force: true });
  expect(await Docs.find().read('secondaryPreferred')).toMatchObject([{ n: 1 }]);
  expect(await Docs.findOne({ n: 1 }).read('secondaryPreferred')).toMatchObject({ n: 1 });
}, 30_000);
