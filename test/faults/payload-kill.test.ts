import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FilePayloadStore, type SystemFields } from '../../src/index.ts';
import { listAll } from '../../src/payload/payload-store.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { killAtSteps } from '../support/kills/kill-at-steps.ts';
import { killableScript } from '../support/kills/killable-script.ts';
import { serverForKills } from '../support/own-server.ts';
import { FILE, LARGE_FILE, type Paper, type PaperModel, paperModel, seedPapers, textOf } from './payload-writer.ts';

const mongoose = await mongooseUnderTest();
const uri = await serverForKills(mongoose, 'payload-kills');
const script = await killableScript('test/faults/payload-killed-child.ts');
const directory = await mkdtemp(join(tmpdir(), 'chronos-kills-'));

afterAll(() => rm(directory, { recursive: true, force: true }));

/** What a document may be, by the size of what is written: as it was seeded, or as one of the writes leaves it. */
const OUTCOMES = {
  small: { created: [undefined, 2], updated: [1, 2], deleted: [1, undefined], replaced: [1, 2] },
  large: { created: [undefined, 2], updated: [1, 2, 3], deleted: [1], replaced: [1] },
} as const;

type Size = keyof typeof OUTCOMES;

/** Large ones take their time. */
const EVERY = { small: 1, large: 4 } as const;

test('killed at any step of a write, an upload or a mark, a process loses no payload and leaves no broken reference', {
  timeout: 300_000,
}, async () => {
  // A count that shrinks unseen would make this test one of nothing.
  expect(await killAtAll('small')).toBeGreaterThan(30);
});

test('so it is where blobs are stored before the document is committed, and a sweep takes what was not', {
  timeout: 300_000,
}, async () => {
  expect(await killAtAll('large')).toBeGreaterThan(20);
});

/** @returns how many steps there are */
async function killAtAll(size: Size): Promise<number> {
  const { Model } = await seeded(size);
  const { killed, sent } = await script.run(uri, size, join(directory, size), '0', size);
  expect(killed).toBe(false);
  await check(size, size, Model);
  await killAtSteps(sent, EVERY[size], (nth) => killAndCheck(size, nth));
  return sent;
}

async function seeded(collection: string) {
  const store = new FilePayloadStore(join(directory, collection));
  const Model = paperModel(mongoose, collection, store);
  await seedPapers(Model);
  return { Model, store };
}

async function killAndCheck(size: Size, nth: number): Promise<void> {
  const collection = `${size}-kill-${nth}`;
  const { Model } = await seeded(collection);
  await script.run(uri, collection, join(directory, collection), String(nth), size);
  await check(size, collection, Model);
}

async function check(size: Size, collection: string, Model: PaperModel): Promise<void> {
  expect(await Model.recover(), collection).toMatchObject({ ok: true, repaired: {} });
  await Model.flush();
  const found = new Map((await Model.find().lean()).map((one) => [one._id, one]));
  for (const [id, outcomes] of Object.entries(OUTCOMES[size])) {
    expect(outcomes, `${id} of ${collection}`).toContain(found.get(id)?.n);
    for (const { doc } of await Model.history(id, { lean: true })) expectWhole(doc as Paper | null);
  }
  const rows = await Promise.all(
    [collection, `${collection}_ver`].map((name) => mongoose.connection.collection(name).find().toArray()),
  );
  const systems = rows.flat().map(({ _system }) => _system as SystemFields);
  expect(
    systems.filter(({ state, deleted }) => state === 'new-not-synched' || (state ?? deleted) === undefined),
  ).toEqual([]);
  if (size === 'large') await Model.sweep({ confirm: true, graceMs: 0 });
  await expectObjects(join(directory, collection), systems);
}

function expectWhole(paper: Paper | null): void {
  if (paper === null) return;
  expect(paper.text).toBe(textOf(paper.n));
  expect([FILE, LARGE_FILE, undefined].includes(paper.file)).toBe(true);
}

/** Every object that is referred to is there and what it was, and there are no others. */
async function expectObjects(at: string, systems: readonly SystemFields[]): Promise<void> {
  const store = new FilePayloadStore(at);
  const objects = systems.flatMap(({ payload, blobs = [] }) => [
    ...(payload === undefined ? [] : [{ ...payload }]),
    ...blobs.map((blob) => ({ ...blob, key: blob.blobKey })),
  ]);
  for (const object of objects) await store.get(object.key, { expected: object });
  const keys: string[] = [];
  for await (const { key } of listAll(store, '')) if (!key.includes('/!owner/')) keys.push(key);
  expect(keys.sort()).toEqual([...new Set(objects.map(({ key }) => key))].sort());
}
