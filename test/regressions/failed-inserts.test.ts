import { afterEach, expect, test } from 'vitest';
import { chronos } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { ownServer } from '../support/own-server.ts';

const mongoose = await mongooseUnderTest();

// A server of its own, since a failpoint fails the commands of everyone.
await ownServer(mongoose, 'inserts');
const Plain = mongoose.model('Plain', new mongoose.Schema({ n: Number }));
const Versioned = mongoose.model('Versioned', new mongoose.Schema({ n: Number }).plugin(chronos));
await Promise.all([Plain.init(), Versioned.init()]);
await Versioned.create({ n: -1 });

const admin = () => mongoose.connection.getClient().db('admin');
const fail = (times: number, data: object) =>
  admin().command({
    configureFailPoint: 'failCommand',
    mode: { times },
    data: { failCommands: ['insert'], ...data },
  });

afterEach(async () => {
  await admin().command({ configureFailPoint: 'failCommand', mode: 'off' });
});

const FAULTS: Readonly<Record<string, readonly [times: number, data: object]>> = {
  'the connection is lost, and lost again': [2, { closeConnection: true }],
  'the server steps down': [2, { errorCode: 10_107, errorLabels: ['RetryableWriteError'] }],
  'the server refuses the command': [1, { errorCode: 13 }],
  'the write concern is not met': [1, { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }],
};

interface BulkError {
  readonly name: string;
  readonly code?: number;
  readonly message: string;
  readonly writeErrors?: readonly unknown[];
  readonly result?: { readonly insertedCount: number; getWriteConcernError(): { code: number } | undefined };
}

function told(error: BulkError): unknown {
  const { name, code, writeErrors, result } = error;
  const concern = result?.getWriteConcernError?.()?.code;
  return { name, code, refused: writeErrors?.length, inserted: result?.insertedCount, concern };
}

for (const [fault, [times, data]] of Object.entries(FAULTS)) {
  test(`an insert that travelled with others is told to be there only if it is, when ${fault}`, async () => {
    await Versioned.deleteMany({});
    // The first one goes alone, and the others together after it.
    await fail(2 * times, data);
    const creates = Array.from({ length: 10 }, (_, n) => Versioned.create({ n }));
    const settled = await Promise.allSettled(creates);
    await admin().command({ configureFailPoint: 'failCommand', mode: 'off' });
    const found = new Set((await Versioned.find().lean()).map(({ n }) => n));
    const lost = settled.flatMap(({ status }, n) => (status === 'fulfilled' && !found.has(n) ? [n] : []));
    expect(lost).toEqual([]);
    const withoutError = settled.filter(({ status }) => status === 'fulfilled').length;
    if (fault !== 'the server refuses the command') expect(withoutError).toBe(0);
  });

  test.each([true, false])(`insertMany with ordered %s fails as without the plugin when ${fault}`, async (ordered) => {
    const results: unknown[] = [];
    for (const Model of [Plain, Versioned]) {
      await Model.deleteMany({});
      await fail(times, data);
      const documents = Array.from({ length: 5 }, (_, n) => ({ n }));
      const error: BulkError = await Model.insertMany(documents, { ordered }).then(
        () => expect.fail('expected an error'),
        (reason) => reason,
      );
      results.push({ told: told(error), there: await Model.countDocuments() });
      await admin().command({ configureFailPoint: 'failCommand', mode: 'off' });
    }
    expect(results[1]).toEqual(results[0]);
  });
}

test('a bulk write over several collections that fails as a whole is not told to be done', async () => {
  await fail(1, { errorCode: 13 });
  const connection = mongoose.connection as unknown as { bulkWrite(ops: object[]): Promise<unknown> };
  const write = connection.bulkWrite([{ model: 'Versioned', name: 'insertOne', document: { n: 77 } }]);
  await expect(write).rejects.toMatchObject({ code: 13 });
  expect(await Versioned.countDocuments({ n: 77 })).toBe(0);
});
