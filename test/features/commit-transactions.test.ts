import type { ClientSession, mongo } from 'mongoose';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, numbersOf, recordsOf, storedVersions, upTo } from '../support/stored.ts';

const mongoose = await testDatabase();
mongoose.set('transactionAsyncLocalStorage', true);
const schema = new mongoose.Schema({ _id: Number, n: Number, name: { type: String, unique: true, sparse: true } });
const Account = mongoose.model('Account', schema.plugin(chronos));
await Account.init();

beforeEach(async () => {
  await headsOf(Account).deleteMany({});
  await recordsOf(Account).deleteMany({});
  await Account.create(upTo(4).map((_id) => ({ _id, n: 0 })));
});

const states = async () => ({
  heads: await headsOf(Account)
    .find({}, { sort: { _id: 1 } })
    .toArray(),
  records: await recordsOf(Account)
    .find({}, { sort: { _id: 1 } })
    .toArray(),
});

class Abort extends Error {}

/** Every kind of write, in the session given or in the one of the async context. */
async function writeAll(session?: ClientSession): Promise<void> {
  const inSession: { session?: ClientSession } = session === undefined ? {} : { session };
  await new Account({ _id: 10, n: 1 }).save(inSession);
  await Account.create([{ _id: 11, n: 1 }], inSession);
  await Account.insertMany([{ _id: 12 }, { _id: 13 }], inSession);
  const document = await Account.findById(0, null, inSession).orFail();
  document.n = 1;
  await document.save(inSession);
  await Account.updateOne({ _id: 1 }, { $inc: { n: 1 } }, inSession);
  await Account.updateMany({ _id: { $gte: 10 } }, { $inc: { n: 1 } }, inSession);
  await Account.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, inSession);
  await Account.replaceOne({ _id: 2 }, { n: 5 }, inSession);
  await Account.updateOne({ _id: 14 }, { n: 1 }, { ...inSession, upsert: true });
  await Account.bulkWrite(
    [
      { insertOne: { document: { _id: 15, n: 0 } } },
      { updateOne: { filter: { _id: 3 }, update: { $set: { n: 3 } } } },
      { updateMany: { filter: { _id: { $lt: 3 } }, update: { $inc: { n: 10 } } } },
      { deleteOne: { filter: { _id: 15 } } },
    ],
    inSession,
  );
  const saved = await Account.find({ _id: { $in: [0, 1] } }, null, inSession);
  for (const one of saved) one.n = 100;
  await Account.bulkSave(saved, inSession);
  await Account.deleteOne({ _id: 4 }, inSession);
  await Account.deleteMany({ _id: { $in: [12, 13] } }, inSession);
  await versioned(Account).enrich(11, { n: 7 }, inSession);
  await versioned(Account).restore(14, { ov: 0 }, inSession);
  expect((await versioned(Account).getLatest(11, inSession))?.n).toBe(7);
}

describe('an aborted transaction leaves nothing', () => {
  const ways: [string, () => Promise<unknown>][] = [
    [
      'of a session of its own',
      async () => {
        const session = await mongoose.startSession();
        session.startTransaction();
        await writeAll(session);
        await session.abortTransaction();
        await session.endSession();
        throw new Abort();
      },
    ],
    [
      'of connection.transaction',
      () =>
        mongoose.connection.transaction(async (session) => {
          await writeAll(session);
          throw new Abort();
        }),
    ],
    [
      'of transactionAsyncLocalStorage',
      () =>
        mongoose.connection.transaction(async () => {
          await writeAll();
          throw new Abort();
        }),
    ],
  ];
  test.each(ways)('%s', async (_way, run) => {
    const before = await states();
    await expect(run()).rejects.toThrow(Abort);
    expect(await states()).toEqual(before);
  });
});

const COMMITTED = {
  0: upTo(3),
  1: upTo(4),
  2: upTo(2),
  3: upTo(1),
  4: upTo(1),
  10: upTo(1),
  11: upTo(2),
  12: upTo(2),
  15: upTo(1),
};

test.each([true, false])('a committed transaction makes each version once, session passed on: %s', async (passed) => {
  await mongoose.connection.transaction((session) => writeAll(passed ? session : undefined));
  for (const [id, numbers] of Object.entries(COMMITTED)) {
    expect([id, await numbersOf(Account, Number(id))]).toEqual([id, numbers]);
  }
});

test('a transaction that its owner retries makes each version once', async () => {
  let runs = 0;
  await mongoose.connection.transaction(async (session) => {
    runs += 1;
    await writeAll(session);
    if (runs > 3) return;
    const error = new mongoose.mongo.MongoServerError({ message: 'again' });
    error.addErrorLabel('TransientTransactionError');
    throw error;
  });
  expect(runs).toBe(4);
  for (const [id, numbers] of Object.entries(COMMITTED)) {
    expect([id, await numbersOf(Account, Number(id))]).toEqual([id, numbers]);
  }
});

test('after an abort a document saves as if nothing had been', async () => {
  const document = await Account.findById(0).orFail();
  await expect(
    mongoose.connection.transaction(async (session) => {
      document.n = 8;
      await document.save({ session });
      throw new Abort();
    }),
  ).rejects.toThrow(Abort);
  await document.save();
  expect((await storedVersions(Account, 0)).map(({ content }) => content?.n)).toEqual([0, 8]);
});

/** The same application name selects the commands of one test. */
async function failing(appName: string, failCommand: Record<string, unknown>): Promise<typeof mongoose> {
  const other = new mongoose.Mongoose() as typeof mongoose;
  await other.connect(inject('mongoUri'), { appName, dbName: mongoose.connection.name, heartbeatFrequencyMS: 500 });
  opened.push(other);
  const data = { ...failCommand, appName };
  await other.connection.db!.admin().command({ configureFailPoint: 'failCommand', mode: { times: 2 }, data });
  return other;
}
const opened: (typeof mongoose)[] = [];
afterAll(() => Promise.all(opened.map((other) => other.disconnect())));

const TRANSIENT = { errorCode: 112, errorLabels: ['TransientTransactionError'] };
test.each([
  ['a conflict on commit', { failCommands: ['commitTransaction'], ...TRANSIENT }],
  [
    'an unknown commit result',
    {
      failCommands: ['commitTransaction'],
      errorCode: 91,
      errorLabels: ['RetryableWriteError', 'UnknownTransactionCommitResult'],
    },
  ],
  ['a closed connection on commit', { failCommands: ['commitTransaction'], closeConnection: true }],
  ['a conflict on the version record', { failCommands: ['insert'], ...TRANSIENT }],
  ['a conflict on the update', { failCommands: ['update', 'findAndModify'], ...TRANSIENT }],
  ['a conflict on the read', { failCommands: ['find'], ...TRANSIENT }],
])('a write retried after %s makes one version', async (_name, failure) => {
  const other = await failing(`retry ${_name}`, failure);
  const Other = other.model('Account', schema.clone(), 'accounts');
  const writes = [
    () => Other.updateOne({ _id: 0 }, { $inc: { n: 1 } }).exec(),
    () => Other.updateMany({ _id: { $lt: 2 } }, { $inc: { n: 1 } }).exec(),
    () => Other.bulkWrite([{ updateOne: { filter: { _id: 0 }, update: { $inc: { n: 1 } } } }]),
  ];
  for (const write of writes) await write();
  expect((await storedVersions(Account, 0)).map(({ ov, content }) => [ov, content?.n])).toEqual(
    upTo(3).map((n) => [n, n]),
  );
});

interface Command {
  readonly name: string;
  readonly command: mongo.Document;
}

async function watched(options: Record<string, unknown>): Promise<{ commands: Command[]; Watched: typeof Account }> {
  const other = new mongoose.Mongoose() as typeof mongoose;
  const { uri, ...rest } = options as { uri?: string };
  await other.connect(uri ?? inject('mongoUri'), { dbName: mongoose.connection.name, monitorCommands: true, ...rest });
  opened.push(other);
  const commands: Command[] = [];
  other.connection.getClient().on('commandStarted', ({ commandName, command }) => {
    commands.push({ name: commandName, command });
  });
  const Watched = other.model('Account', schema.clone(), 'accounts') as unknown as typeof Account;
  await Watched.init();
  commands.length = 0;
  return { commands, Watched };
}

const sessionIds = (commands: readonly Command[]) =>
  new Set(commands.map(({ command }) => Buffer.from(command.lsid.id.buffer).toString('hex')));

test("a caller's session without a transaction is the one that is used", async () => {
  const { commands, Watched } = await watched({});
  const session = await Watched.db.startSession();
  commands.length = 0;
  await writeAllSerially(Watched, session);
  const id = Buffer.from((session.id as { id: mongo.Binary }).id.buffer).toString('hex');
  expect([...sessionIds(commands)]).toEqual([id]);
  await session.endSession();
});

async function writeAllSerially(Model: typeof Account, session: ClientSession): Promise<void> {
  await Model.create([{ _id: 20, n: 1 }], { session });
  await Model.insertMany([{ _id: 21 }, { _id: 22 }], { session });
  await Model.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session });
  await Model.updateMany({ _id: { $gte: 10 } }, { $inc: { n: 1 } }, { session });
  await Model.findOneAndUpdate({ n: 1 }, { $inc: { n: 1 } }, { session });
  await Model.bulkWrite([{ updateOne: { filter: { _id: 3 }, update: { $set: { n: 3 } } } }], { session });
  await Model.deleteOne({ _id: 4 }, { session });
}

test('parallel calls in one session without a transaction are all carried out, each as its own', async () => {
  const session = await mongoose.startSession();
  const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  await Account.updateOne({ _id: 4 }, { name: 'taken' });
  const outcomes = await Promise.allSettled(
    upTo(39).map(async (index) => {
      await pause();
      // Every fourth is refused, and must take nothing along.
      if (index % 4 === 3) return Account.updateOne({ _id: 0 }, { $set: { name: 'taken' } }, { session });
      if (index % 4 === 2) return Account.create([{ _id: 100 + index, n: 1 }], { session });
      if (index % 4 === 1) return Account.updateMany({ _id: { $lt: 3 } }, { $inc: { n: 1 } }, { session });
      return Account.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session });
    }),
  );
  const refused = outcomes.filter((outcome): outcome is PromiseRejectedResult => outcome.status === 'rejected');
  expect(refused.map(({ reason }) => reason.code)).toEqual(Array(10).fill(11000));
  expect(await Account.findById(1).lean()).toMatchObject({ n: 20 });
  expect(await numbersOf(Account, 1)).toEqual(upTo(20));
  expect(await numbersOf(Account, 0)).toEqual(upTo(10));
  expect(await headsOf(Account).countDocuments({ _id: { $gte: 100 } as never })).toBe(10);
  await session.endSession();
});

test('every transaction is snapshot, majority and primary, and every insert majority, whatever the URI says', async () => {
  const uri = `${inject('mongoUri')}${inject('mongoUri').includes('?') ? '&' : '?'}w=1&readPreference=secondaryPreferred&readConcernLevel=local`;
  const { commands, Watched } = await watched({ uri });
  await Watched.create({ _id: 20, n: 1 });
  const session = await Watched.db.startSession();
  await writeAllSerially(Watched, session).catch((error) => {
    if (error.code !== 11000) throw error;
  });
  await Watched.updateOne({ _id: 1 }, { $inc: { n: 1 } });
  await Watched.deleteMany({ n: { $gte: 0 } });
  await session.endSession();
  const begun = commands.filter(({ command }) => command.startTransaction === true);
  expect(begun.length).toBeGreaterThan(2);
  for (const { command } of begun) expect(command.readConcern).toMatchObject({ level: 'snapshot' });
  for (const { name, command } of commands) {
    if (name === 'commitTransaction') expect(command.writeConcern).toMatchObject({ w: 'majority' });
    if (command.autocommit === false)
      expect(command.$readPreference ?? { mode: 'primary' }).toEqual({ mode: 'primary' });
    if (name === 'insert' && command.autocommit === undefined) {
      expect(command.writeConcern).toMatchObject({ w: 'majority' });
    }
  }
});

test("with w=1 in the URI writes join a caller's transaction all the same", async () => {
  const { Watched } = await watched({ uri: `${inject('mongoUri')}${inject('mongoUri').includes('?') ? '&' : '?'}w=1` });
  await Watched.db.transaction(async (session) => {
    await Watched.create([{ _id: 30 }], { session });
    await Watched.insertMany([{ _id: 31 }], { session });
    await Watched.updateOne({ _id: 30 }, { n: 1 }, { session });
  });
  expect(await numbersOf(Account, 30)).toEqual([0, 1]);
});

test("an unordered bulk write that is refused in a caller's transaction fails as a whole, and is not retried", async () => {
  let runs = 0;
  const bulk = () =>
    mongoose.connection.transaction(async (session) => {
      runs += 1;
      const operations = [
        { updateOne: { filter: { _id: 0 }, update: { $set: { name: 'same' } } } },
        { updateOne: { filter: { _id: 1 }, update: { $set: { name: 'same' } } } },
        { updateMany: { filter: { _id: 2 }, update: { $set: { n: 7 } } } },
      ];
      await Account.bulkWrite(operations, { session, ordered: false });
    });
  await expect(bulk()).rejects.toMatchObject({ name: 'MongoBulkWriteError', code: 11000 });
  expect(runs).toBe(1);
  expect(await recordsOf(Account).countDocuments()).toBe(0);
});
