import { afterAll, expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body: string;
}

const json = new SwitchedStore('memory json');
const confirm = true;
const OFF = { enabled: false };
const opened: (typeof mongoose)[] = [];
afterAll(() => Promise.all(opened.map((one) => one.disconnect())));

/** A model as a process of its own has it. */
async function filesOf(collection: string, options: ChronosPluginOptions) {
  const on = new mongoose.Mongoose();
  opened.push(on);
  const { hosts, replicaSet } = mongoose.connection.getClient().options;
  await on.connect(`mongodb://${hosts.join(',')}/?replicaSet=${replicaSet}`, { dbName: mongoose.connection.name });
  const definition = { _id: String, title: String, body: String } as never;
  const schema = new on.Schema<File, ChronosModelType<File>>(definition, { collection } as never);
  schema.plugin(chronos, { indexed: ['title'], payload: { json, prefix: 'app' }, ...options });
  return on.model<File, ChronosModelType<File>>('File', schema);
}

type Files = Awaited<ReturnType<typeof filesOf>>;

async function live(Files: Files, life: string, versions = 4): Promise<void> {
  await Files.create([{ _id: 'a', title: 't', body: `${life} 0` }]);
  for (let n = 1; n < versions; n++) await Files.updateOne({ _id: 'a' }, { body: `${life} ${n}` });
  await Files.flush();
  await Files.markItemAsProcessed('a', { confirm });
}

/** What an erasure leaves undone while object storage does not answer. */
async function whileAway(Files: Files, erase: () => Promise<unknown>): Promise<void> {
  json.isOn = false;
  await erase().catch((error: Error) => expect(error.name).toBe('StorageError'));
  await Files.flush();
  json.isOn = true;
}

async function bodies(Files: Files) {
  return (await Files.history('a', { lean: true })).map(({ ov, doc }) => [ov, doc?.body]);
}

const LEFT = [
  [3, 'second 3'],
  [2, 'second 2'],
  [1, 'second 1'],
  [0, 'second 0'],
];

const CASES: Record<string, { before: boolean; erase: (Files: Files) => Promise<unknown> }> = {
  'a deletion': { before: false, erase: (Files) => Files.deleteOne({ _id: 'a' }).exec() },
  hardDelete: { before: false, erase: (Files) => Files.hardDelete({ id: 'a' }, { confirm }) },
  'a deletion of a document that had versions once': {
    before: true,
    erase: (Files) => Files.deleteOne({ _id: 'a' }).exec(),
  },
};

test.each(Object.keys(CASES))(
  'a later life with versions loses nothing by an erasure without versions that is finished then: %s',
  async (name) => {
    const { before, erase } = CASES[name]!;
    const collection = `files${Object.keys(CASES).indexOf(name)}`;
    if (before) await live(await filesOf(collection, {}), 'zeroth');
    const Bare = await filesOf(collection, { versioning: OFF, logicalDelete: OFF });
    if (before) await Bare.updateOne({ _id: 'a' }, { body: 'first 4' });
    else await live(Bare, 'first', 9);
    await Bare.flush();
    const old = await json.keys(`app/${collection}/s.a/`);
    expect(old).not.toEqual([]);
    await whileAway(Bare, () => erase(Bare));
    const Files = await filesOf(collection, {});
    await live(Files, 'second');
    const own = (await json.keys(`app/${collection}/s.a/`)).filter((key) => !old.includes(key));
    expect((await Files.verify()).counts).toEqual({ 'unfinished-erasure': 1 });
    await Files.deleteOne({ _id: 'a' });
    await Files.flush();
    expect((await Files.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
    expect(await json.keys(`app/${collection}/s.a/`)).toEqual(own);
    expect(await bodies(Files)).toEqual([[4, undefined], ...LEFT]);
    expect(await Files.verify()).toMatchObject({ ok: true, findings: [] });
  },
);

test.each([
  ['deletions', { versioning: OFF }],
  ['deletions that erase', { versioning: OFF, logicalDelete: OFF }],
] as const)('of two erasures of one id that wait for object storage neither is forgotten: %s', async (_, options) => {
  const collection = `twice-${Object.keys(options).length}`;
  const Bare = await filesOf(collection, options);
  for (const life of ['first', 'second']) {
    await live(Bare, life, life === 'first' ? 4 : 1);
    await whileAway(Bare, () => Bare.deleteOne({ _id: 'a' }).exec());
  }
  await live(Bare, 'third', 1);
  expect(await json.keys(`app/${collection}/s.a/`)).toHaveLength(3);
  expect((await Bare.recover()).repaired).toEqual({ 'unfinished-erasure': 2 });
  expect(await json.keys(`app/${collection}/s.a/`)).toHaveLength(1);
  expect(await Bare.findById('a').lean()).toMatchObject({ body: 'third 0' });
});

test('an erasure finishes earlier ones of the same id', async () => {
  const Bare = await filesOf('thrice', { versioning: OFF });
  await live(Bare, 'first');
  await whileAway(Bare, () => Bare.deleteOne({ _id: 'a' }).exec());
  await live(Bare, 'second', 1);
  await Bare.deleteOne({ _id: 'a' });
  await Bare.flush();
  expect(await json.keys('app/thrice/s.a/')).toEqual([]);
});
