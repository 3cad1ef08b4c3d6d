import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FilePayloadStore } from '../../src/index.ts';
import { listAll } from '../../src/payload/payload-store.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { killAtSteps } from '../support/kills/kill-at-steps.ts';
import { killableScript } from '../support/kills/killable-script.ts';
import { serverForKills } from '../support/own-server.ts';
import { retain } from '../support/retain.ts';
import {
  askAll,
  type Entry,
  type EntryModel,
  entryModel,
  IDS,
  JOBS,
  type Job,
  NEWEST,
  prepare,
  seedEntries,
} from './rollup-jobs.ts';

const mongoose = await mongooseUnderTest();
const uri = await serverForKills(mongoose, 'rollup-jobs');
/** Knows nothing of a collection before a process was killed there: the jobs do not wait for readers. */
const afterwards = await mongoose.createConnection(uri).asPromise();
const script = await killableScript('test/faults/rollup-killed-job.ts');
const directory = await mkdtemp(join(tmpdir(), 'chronos-rollup-'));

afterAll(async () => {
  await afterwards.close();
  await rm(directory, { recursive: true, force: true });
});

/** One step of so many is a last one, of fewer on Mongoose 8; `CHRONOS_TEST_KILLS=1` kills at every single step. */
const EVERY = Number(process.env.CHRONOS_TEST_KILLS ?? (process.env.CHRONOS_TEST_MONGOOSE === '8' ? 20 : 5));

test.each<[Job, number]>([
  ['rollup', 20],
  ['thaw', 10],
  ['freeze', 8],
  ['drop', 12],
  ['erase', 20],
])(
  'killed at a step of %s, beside a writer, a process loses no version and doubles none',
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
  const name = `${job}-${nth}`;
  const at = join(directory, name);
  const store = new FilePayloadStore(at);
  const seeded = entryModel(mongoose, name, store);
  await seedEntries(seeded);
  const before = await answers(seeded.Model);
  await prepare(job, seeded);
  let isOver = false;
  const run = script.run(uri, job, name, at, String(nth)).finally(() => {
    isOver = true;
  });
  const written = writeUntil(seeded.Model, () => isOver);
  const outcome = await run;
  const n = await written;
  const { Model } = entryModel(mongoose, name, store, afterwards);
  await check(job, Model, before);
  await JOBS[job](Model);
  const after = await answers(Model);
  await expectDone(job, after, before);
  expect((await Model.history('busy')).length).toBe(n);
  await expectNothingElse(name, Model, store);
  expect(await answers(Model)).toEqual(after);
  expect(await Model.verify()).toMatchObject({ ok: true, findings: [] });
  return outcome;
}

/** @returns how often it has written */
async function writeUntil(Model: EntryModel, isOver: () => boolean): Promise<number> {
  let n = 0;
  while (!isOver() || n === 0) {
    n += 1;
    await Model.updateOne({ _id: 'busy' }, { n }, { upsert: true });
  }
  return n;
}

/** All that can be asked of the documents that are there at first. */
async function answers(Model: EntryModel) {
  const histories = await Promise.all(IDS.map((id) => Model.history(id, { lean: true })));
  const versions = await Promise.all(IDS.map((id) => Promise.all([0, 1, 2, 3, 4].map((ov) => version(Model, id, ov)))));
  return { histories, versions };
}

type Answers = Awaited<ReturnType<typeof answers>>;

async function version(Model: EntryModel, id: string, ov: number): Promise<unknown> {
  try {
    return await Model.getVersion(id, ov, { lean: true });
  } catch (error) {
    return (error as Error).name;
  }
}

/** Right after the kill, before anybody repairs anything. */
async function check(job: Job, Model: EntryModel, before: Answers): Promise<void> {
  const now = await answers(Model);
  const isUntouched = (id: string) => (job === 'erase' ? id !== 'erased' : job === 'drop' ? id === 'held' : true);
  for (const [index, id] of IDS.entries()) {
    if (isUntouched(id)) expectSame(now, before, index);
    else if (job === 'erase') await expectErasedOrWhole(Model, before, index);
    else expectDroppedBelow(now, before, index);
  }
  if (job !== 'drop' && job !== 'erase') {
    expect((await askAll(Model)).map((found) => found.map(({ _id, n }: Entry) => `${_id} ${n}`))).toEqual(
      [0, 1, 2, 3, 4].map((n) =>
        IDS.filter((id) => n < NEWEST || id !== 'gone')
          .map((id) => `${id} ${n}`)
          .sort(),
      ),
    );
  }
}

function expectSame(now: Answers, before: Answers, index: number): void {
  expect(now.histories[index]).toEqual(before.histories[index]);
  expect(now.versions[index]).toEqual(before.versions[index]);
}

/** An erasure that has begun is finished by whoever repairs; one that has not leaves all there is. */
async function expectErasedOrWhole(Model: EntryModel, before: Answers, index: number): Promise<void> {
  expect(await Model.recover()).toMatchObject({ ok: true });
  const now = await answers(Model);
  const isErased = now.histories[index]?.[0]?.op === 'ERASE';
  if (!isErased) expectSame(now, before, index);
  else {
    expect(now.histories[index]).toHaveLength(1);
    expect(now.versions[index]).toEqual([null, null, null, null, null]);
  }
}

/** Versions are gone from the oldest on, and nobody is told that there never were any. */
function expectDroppedBelow(now: Answers, before: Answers, index: number): void {
  const history = before.histories[index] ?? [];
  const left = now.histories[index]?.length ?? 0;
  expect(now.histories[index]).toEqual(history.slice(0, left));
  const dropped = history.length - left;
  expect(now.versions[index]).toEqual(
    before.versions[index]?.map((was, ov) => (ov < dropped ? 'BeyondRetentionError' : was)),
  );
}

async function expectDone(job: Job, after: Answers, before: Answers): Promise<void> {
  const lengths = after.histories.map(({ length }) => length);
  if (job === 'drop') expect(lengths).toEqual([3, 3, 5, 4]);
  else if (job === 'erase') expect(lengths).toEqual([5, 1, 5, 6]);
  else expect(after).toEqual(before);
}

/** The next runs leave no object but those of manifests that count; the second of them finds nothing to do. */
async function expectNothingElse(name: string, Model: EntryModel, store: FilePayloadStore): Promise<void> {
  const records = mongoose.connection.collection(`${name}_locks`);
  // What is being written may still be finished, for some minutes.
  await records.updateMany({ begun: { $exists: true } }, { $set: { begun: new Date(0) } });
  await retain(Model);
  expect(await retain(Model)).toMatchObject({ rolledUp: 0, dropped: 0, manifests: 0 });
  const known = await records.find({ '_id.manifest': { $exists: true } }).toArray();
  expect(known.map(({ state }) => state)).toEqual(known.map(() => 'kept'));
  const keys: string[] = [];
  for await (const { key } of listAll(store, 'app/__manifests__/')) keys.push(key);
  expect(keys.sort()).toEqual(known.map(({ _id }) => (_id as unknown as { manifest: string }).manifest).sort());
}
