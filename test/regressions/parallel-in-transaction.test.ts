import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { upTo } from '../support/stored.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ _id: String, n: Number, tags: [String] });
const Item = versioned(mongoose.model('Item', schema.plugin(chronos)));
await Item.init();

test('parallel writes of one document in a transaction of the caller all take effect', async () => {
  await Item.create({ _id: 'shared', n: 0 });
  await mongoose.connection.transaction(async (session) => {
    await Item.updateOne({ _id: 'shared' }, { $inc: { n: 1 } }, { session });
    await Promise.all(upTo(3).map(() => Item.updateOne({ _id: 'shared' }, { $inc: { n: 1 } }, { session })));
  });
  expect((await Item.history('shared')).map(({ doc }) => doc?.n)).toEqual([5, 4, 3, 2, 1, 0]);
});

test('writes under way when the transaction is run again are not carried over into the second run', async () => {
  for (const round of upTo(9)) {
    const _id = `twice ${round}`;
    await Item.create({ _id, n: 0 });
    let runs = 0;
    await mongoose.connection.transaction(async (session) => {
      runs += 1;
      await Item.findOne({ _id }).session(session);
      const writes = upTo(4).map(() => Item.updateOne({ _id }, { $inc: { n: 1 } }, { session }));
      await Promise.all(runs === 1 ? [...writes, failing()] : writes);
    });
    expect((await Item.history(_id)).map(({ doc }) => doc?.n)).toEqual([5, 4, 3, 2, 1, 0]);
  }
  expect(await Item.verify()).toMatchObject({ ok: true, findings: [] });
});

/** Fails while the writes beside it are on their way. */
async function failing(): Promise<never> {
  await Item.estimatedDocumentCount();
  const error = new mongoose.mongo.MongoError('to be run again');
  error.addErrorLabel('TransientTransactionError');
  throw error;
}
