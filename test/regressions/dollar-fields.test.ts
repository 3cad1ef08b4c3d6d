import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

/** The server stores fields that begin with `$`, but takes no replacement that has them. */

const mongoose = await testDatabase();

interface Doc {
  _id: number;
  n: number;
  $set?: object;
}

const STORE = new MemoryPayloadStore();
const KINDS: Readonly<Record<string, ChronosPluginOptions>> = {
  'in MongoDB': {},
  'in object storage': { payload: { json: STORE, prefix: 'app' }, indexed: ['n'] },
  'with all but their blobs in MongoDB': { payload: { json: STORE, prefix: 'all' }, base64: { file: { contentType: 'a/b' } } }, // biome-ignore format: short
};

test.each(Object.entries(KINDS))(
  'documents %s keep fields that begin with $ whatever is done to them',
  async (name, options) => {
    const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: Number, n: Number }, { strict: false });
    schema.plugin(chronos, options);
    const Docs = mongoose.model<Doc, ChronosModelType<Doc>>(name, schema);
    const leave = async () => {
      await Docs.flush();
      await Docs.markItemsAsProcessedByTTL(0, { confirm: true });
    };
    const odd = { $set: { a: 1 }, $oid: 'x' };
    await Docs.collection.insertMany([1, 2].map((_id) => ({ _id: _id as never, n: 0, ...odd })));
    if (options.payload !== undefined) await leave();
    await Docs.updateMany({}, { n: 1 });
    if (options.payload !== undefined) await leave();
    await Docs.enrich(1, { n: 2 });
    expect(await Docs.findById(1).lean()).toEqual({ _id: 1, n: 2, ...odd });
    await Docs.restore(1, { ov: 0 });
    expect(await Docs.findById(1).lean()).toEqual({ _id: 1, n: 0, ...odd });
    await Promise.all([1, 2].map((_id) => Docs.restore(_id, { ov: 1 })));
    expect(await Docs.find().sort('_id').lean()).toEqual([1, 2].map((_id) => ({ _id, n: 1, ...odd })));
    expect((await Docs.history(1, { lean: true })).map(({ op, doc }) => [op, doc?.n])).toEqual([
      ['RESTORE', 1],
      ['RESTORE', 0],
      ['ENRICH', 2],
      ['UPDATE', 1],
      ['CREATE', 0],
    ]);
  },
);
