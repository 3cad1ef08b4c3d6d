import { afterAll, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { SwitchedStore } from '../support/switched-store.ts';

interface Slip {
  _id: string;
  title: string;
  text: string;
}

/** As many as are uploaded at once. */
const NAMES = [...'abcdefgh'];

const mongoose = await testDatabase();
const monitored = { dbName: mongoose.connection.name, monitorCommands: true } as const;
const connection = await mongoose.createConnection(inject('mongoUri'), monitored).asPromise();
const store = new SwitchedStore();
const schema = new mongoose.Schema<Slip, ChronosModelType<Slip>>(
  { _id: String, title: String, text: String } as never,
  { collection: 'slips' } as never,
);
const writeOptimization = { batchS3: true, batchWindowMs: 600_000 };
schema.plugin(chronos, { indexed: ['title'], payload: { json: store, writeOptimization } });
const Slips = connection.model<Slip, ChronosModelType<Slip>>('Slip', schema);
const [heads, versions] = [connection.collection('slips'), connection.collection('slips_ver')];

let marks = 0;
connection.getClient().on('commandStarted', ({ command }) => {
  if (command.updates?.[0].u.$set?.['_system.payload'] !== undefined) marks += 1;
});

/** Has versions uploaded at once, and does something when their payloads are about to be put. */
async function uploadedTogether(ids: readonly string[], meanwhile: () => Promise<void>): Promise<void> {
  await Slips.create(ids.map((_id) => ({ _id, title: 't', text: 'new' })));
  await Slips.flush();
  const [arrived, door] = [gate(), gate()];
  let awaited = ids.length;
  store.beforePut = async () => {
    awaited -= 1;
    if (awaited === 0) arrived.open();
    await door.opened;
  };
  await Promise.all(ids.map((_id) => Slips.updateOne({ _id }, { text: `changed ${_id}` })));
  const flushed = Slips.flush();
  await arrived.opened;
  await meanwhile();
  marks = 0;
  door.open();
  await flushed;
  store.beforePut = async () => {};
}

afterAll(() => connection.close());

test('versions that are stored at the same time are marked by one command', async () => {
  await uploadedTogether(NAMES, async () => {});
  expect(await heads.distinct('_system.state')).toEqual(['new']);
  // The first one goes at once, and takes nobody along.
  expect(marks).toBe(2);
});

test('each of them is marked where it is by then, or not at all', async () => {
  const ids = NAMES.map((name) => `other-${name}`);
  const [alone, same, superseded, deleted, erased, gone, refused, last] = ids as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  await uploadedTogether(ids, async () => {
    await Slips.updateOne({ _id: superseded }, { text: 'again' });
    await Slips.deleteOne({ _id: deleted });
    await Slips.hardDelete({ id: erased }, { confirm: true });
    await heads.deleteOne({ _id: gone as never });
    await connection.db?.command({ collMod: 'slips', validator: { text: { $ne: `changed ${refused}` } } });
  });
  const found = await heads.find({ _id: { $in: ids } } as object, { sort: { _id: 1 } }).toArray();
  expect(found.map(({ _id }) => _id)).toEqual([alone, same, superseded, refused, last]);
  expect(await heads.distinct('_system.state')).toEqual(['new']);
  expect(await versions.distinct('_system.state')).toEqual(['new']);
  for (const id of [superseded, deleted]) {
    expect(await Slips.getVersion(id, 1, { lean: true })).toMatchObject({ text: `changed ${id}` });
  }
  await Slips.markItemsAsProcessedByTTL(0, { confirm: true });
  expect(await Slips.findById(refused).lean()).toMatchObject({ text: `changed ${refused}` });
  const keysOf = async (id: string) => (await store.keys()).filter((key) => key.includes(id)).length;
  expect([await keysOf(alone), await keysOf(erased)]).toEqual([2, 0]);
});
