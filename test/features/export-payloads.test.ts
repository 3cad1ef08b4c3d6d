import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body?: string;
  file?: string;
}

type Files = ChronosModelType<File>;

function model(name: string, payload: boolean): Files {
  const fields = { _id: String, title: String, body: String, file: String };
  const schema = new mongoose.Schema<File, Files>(fields as never, { collection: name } as never);
  const stores = { json: new SwitchedStore(`${name} json`), content: new SwitchedStore(`${name} content`) };
  const base64 = { file: { contentType: 'text/plain' } };
  schema.plugin(chronos, payload ? { indexed: ['title'], base64, payload: { ...stores, prefix: name } } : {});
  return mongoose.model<File, Files>(name, schema);
}

async function exported(from: Files): Promise<Buffer> {
  const to = new PassThrough();
  const chunks: Buffer[] = [];
  to.on('data', (chunk: Buffer) => chunks.push(chunk));
  await from.exportHistory(to);
  return Buffer.concat(chunks);
}

const imported = (to: Files, file: Buffer) => to.importHistory(Readable.from([file]));

/** All versions of all documents, with their content. */
async function told(from: Files): Promise<unknown[]> {
  const ids = (await from.find({}, { _id: 1 }).sort({ _id: 1 }).lean()).map(({ _id }) => _id);
  const histories = ids.map(async (id) => from.history(id, { lean: true }));
  return Promise.all(histories);
}

test('payloads in object storage are exported whole, and imported they are stored where the collection has them', async () => {
  const source = model('sources', true);
  const file = Buffer.from('a file').toString('base64');
  await source.create([
    { _id: 'a', title: '1', body: 'one', file },
    { _id: 'b', title: '1', body: 'x' },
  ]);
  await source.updateOne({ _id: 'a' }, { body: 'two' });
  await source.flush();
  await source.markItemAsProcessed('a', { confirm: true });
  await source.updateOne({ _id: 'b' }, { title: '2' });
  const expected = await told(source);
  const out = await exported(source);

  const plain = model('plains', false);
  expect(await imported(plain, out)).toMatchObject({ inserted: 4 });
  expect(await told(plain)).toEqual(expected);

  const copy = model('copies', true);
  await imported(copy, out);
  await copy.flush();
  expect(await copy.markItemAsProcessed('a', { confirm: true })).toBe(true);
  expect(await told(copy)).toEqual(expected);
  for (const again of [source, plain, copy])
    expect(await imported(again, out)).toMatchObject({ inserted: 0, present: 4 });
  expect(await copy.verify()).toMatchObject({ ok: true, findings: [] });
  expect(await told(copy)).toEqual(expected);
});
