import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FilePayloadStore, type SystemFields } from '../../src/index.ts';
import { listAll } from '../../src/payload/payload-store.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { killAtSteps } from '../support/kill-at-steps.ts';
import { killableScript } from '../support/killable-script.ts';
import { serverForKills } from '../support/server-for-kills.ts';
import { FILE, type Paper, type PaperModel, paperModel, seedPapers, textOf } from './payload-writer.ts';

const mongoose = await mongooseUnderTest();
const uri = await serverForKills(mongoose, 'payload-kills');
const script = await killableScript('test/faults/payload-killed-child.ts');
const directory = await mkdtemp(join(tmpdir(), 'chronos-kills-'));

afterAll(() => rm(directory, { recursive: true, force: true }));

/** What a document may be: as it was seeded, or as its write leaves it. */
const OUTCOMES: Readonly<Record<string, readonly unknown[]>> = {
  created: [undefined, 2],
  updated: [1, 2],
  deleted: [1, undefined],
  replaced: [1, 2],
};

test('killed at any step of a write, an upload or a mark, a process loses no payload and leaves no broken reference', {
  timeout: 300_000,
}, async () => {
  const { Model } = await seeded('all');
  const { killed, sent } = await script.run(uri, 'all', join(directory, 'all'), '0');
  expect(killed).toBe(false);
  await check('all', Model);
  // A count that shrinks unseen would make this test one of nothing.
  expect(sent).toBeGreaterThan(30);
  await killAtSteps(sent, 1, killAndCheck);
});

async function seeded(collection: string) {
  const store = new FilePayloadStore(join(directory, collection));
  const Model = paperModel(mongoose, collection, store);
  await seedPapers(Model);
  return { Model, store };
}

async function killAndCheck(nth: number): Promise<void> {
  const collection = `kill-${nth}`;
  const { Model } = await seeded(collection);
  await script.run(uri, collection, join(directory, collection), String(nth));
  await check(collection, Model);
}

async function check(collection: string, Model: PaperModel): Promise<void> {
  expect(await Model.recover(), collection).toMatchObject({ ok: true, repaired: {} });
  await Model.flush();
  const found = new Map((await Model.find().lean()).map((one) => [one._id, one]));
  for (const [id, outcomes] of Object.entries(OUTCOMES)) {
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
  await expectObjects(join(directory, collection), systems);
}

function expectWhole(paper: Paper | null): void {
  if (paper === null) return;
  expect(paper.text).toBe(textOf(paper.n));
  expect([FILE, undefined]).toContain(paper.file);
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
