import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { type ChronosModelType, chronos, DocumentTooLargeError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

// A version that does not go into MongoDB as a whole made an import fail with a RangeError of the serializer's.
const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  file?: string;
}

function modelOf(collection: string): ChronosModelType<File> {
  const fields = { _id: String, title: String, file: String } as never;
  const schema = new mongoose.Schema<File, ChronosModelType<File>>(fields, { collection } as never);
  schema.plugin(chronos, {
    indexed: ['title'],
    base64: { file: { contentType: 'text/plain' } },
    payload: { json: new SwitchedStore(collection), prefix: collection },
  });
  return mongoose.model<File, ChronosModelType<File>>(collection, schema);
}

test('an import of a version above 16 MiB is refused by name, and nothing of that document is put', async () => {
  const [from, to] = [modelOf('from'), modelOf('to')];
  await from.create({ _id: 'a', title: 'a', file: Buffer.alloc(13_000_000, 'large').toString('base64') });
  await from.updateOne({ _id: 'a' }, { $set: { file: 'YWJj' } });
  const out = new PassThrough();
  const chunks: Buffer[] = [];
  out.on('data', (chunk: Buffer) => chunks.push(chunk));
  await from.exportHistory(out);
  const failed = await to.importHistory(Readable.from(chunks)).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(DocumentTooLargeError);
  expect(failed).toMatchObject({ collection: 'to', id: 'a' });
  expect(await headsOf(to).countDocuments()).toBe(0);
  expect(await recordsOf(to).countDocuments()).toBe(0);
});
