import type { Mongoose } from 'mongoose';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos, StorageError } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { type RunningMongo, startMongo } from '../support/servers.ts';
import { SwitchedStore } from '../support/switched-store.ts';

interface Paper {
  _id: string;
  text: string;
}

type PaperModel = ChronosModelType<Paper>;

const { Mongoose: MongooseClass } = await mongooseUnderTest();
const dbName = `owned-${process.env.VITEST_POOL_ID}-${process.pid}`;
const opened: Mongoose[] = [];
let other: RunningMongo;

beforeAll(async () => {
  other = await startMongo({ progress: () => undefined });
});

afterAll(async () => {
  for (const mongoose of opened) await mongoose.connection.dropDatabase();
  await Promise.all(opened.map((mongoose) => mongoose.disconnect()));
  await other.stop();
});

/** A model in a process of its own, as far as the library can tell. */
async function papers(uri: string, store: SwitchedStore, options: { dbName?: string; prefix?: string } = {}) {
  const mongoose = new MongooseClass();
  opened.push(mongoose);
  await mongoose.connect(uri, { dbName: options.dbName ?? dbName });
  const schema = new mongoose.Schema<Paper, PaperModel>(
    { _id: String, text: String } as never,
    { collection: 'papers' } as never,
  );
  const prefix = options.prefix === undefined ? {} : { prefix: options.prefix };
  schema.plugin(chronos, { payload: { json: store, ...prefix } });
  return mongoose.model<Paper, PaperModel>('Paper', schema);
}

test('databases of one name on two clusters are told apart in one store', async () => {
  const store = new SwitchedStore('memory json');
  const Ours = await papers(inject('mongoUri'), store);
  await Ours.create({ _id: 'a', text: 'ours' });
  await Ours.flush();
  const Theirs = await papers(other.uri, store);
  const refusal = await Theirs.create({ _id: 'a', text: 'theirs' }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ConfigError);
  expect(String(refusal)).toMatch(/another replica set .* a prefix of its own/);
  expect(String(refusal)).not.toContain('mongodb://');
  await expect(Theirs.sweep({ confirm: true, graceMs: 0 })).rejects.toThrow(ConfigError);
  expect(await store.keys(`${dbName}/papers/`)).toHaveLength(1);

  const Again = await papers(inject('mongoUri'), store);
  await Again.updateOne({ _id: 'a' }, { text: 'again' });
  await Again.flush();
  const Apart = await papers(other.uri, store, { prefix: 'theirs' });
  await Apart.create({ _id: 'a', text: 'theirs' });
  await Apart.flush();
  expect(await store.keys('theirs/papers/')).toHaveLength(1);
});

test('so are two databases of one cluster under one prefix', async () => {
  const store = new SwitchedStore('memory json');
  const One = await papers(inject('mongoUri'), store, { prefix: 'app' });
  await One.create({ _id: 'one', text: 'one' });
  const Two = await papers(inject('mongoUri'), store, { prefix: 'app', dbName: `${dbName}-2` });
  await expect(Two.create({ _id: 'two', text: 'two' })).rejects.toThrow(/belong to the database owned/);
});

test('a database that has taken the place of another one says so by deleting the owner', async () => {
  const store = new SwitchedStore('memory json');
  await (await papers(inject('mongoUri'), store)).create({ _id: 'b', text: 'old' });
  const Moved = await papers(other.uri, store);
  const refusal = await Moved.create({ _id: 'b', text: 'new' }).catch((error: unknown) => error);
  const [, key = ''] = /delete the object (\S+),/.exec(String(refusal)) ?? [];
  await store.delete(key);
  await Moved.create({ _id: 'b', text: 'new' });
  await Moved.flush();
});

test('a store that does not answer delays no write, and nothing is stored there before it has', async () => {
  const store = new SwitchedStore('memory json');
  await (await papers(inject('mongoUri'), store, { prefix: 'late' })).create({ _id: 'c', text: 'ours' });
  const Late = await papers(other.uri, store, { prefix: 'late' });
  store.isOn = false;
  await Late.create({ _id: 'c', text: 'theirs' });
  store.isOn = true;
  const failure = await Late.flush({ deadlineMs: 200 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StorageError);
  expect((failure as StorageError).cause).toBeInstanceOf(ConfigError);
  expect((await Late.findById('c'))?.text).toBe('theirs');
});
