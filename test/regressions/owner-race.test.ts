import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mongoose';
import { afterAll, expect, inject, test } from 'vitest';
import { ConfigError, FilePayloadStore } from '../../src/index.ts';
import { type Owned, requireOwned } from '../../src/offload/owner.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';

const mongoose = await testDatabase();
const directory = await mkdtemp(join(tmpdir(), 'chronos-race-'));
const dbName = `${mongoose.connection.name}-2`;
const other = await mongoose.createConnection(inject('mongoUri'), { dbName }).asPromise();

afterAll(async () => {
  await other.dropDatabase();
  await other.close();
  await rm(directory, { recursive: true, force: true });
});

/** The same directory for each process, and something of its own around it. */
class GatedStore extends FilePayloadStore {
  /** Some services do not know `If-None-Match`, and replace the object. */
  knowsIfAbsent = true;
  beforePut: () => Promise<void> = async () => {};
  /** Told which call of its kind has come to its end: `put 1`, `get 2`. */
  after: (call: string) => void = () => {};
  #puts = 0;
  #gets = 0;

  override async put(...[key, body, options]: Parameters<FilePayloadStore['put']>) {
    await this.beforePut();
    const call = `put ${++this.#puts}`;
    const ifAbsent = this.knowsIfAbsent && options?.ifAbsent === true;
    return super.put(key, body, { ...options, ifAbsent }).finally(() => this.after(call));
  }

  override async get(...args: Parameters<FilePayloadStore['get']>) {
    const call = `get ${++this.#gets}`;
    return super.get(...args).finally(() => this.after(call));
  }
}

function side({ db }: Connection, prefix: string, knowsIfAbsent: boolean) {
  const store = new GatedStore(directory);
  store.knowsIfAbsent = knowsIfAbsent;
  const head = db?.collection('memos');
  const address = { prefix, collection: 'memos' };
  return { store, owned: { head, address } as Owned };
}

type Side = ReturnType<typeof side>;

/** Each of the two finds nobody, and the second one puts only once a call of the first one has come to its end. */
async function race([first, second]: readonly [Side, Side], call: string): Promise<PromiseSettledResult<unknown>[]> {
  const [firstLooked, secondLooked, over] = [gate(), gate(), gate()];
  first.store.after = (ended) => {
    if (ended === 'get 1') firstLooked.open();
    if (ended === call) over.open();
  };
  second.store.after = secondLooked.open;
  first.store.beforePut = () => secondLooked.opened;
  second.store.beforePut = async () => {
    await firstLooked.opened;
    await over.opened;
  };
  return Promise.allSettled([first, second].map(({ store, owned }) => requireOwned(owned, store)));
}

test('of two databases that come at the same time the first one has the objects', async () => {
  const sides = [side(mongoose.connection, 'raced', true), side(other, 'raced', true)] as const;
  const [first, second] = await race(sides, 'get 2');
  expect(first).toMatchObject({ status: 'fulfilled' });
  expect(second).toMatchObject({ status: 'rejected', reason: expect.any(ConfigError) });
});

test('where the store does not tell who comes first it is one of them all the same', async () => {
  const sides = [side(mongoose.connection, 'blurred', false), side(other, 'blurred', false)] as const;
  const [first, second] = await race(sides, 'put 2');
  expect(first).toMatchObject({ status: 'rejected', reason: expect.any(ConfigError) });
  expect(second).toMatchObject({ status: 'fulfilled' });
});
