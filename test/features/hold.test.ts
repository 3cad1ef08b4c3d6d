import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const confirm = true;
let made = 0;

async function held(options: ChronosPluginOptions) {
  made += 1;
  const clock = { day: 0, now: () => new Date(Date.UTC(2026, 0, 1) + clock.day * DAY) };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, n: Number } as never);
  schema.plugin(chronos, { clock, ...options });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`Held${made}`, schema);
  for (let n = 0; n < 3; n++) {
    clock.day = n;
    for (const _id of ['held', 'other']) await Doc.updateOne({ _id }, { n }, { upsert: true });
  }
  await Doc.hold('held', { actor: 'legal', reason: 'case 7' });
  clock.day = 60;
  return Doc;
}

test.each([
  ['dropped', {}],
  ['rolled up', { rollup: { versions: new MemoryPayloadStore() } }],
] as const)('no version of a held document is %s until it is released', async (_title, more) => {
  const Doc = await held({ retention: { days: 10, ...more } });
  const left = () => recordsOf(Doc).countDocuments({ '_id.id': 'held' } as never);
  await retain(Doc);
  expect(await left()).toBe(2);
  expect(await recordsOf(Doc).countDocuments()).toBe(2);
  expect(await Doc.releaseHold('held')).toBe(true);
  expect(await Doc.releaseHold('held')).toBe(false);
  await retain(Doc);
  expect(await left()).toBe(0);
});

test('a held document is not erased, whoever asks for it', async () => {
  const Doc = await held({});
  const refusal = { name: 'LegalHoldError', code: 'CHRONOS_LEGAL_HOLD', id: 'held' };
  await expect(Doc.hardDelete({ id: 'held' }, { confirm })).rejects.toMatchObject(refusal);
  expect((await Doc.history('held')).map(({ ov }) => ov)).toEqual([2, 1, 0]);
  await Doc.deleteOne({ _id: 'held' });
  expect(await Doc.getVersion('held', 0)).toMatchObject({ n: 0 });
  await Doc.releaseHold('held');
  expect(await Doc.hardDelete({ id: 'held' }, { confirm })).toMatchObject({ documents: 1 });
  const Erasing = await held({ logicalDelete: { enabled: false } });
  await expect(Erasing.deleteOne({ _id: 'held' })).rejects.toMatchObject(refusal);
  expect(await Erasing.findById('held')).toMatchObject({ n: 2 });
  await Erasing.deleteOne({ _id: 'other' });
  expect(await Erasing.findById('other')).toBe(null);
});

test('where no versions are kept none can be held', async () => {
  await expect(held({ versioning: { enabled: false } })).rejects.toMatchObject({ name: 'VersioningDisabledError' });
});

test.each([
  ['ids', { ids: ['other', 'held'] }],
  ['a filter', { filter: {} }],
] as const)('where one of several documents is held none is erased, told by %s', async (_title, target) => {
  const Doc = await held({});
  const refusal = { name: 'LegalHoldError', id: 'held' };
  await expect(Doc.hardDelete(target, { dryRun: true })).rejects.toMatchObject(refusal);
  await expect(Doc.hardDelete(target, { confirm })).rejects.toMatchObject(refusal);
  expect((await Doc.history('other')).map(({ ov }) => ov)).toEqual([2, 1, 0]);
  await Doc.releaseHold('held');
  expect(await Doc.hardDelete(target, { confirm })).toMatchObject({ documents: 2 });
});
