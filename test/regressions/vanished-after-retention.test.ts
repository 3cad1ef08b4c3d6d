import { expect, test } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { headsOf, recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const confirm = true;
let made = 0;

/** A model whose documents have versions 0 to 3, of which only the current one is left in the collection. */
async function trimmed(options: ChronosPluginOptions['retention']) {
  made += 1;
  const clock = { day: 0, now: () => new Date(Date.UTC(2026, 0, 1) + clock.day * DAY) };
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, n: Number } as never);
  schema.plugin(chronos, { clock, retention: { days: 10, ...options } });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`Vanished${made}`, schema);
  for (clock.day = 0; clock.day < 80; clock.day += 20) {
    for (const _id of ['a', 'b']) await Doc.updateOne({ _id }, { n: clock.day }, { upsert: true });
  }
  clock.day = 200;
  await retain(Doc);
  expect(await recordsOf(Doc).countDocuments()).toBe(0);
  return { Doc, clock };
}

const vanish = (Doc: unknown, _id: string) => headsOf(Doc).deleteOne({ _id } as never);
const rollup = () => ({ rollup: { versions: new MemoryPayloadStore() } });

test.each([
  ['created', (Doc: ChronosModelType<Doc>) => Doc.create({ _id: 'a', n: 7 })],
  ['inserted', (Doc: ChronosModelType<Doc>) => Doc.insertMany([{ _id: 'a', n: 7 }])],
  ['upserted', (Doc: ChronosModelType<Doc>) => Doc.updateOne({ _id: 'a' }, { n: 7 }, { upsert: true })],
  ['restored', (Doc: ChronosModelType<Doc>) => Doc.restore('a', { ov: 1 })],
])(
  '%s again after it vanished unseen, a document whose versions have left goes on with its numbers',
  async (_title, write) => {
    const { Doc, clock } = await trimmed(rollup());
    await vanish(Doc, 'a');
    await write(Doc);
    await Doc.updateOne({ _id: 'a' }, { n: 8 });
    expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([5, 4, 2, 1, 0]);
    expect(await Doc.getVersion('a', 0)).toMatchObject({ n: 0 });
    expect(await Doc.verify()).toMatchObject({ ok: true, counts: { gap: 1 } });
    clock.day = 300;
    await retain(Doc);
    await vanish(Doc, 'a');
    await Doc.create({ _id: 'a', n: 9 });
    expect((await Doc.history('a', { limit: 1 })).map(({ ov }) => ov)).toEqual([6]);
  },
);

test('what was dropped does not lend its numbers to another version either', async () => {
  const { Doc } = await trimmed({});
  await vanish(Doc, 'a');
  await Doc.create({ _id: 'a', n: 7 });
  expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([4]);
  await expect(Doc.getVersion('a', 0)).rejects.toMatchObject({ name: 'BeyondRetentionError' });
});

test('what has left of a document that vanished unseen is erased, and its numbers go on', async () => {
  const { Doc } = await trimmed(rollup());
  await vanish(Doc, 'a');
  expect(await Doc.hardDelete({ id: 'a' }, { confirm })).toMatchObject({ documents: 1, versions: 3 });
  expect(await Doc.getVersion('a', 0)).toBe(null);
  expect((await Doc.history('a')).map(({ ov, op }) => [ov, op])).toEqual([[4, 'ERASE']]);
  await Doc.create({ _id: 'a', n: 7 });
  expect((await Doc.history('a')).map(({ ov }) => ov)).toEqual([5, 4]);
  expect((await Doc.history('b')).map(({ ov }) => ov)).toEqual([3, 2, 1, 0]);
});

test('of an erasure and a create of a vanished document at the same time one comes first', async () => {
  const { Doc } = await trimmed(rollup());
  await vanish(Doc, 'a');
  await Promise.all([Doc.hardDelete({ id: 'a' }, { confirm }), Doc.create({ _id: 'a', n: 7 })]);
  const ovs = (await Doc.history('a')).map(({ ov }) => ov);
  expect(new Set(ovs).size).toBe(ovs.length);
  expect(await Doc.getVersion('a', 0)).toBe(null);
  expect(await Doc.verify()).toMatchObject({ ok: true });
});
