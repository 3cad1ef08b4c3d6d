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
import { EXPORT, JOBS, type Job, leaveOrphans, NEWEST, RETENTION, seedHistories } from './payload-jobs.ts';
import { FILE, offload, type Paper, type PaperModel, paper, paperModel, textOf } from './payload-writer.ts';

const mongoose = await mongooseUnderTest();
const uri = await serverForKills(mongoose, 'payload-jobs');
const script = await killableScript('test/faults/payload-killed-job.ts');
const directory = await mkdtemp(join(tmpdir(), 'chronos-jobs-'));

afterAll(() => rm(directory, { recursive: true, force: true }));

/** One step of so many is a last one, of fewer on Mongoose 8; `CHRONOS_TEST_KILLS=1` kills at every single step. */
const EVERY = Number(process.env.CHRONOS_TEST_KILLS ?? (process.env.CHRONOS_TEST_MONGOOSE === '8' ? 12 : 4));

/** A collection, and its objects. */
interface Collection {
  readonly name: string;
  readonly Model: PaperModel;
  readonly store: FilePayloadStore;
  readonly exports: FilePayloadStore;
  readonly at: string;
}

test.each<[Job, number]>([
  ['erase', 30],
  ['export', 4],
  ['sweep', 10],
  ['retain', 10],
])(
  'killed at a step of the job to %s, beside a writer, a process breaks no version',
  {
    timeout: 600_000,
  },
  async (job, least) => {
    const { killed, sent } = await runAndCheck(job, 0);
    expect(killed).toBe(false);
    // A count that shrinks unseen would make this test one of nothing.
    expect(sent).toBeGreaterThan(least);
    await killAtSteps(sent, EVERY, (nth) => runAndCheck(job, nth));
  },
);

async function runAndCheck(job: Job, nth: number) {
  const collection = await seeded(`${job}-${nth}`);
  await leaveOrphans(collection.store, collection.name);
  let isOver = false;
  const run = script.run(uri, job, collection.name, collection.at, String(nth)).finally(() => {
    isOver = true;
  });
  const written = writeUntil(collection.Model, () => isOver);
  const outcome = await run;
  const n = await written;
  await check(job, collection);
  await JOBS[job](collection.Model, collection.exports);
  await checkDone(job, collection, n);
  await collection.Model.sweep({ confirm: true, graceMs: 0 });
  await expectObjects(collection, 'nothing else');
  return outcome;
}

async function seeded(name: string): Promise<Collection> {
  const at = join(directory, name);
  const store = new FilePayloadStore(at);
  const exports = new FilePayloadStore(`${at}-exports`);
  // Retention is for what is over for some minutes.
  let isLongAgo = true;
  const clock = { now: () => new Date(Date.now() - (isLongAgo ? 3_600_000 : 0)) };
  const Model = paperModel(mongoose, name, store, { retention: RETENTION, clock });
  await seedHistories(Model);
  isLongAgo = false;
  await Model.create([paper('busy', 0)]);
  return { name, Model, store, exports, at };
}

/** @returns how often it has written */
async function writeUntil(Model: PaperModel, isOver: () => boolean): Promise<number> {
  let n = 0;
  while (!isOver()) {
    n += 1;
    await Model.updateOne({ _id: 'busy' }, { $inc: { n: 1 }, text: textOf(n) });
    if (n % 5 === 0) await offload(Model);
  }
  return n;
}

/** What there is of each document is whole, and all that refers to objects finds them. */
async function check(job: Job, { name, Model, ...rest }: Collection): Promise<void> {
  expect(await Model.recover(), name).toMatchObject({ ok: true, repaired: {} });
  await Model.flush();
  expect(await Model.findById('kept').lean()).toMatchObject(paper('kept', NEWEST));
  for (const id of ['kept', 'erased', 'gone', 'busy']) await checkHistory(job, Model, id);
  await expectObjects({ name, Model, ...rest }, 'anything else');
}

async function checkHistory(job: Job, Model: PaperModel, id: string): Promise<void> {
  const history = await Model.history(id, { lean: true });
  const papers = history.flatMap(({ doc }) => (doc === null ? [] : [doc as Paper]));
  for (const { n, text, file } of papers) expect([text, file]).toEqual([textOf(n), FILE]);
  const ns = papers.map(({ n }) => n);
  const [newest = 0] = ns;
  const all = Array.from({ length: newest + 1 }, (_, i) => newest - i);
  if (job === 'erase' && (id === 'erased' || id === 'gone')) {
    expect(papers.length === 0 ? ['ERASE'] : ns).toEqual(papers.length === 0 ? history.map(({ op }) => op) : all);
  } else expect(ns).toEqual(job === 'retain' ? all.slice(0, ns.length) : all);
}

async function checkDone(job: Job, { name, Model, store, exports, at }: Collection, n: number): Promise<void> {
  await Model.flush();
  expect(await Model.findById('busy').lean()).toMatchObject({ n, text: textOf(n) });
  expect((await Model.history('busy')).length).toBe(n + 1);
  const keys = await keysOf(store);
  if (job === 'erase') expect(keys.filter((key) => /erased|gone/.test(key))).toEqual([]);
  if (job === 'retain') {
    for (const id of ['kept', 'erased']) {
      expect((await Model.history(id, { lean: true })).map(({ doc }) => (doc as Paper).n)).toEqual([
        NEWEST,
        NEWEST - 1,
      ]);
    }
  }
  if (job !== 'export') return;
  const Copy = paperModel(mongoose, `${name}-copy`, new FilePayloadStore(`${at}-copy`));
  await Copy.importHistory({ store: exports, key: EXPORT });
  for (const id of ['kept', 'erased', 'gone', 'busy']) {
    const [ours, theirs] = await Promise.all([Model, Copy].map((one) => one.history(id, { lean: true })));
    expect(theirs).toEqual(ours);
  }
}

async function keysOf(store: FilePayloadStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of listAll(store, '')) if (!key.includes('/!owner/')) keys.push(key);
  return keys.sort();
}

/** Every object that is referred to is there and what it was. */
async function expectObjects({ name, store }: Collection, beside: 'nothing else' | 'anything else'): Promise<void> {
  const rows = await Promise.all(
    [name, `${name}_ver`].map((one) => mongoose.connection.collection(one).find().toArray()),
  );
  const objects = rows.flat().flatMap(({ _system }) => {
    const { payload, blobs = [] } = _system as SystemFields;
    return [
      ...(payload === undefined ? [] : [{ ...payload }]),
      ...blobs.map((blob) => ({ ...blob, key: blob.blobKey })),
    ];
  });
  for (const object of objects) await store.get(object.key, { expected: object });
  if (beside === 'nothing else') {
    expect(await keysOf(store)).toEqual([...new Set(objects.map(({ key }) => key))].sort());
  }
}
