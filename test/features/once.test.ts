import { expect, test } from 'vitest';
import { chronos, UnknownOutcomeError, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ name: String, n: Number });
schema.plugin(chronos);
const Job = versioned(mongoose.model('OnceJob', schema));
const records = mongoose.connection.collection('oncejobs_ver');

test('a call repeated with its opId makes one version and returns the same result', async () => {
  const job = await Job.create({ name: 'a', n: 0 });
  const options = { chronos: { opId: 'add-1' } };
  const first = await Job.updateOne({ _id: job._id }, { $inc: { n: 1 } }, options);
  const second = await Job.updateOne({ _id: job._id }, { $inc: { n: 1 } }, options);
  expect(second).toEqual(first);
  expect(await Job.findById(job._id).lean()).toMatchObject({ n: 1 });
  expect(await records.countDocuments({ '_id.id': job._id })).toBe(1);
});

test('calls with one opId made at the same time are carried out once', async () => {
  const job = await Job.create({ name: 'b', n: 0 });
  const options = { chronos: { opId: 'add-2' }, returnDocument: 'after' } as const;
  const results = await Promise.all(
    Array.from({ length: 12 }, () => Job.findOneAndUpdate({ _id: job._id }, { $inc: { n: 1 } }, options).lean()),
  );
  expect(results.map((result) => result?.n)).toEqual(Array(12).fill(1));
  expect(await Job.findById(job._id).lean()).toMatchObject({ n: 1 });
});

test('creates, deletes, bulk and multi-document writes are carried out once', async () => {
  for (let i = 0; i < 2; i++) {
    await Job.insertMany([{ name: 'm1' }, { name: 'm2' }], { chronos: { opId: 'insert' } });
    const bulk = [{ updateOne: { filter: { name: 'm1' }, update: { $inc: { n: 1 } } } }];
    const written = await Job.bulkWrite(bulk, { chronos: { opId: 'bulk' } });
    expect(written.modifiedCount).toBe(1);
    const many = await Job.updateMany({ name: /^m/ }, { $inc: { n: 1 } }, { chronos: { opId: 'many' } });
    expect(many.modifiedCount).toBe(2);
    const deleted = await Job.deleteOne({ name: 'm2' }, { chronos: { opId: 'delete' } });
    expect(deleted.deletedCount).toBe(1);
  }
  expect(await Job.find({ name: /^m/ }).lean()).toMatchObject([{ name: 'm1', n: 2 }]);
});

test('a call that failed is not remembered', async () => {
  const job = await Job.create({ name: 'c', n: 0 });
  const options = { chronos: { opId: 'retry', expectedOv: 7 } };
  await expect(Job.updateOne({ _id: job._id }, { $inc: { n: 1 } }, options)).rejects.toThrow('expected version 7');
  await Job.updateOne({ _id: job._id }, { $inc: { n: 1 } }, { chronos: { opId: 'retry' } });
  expect(await Job.findById(job._id).lean()).toMatchObject({ n: 1 });
});

test('enrich and restore keep their deadline too', async () => {
  const job = await Job.create({ name: 'e', n: 0 });
  await Job.updateOne({ _id: job._id }, { n: 1 });
  const admin = mongoose.connection.getClient().db('admin');
  const data = { failCommands: ['commitTransaction'], blockConnection: true, blockTimeMS: 600 };
  for (const call of [
    () => Job.enrich(job._id, { name: 'x' }, { deadlineMs: 100 }),
    () => Job.restore(job._id, { ov: 0 }, { deadlineMs: 100 }),
  ]) {
    await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data });
    await expect(call()).rejects.toBeInstanceOf(UnknownOutcomeError);
  }
});

test('a call that outlives its deadline ends in UnknownOutcomeError with its opId', async () => {
  const job = await Job.create({ name: 'd', n: 0 });
  const admin = mongoose.connection.getClient().db('admin');
  const data = { failCommands: ['commitTransaction'], blockConnection: true, blockTimeMS: 600 };
  await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data });
  const options = { chronos: { opId: 'slow', deadlineMs: 100 } };
  const error = await Job.updateOne({ _id: job._id }, { $inc: { n: 1 } }, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UnknownOutcomeError);
  expect(error).toMatchObject({ opId: 'slow', retryable: true });
});
