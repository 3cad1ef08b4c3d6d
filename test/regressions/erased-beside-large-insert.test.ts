import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Report {
  _id: string;
  n?: number;
  pdf?: string;
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');
const schema = new mongoose.Schema<Report, ChronosModelType<Report>>({ _id: String, n: Number, pdf: String } as never);
schema.plugin(chronos, {
  base64: { pdf: { contentType: 'application/pdf' } },
  payload: { json, content, prefix: 'app' },
  versioning: { enabled: false },
});
const Reports = mongoose.model<Report, ChronosModelType<Report>>('Report', schema);
const pdf = Buffer.alloc(14_000_000, 'large').toString('base64');

test.each([
  ['created', (_id: string) => Reports.create({ _id, pdf })],
  ['upserted', (_id: string) => Reports.replaceOne({ _id }, { pdf }, { upsert: true })],
])('a large document %s while the one before it is erased keeps its blobs', async (_id, write) => {
  await Reports.create({ _id, n: 1 });
  await Reports.flush();
  const erased = { done: false };
  json.beforePut = async () => {
    if (erased.done) return;
    erased.done = true;
    await Reports.hardDelete({ id: _id }, { confirm: true });
  };
  await write(_id);
  expect(erased.done).toBe(true);
  expect((await Reports.findById(_id).lean())?.pdf).toHaveLength(pdf.length);
  expect(await Reports.verify({ objects: true })).toMatchObject({ ok: true });
  await Reports.hardDelete({ id: _id }, { confirm: true });
  expect([...(await json.keys(`app/reports/s.${_id}`)), ...(await content.keys(`app/reports/s.${_id}`))]).toEqual([]);
});
