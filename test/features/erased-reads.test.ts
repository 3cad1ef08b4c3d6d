import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body: string;
}

const json = new SwitchedStore('memory json');
const confirm = true;

function filesOf(collection: string, options: ChronosPluginOptions) {
  const definition = { _id: String, title: String, body: String } as never;
  const schema = new mongoose.Schema<File, ChronosModelType<File>>(definition, { collection } as never);
  schema.plugin(chronos, { indexed: ['title'], payload: { json, prefix: 'app' }, ...options });
  return mongoose.model<File, ChronosModelType<File>>(collection, schema);
}

type Files = ReturnType<typeof filesOf>;

const CASES: Record<string, { Files: Files; erase: (Files: Files) => Promise<unknown> }> = {
  'a deletion that erases': {
    Files: filesOf('erased', { logicalDelete: { enabled: false } }),
    erase: (Files) => Files.deleteOne({ _id: 'a' }).exec(),
  },
  hardDelete: { Files: filesOf('hard', {}), erase: (Files) => Files.hardDelete({ id: 'a' }, { confirm }) },
};

beforeEach(() => {
  json.beforeGet = async () => {};
});

/** Reads that are waiting for the payload of a document when it is erased. */
function reads(Files: Files, between: Date): Record<string, Promise<unknown>> {
  return {
    find: Files.find({ title: 't' }).lean().exec(),
    findById: Files.findById('a').lean().exec(),
    select: Files.findById('a').select('body').lean().exec(),
    cursor: Files.find({ title: 't' }).lean().cursor().toArray(),
    aggregate: Files.aggregate([{ $match: { title: 't' } }]).exec(),
    asOf: Files.asOf(between).find({ title: 't' }).lean().exec(),
    sorted: Files.asOf(between).find({ title: 't' }).sort({ title: 1 }).limit(5).lean().exec(),
    getLatest: Files.getLatest('a', { lean: true }),
    getVersion: Files.getVersion('a', 0, { lean: true }),
    getAsOf: Files.getAsOf('a', between, { lean: true }),
    history: Files.history('a', { lean: true }).then((versions) => versions.filter(({ doc }) => doc !== null)),
  };
}

const NONE = {
  find: [],
  findById: null,
  select: null,
  cursor: [],
  aggregate: [],
  asOf: [],
  sorted: [],
  getLatest: null,
  getVersion: null,
  getAsOf: null,
  history: [],
};

test.each(Object.keys(CASES))('whoever reads a document finds none when %s comes before its payload', async (name) => {
  const { Files, erase } = CASES[name]!;
  await Files.create([{ _id: 'a', title: 't', body: 'first' }]);
  const between = new Date();
  await Files.updateOne({ _id: 'a' }, { body: 'second' });
  await Files.flush();
  await Files.markItemAsProcessed('a', { confirm });
  const erasure = gate();
  let waiting = 0;
  json.beforeGet = async () => {
    waiting += 1;
    await erasure.opened;
  };
  const answers = reads(Files, between);
  await expect.poll(() => waiting, { timeout: 20_000 }).toBeGreaterThanOrEqual(Object.keys(answers).length);
  await erase(Files);
  await Files.flush();
  expect(await json.keys(`app/${Files.collection.collectionName}/s.a/`)).toEqual([]);
  erasure.open();
  const found = await Promise.all(Object.entries(answers).map(async ([read, answer]) => [read, await answer]));
  expect(Object.fromEntries(found)).toEqual(NONE);
});

test('an object that is missing of a document that nobody has erased is told, whatever was erased before it', async () => {
  const { Files } = CASES.hardDelete!;
  await Files.create([{ _id: 'b', title: 't', body: 'erased' }]);
  await Files.hardDelete({ id: 'b' }, { confirm });
  await Files.create([{ _id: 'b', title: 't', body: 'lost' }]);
  await Files.updateOne({ _id: 'b' }, { body: 'second' });
  await Files.flush();
  await Files.markItemAsProcessed('b', { confirm });
  for (const key of await json.keys('app/hard/s.b/')) await json.delete(key);
  const reads = [() => Files.findById('b').exec(), () => Files.getVersion('b', 2), async () => Files.history('b')];
  for (const read of reads) await expect(read()).rejects.toMatchObject({ name: 'PayloadMissingError' });
});
