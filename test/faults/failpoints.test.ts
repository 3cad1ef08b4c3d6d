import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos, UnknownOutcomeError } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { ownServer } from '../support/own-server.ts';
import { SwitchedStore } from '../support/switched-store.ts';
import { itemModel, seed, WRITES } from './writer.ts';

const mongoose = await mongooseUnderTest();

// A server of its own, since a failpoint fails the commands of everyone.
await ownServer(mongoose, 'faults');
const Model = itemModel(mongoose, 'items');

const admin = () => mongoose.connection.getClient().db('admin');
const fail = (times: number, data: object) =>
  admin().command({ configureFailPoint: 'failCommand', mode: { times }, data });

beforeEach(async () => {
  await mongoose.connection.dropDatabase();
  await Model.collection.drop().catch(() => undefined);
  await seed(Model);
});

afterEach(async () => {
  await admin().command({ configureFailPoint: 'failCommand', mode: 'off' });
});

const COMMIT = { failCommands: ['commitTransaction'] };
const FAULTS = {
  'the connection is closed': { ...COMMIT, closeConnection: true },
  'the reply is lost to a shutdown': { ...COMMIT, writeConcernError: { code: 91, errmsg: 'shutting down' } },
  'the server is shutting down': { ...COMMIT, errorCode: 91, errorLabels: ['RetryableWriteError'] },
  'the transaction is unknown': { ...COMMIT, errorCode: 251, errorLabels: ['TransientTransactionError'] },
  'the transaction is to be run again': { ...COMMIT, errorCode: 112, errorLabels: ['TransientTransactionError'] },
};

/** Everything there is, without the times it was written at. */
async function everything(): Promise<unknown[]> {
  const timeless = {
    projection: {
      '_system.updatedAt': 0,
      '_system.insertedAt': 0,
      '_system.until': 0,
      '_system.deletedAt': 0,
      '_system.node': 0,
    },
  };
  const stored = ['items', 'items_ver'].map((name) =>
    mongoose.connection.collection(name).find({}, timeless).sort({ _id: 1 }).toArray(),
  );
  return Promise.all(stored);
}

for (const [fault, data] of Object.entries(FAULTS)) {
  test(`each write is done exactly once when ${fault} at its commit`, { timeout: 120_000 }, async () => {
    for (const write of Object.values(WRITES)) await write(Model);
    const expected = await everything();
    for (const times of [1, 2]) {
      await Model.collection.drop();
      await seed(Model);
      for (const [name, write] of Object.entries(WRITES)) {
        await fail(times, data);
        const error: unknown = await write(Model).then(
          () => undefined,
          (reason) => reason,
        );
        if (error !== undefined) expect(error, name).toBeInstanceOf(UnknownOutcomeError);
      }
      expect(await everything(), `${times} in a row`).toEqual(expected);
      expect((await Model.verify()).findings).toEqual([]);
    }
  });
}

test('13 retries leave one version', { timeout: 60_000 }, async () => {
  for (const name of ['updateOne', 'save', 'restore', 'enrich', 'deleteOne']) {
    await fail(13, FAULTS['the transaction is to be run again']);
    await WRITES[name]?.(Model);
    expect((await Model.history(name)).length, name).toBe(3);
  }
  expect(await Model.findById('updateOne').lean()).toMatchObject({ n: 2 });
  expect((await Model.verify()).findings).toEqual([]);
});

test('a commit that never comes through is an unknown outcome, and not told as a failure', async () => {
  await fail(1_000, { ...COMMIT, errorCode: 50, errorLabels: [] });
  const error = await Model.updateOne({ _id: 'updateOne' }, { $inc: { n: 1 } }, { chronos: { opId: 'op 1' } }).catch(
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(UnknownOutcomeError);
  expect(error).toMatchObject({ opId: 'op 1', retryable: true });
});

interface Report {
  _id: string;
  title?: string;
  pdf?: string;
}

test('however often the transaction of a large write is run, its blobs are stored once', async () => {
  const store = new SwitchedStore();
  const schema = new mongoose.Schema<Report, ChronosModelType<Report>>({ _id: String, title: String, pdf: String });
  schema.plugin(chronos, {
    indexed: ['title'],
    base64: { pdf: { contentType: 'application/pdf' } },
    payload: { json: store, prefix: 'app' },
  });
  const Reports = mongoose.model<Report, ChronosModelType<Report>>('Report', schema);
  const pdf = (of: string) => Buffer.alloc(9_100_000, of).toString('base64');
  const id = { _id: 'a' };
  const writes = [
    () => Reports.create([{ ...id, pdf: pdf('created') }]),
    () => Reports.updateOne(id, { pdf: pdf('updated') }),
    () => Reports.findOneAndUpdate(id, { pdf: pdf('once') }, { chronos: { opId: 'one' } }),
    () => Reports.bulkWrite([{ updateOne: { filter: id, update: { $set: { pdf: pdf('bulk') } } } }]),
    () => Reports.updateOne({ _id: 'b' }, { pdf: pdf('upserted') }, { upsert: true }),
  ];
  for (const [index, write] of writes.entries()) {
    await fail(5, FAULTS['the transaction is to be run again']);
    await write();
    const blobs = (await store.keys('app/reports/')).filter((key) => key.endsWith('blob.bin'));
    expect(blobs).toHaveLength(index + 1);
  }
  expect(await Reports.history('a')).toHaveLength(4);
  expect((await Reports.verify({ objects: true })).ok).toBe(true);
});
