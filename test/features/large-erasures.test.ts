import { beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { gate } from '../support/gate.ts';
import { shortened } from '../support/shortened.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title?: string;
  file?: string;
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');

function modelOf(collection: string, enabled: boolean): ChronosModelType<File> {
  const fields = { _id: String, title: String, file: String } as never;
  const schema = new mongoose.Schema<File, ChronosModelType<File>>(fields, { collection, versionKey: false } as never);
  schema.plugin(chronos, {
    indexed: ['title'],
    base64: { file: { contentType: 'text/plain' } },
    payload: { json, content, prefix: 'app' },
    versioning: { enabled },
  });
  return mongoose.model<File, ChronosModelType<File>>(collection, schema);
}

const models = { 'with versions': modelOf('files', true), 'without versions': modelOf('bare', false) };
const Files = models['with versions'];
const file = Buffer.alloc(9_100_000, 'large').toString('base64');
const confirm = true;

/** Every way in which a large document comes into being under an id of its own. */
const inserts: Record<string, (model: ChronosModelType<File>, _id: string) => PromiseLike<unknown>> = {
  create: (model, _id) => model.create({ _id, file }),
  upsert: (model, _id) => model.updateOne({ _id }, { $set: { file } }, { upsert: true }).exec(),
};
const cases = Object.entries(models).flatMap(([kind, model]) => {
  return Object.entries(inserts).map(([name, insert]) => ({ kind, model, name, insert }));
});

/** Begins a write, and does something when its blobs are stored and it is not committed yet. */
async function between(write: () => PromiseLike<unknown>, meanwhile: () => Promise<unknown>): Promise<unknown> {
  const [arrived, door] = [gate(), gate()];
  json.beforePut = async () => {
    json.beforePut = async () => {};
    arrived.open();
    await door.opened;
  };
  const written = Promise.resolve(write());
  await arrived.opened;
  await meanwhile();
  door.open();
  return written;
}

beforeEach(async () => {
  for (const model of Object.values(models)) await model.flush();
});

test.each(cases)('a large document of a new life survives the end of an erasure: $name, $kind', async (one) => {
  const { model, name, insert } = one;
  await model.create({ _id: name, file: 'YWJj' });
  await model.flush();
  content.isOn = false;
  await expect(model.hardDelete({ id: name }, { confirm })).rejects.toThrow();
  content.isOn = true;
  await between(
    () => insert(model, name),
    async () => expect((await model.recover()).repaired).toEqual({ 'unfinished-erasure': 1 }),
  );
  expect(shortened((await model.findById(name).lean())?.file)).toBe(shortened(file));
  await model.hardDelete({ id: name }, { confirm });
  expect(await content.keys(`app/${model.collection.collectionName}/s.${name}/`)).toEqual([]);
});

test.each(Object.entries(inserts))(
  'a large %s that an erasure of its id has overtaken stores its blobs anew',
  async (name, insert) => {
    const _id = `again ${name}`;
    await Files.create({ _id, title: 'first' });
    await Files.deleteOne({ _id });
    await Files.flush();
    await between(
      () => insert(Files, _id),
      () => Files.hardDelete({ id: _id }, { confirm }),
    );
    expect(shortened(await Files.findById(_id).lean())).toEqual(shortened({ _id, file }));
    expect((await Files.verify({ objects: true })).ok).toBe(true);
  },
);

test('an update whose document is erased before it is committed changes nothing, and what it has put goes later', async () => {
  await Files.create({ _id: 'u', title: 'first' });
  await Files.flush();
  const updated = await between(
    () => Files.updateOne({ _id: 'u' }, { $set: { file } }).exec(),
    () => Files.hardDelete({ id: 'u' }, { confirm }),
  );
  expect(updated).toMatchObject({ matchedCount: 0, modifiedCount: 0 });
  expect(await Files.findById('u')).toBeNull();
  const locks = mongoose.connection.collection('files_locks');
  await locks.updateMany({ again: { $exists: true } }, { $set: { again: new Date(0) } });
  await Files.recover();
  const left = [...(await json.keys('app/files/s.u/')), ...(await content.keys('app/files/s.u/'))];
  expect(left).toEqual([]);
});
