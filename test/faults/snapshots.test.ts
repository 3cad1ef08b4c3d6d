import { expect, test } from 'vitest';
import { MemoryPayloadStore, SnapshotExpiredError } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { ownServer } from '../support/own-server.ts';
import { itemModel } from './writer.ts';

const mongoose = await mongooseUnderTest();

// A server of its own, since a failpoint fails the commands of everyone.
await ownServer(mongoose, 'snapshots');
const Model = itemModel(mongoose, 'items');
await Model.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: String(n), n })));
const at = new Date();
await Model.updateMany({ n: { $lt: 200 } }, { $inc: { n: 1_000 } });

const fail = (data: object, times = 1) =>
  mongoose.connection.getClient().db('admin').command({ configureFailPoint: 'failCommand', mode: { times }, data });

const past = () => Model.asOf(at);
const UNSORTED = {};
const SORTED = { n: 1 } as const;

async function counted(documents: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _document of documents) count += 1;
  return count;
}

const READS: Record<string, () => Promise<unknown>> = {
  find: async () => (await past().find()).length,
  'find sorted': async () => (await past().find().sort(SORTED)).length,
  'find at once with a limit': async () => (await past().find().limit(300)).length,
  findById: async () => (await past().findById('3'))?.n === 3 && 300,
  cursor: () => counted(past().find().sort(UNSORTED).cursor({ batchSize: 20 })),
  'sorted cursor': () => counted(past().find().sort(SORTED).cursor({ batchSize: 20 })),
  countDocuments: () => past().countDocuments(),
  distinct: async () => (await past().distinct('n')).length,
  aggregate: async () => (await past().aggregate([{ $match: { n: { $lt: 1_000 } } }])).length,
  'aggregate cursor': () =>
    counted(
      past()
        .aggregate([{ $match: {} }])
        .cursor({ batchSize: 20 }),
    ),
};

test.each(Object.entries(READS))('%s waits for a snapshot that is not there yet', async (_name, read) => {
  // Reads without a snapshot never meet it.
  await fail({ failCommands: ['find', 'aggregate'], namespace: 'snapshots.items', errorCode: 246 }, 2);
  expect(await read()).toBe(300);
});

test.each(['cursor', 'sorted cursor', 'aggregate cursor'])('a %s whose snapshot has gone says so', async (name) => {
  await fail({ failCommands: ['getMore'], errorCode: 239 });
  const error = await (READS[name] as () => Promise<unknown>)().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SnapshotExpiredError);
  expect(error).toMatchObject({ retryable: true });
});

test.each(['find sorted', 'countDocuments', 'distinct'])('a %s whose snapshot has gone says so', async (name) => {
  await fail({ failCommands: ['find', 'aggregate', 'distinct'], errorCode: 239 });
  await expect((READS[name] as () => Promise<unknown>)()).rejects.toBeInstanceOf(SnapshotExpiredError);
});

test('an export whose snapshot has gone says so, and can be made in ranges of ids', async () => {
  const long = itemModel(mongoose, 'long');
  await long.insertMany(Array.from({ length: 2_500 }, (_, n) => ({ _id: String(n), n })));
  const store = new MemoryPayloadStore();
  await fail({ failCommands: ['getMore'], errorCode: 239 });
  await expect(long.exportHistory({ store, key: 'all' })).rejects.toBeInstanceOf(SnapshotExpiredError);
  expect(await store.head('all')).toBe(undefined);
  const ranges = [{ upTo: '5' }, { after: '5' }];
  const copy = itemModel(mongoose, 'copy');
  for (const [n, range] of ranges.entries()) {
    await long.exportHistory({ store, key: `part ${n}` }, range);
    await copy.importHistory({ store, key: `part ${n}` });
  }
  expect(await copy.find().sort({ _id: 1 }).lean()).toEqual(await long.find().sort({ _id: 1 }).lean());
});
