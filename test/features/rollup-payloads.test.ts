import type { Connection } from 'mongoose';
import { afterAll, beforeEach, expect, inject, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { manifestsIn } from '../support/manifests-in.ts';
import { retain } from '../support/retain.ts';
import { recordsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body?: string;
  file?: string;
}

const DAY = 86_400_000;
const START = Date.now() - 60 * DAY;
const clock = { ms: START, now: () => new Date(clock.ms) };
const [json, content, versions] = ['json', 'content', 'versions'].map(
  (name) => new SwitchedStore(`memory ${name}`),
) as [SwitchedStore, SwitchedStore, SwitchedStore];
function filesOn(connection: Connection, indexed: string[]) {
  const schema = new mongoose.Schema<File, ChronosModelType<File>>(
    { _id: String, title: String, body: String, file: String } as never,
    { collection: 'files', versionKey: false } as never,
  );
  schema.plugin(chronos, {
    clock,
    indexed,
    base64: { file: { contentType: 'text/plain' } },
    payload: { json, content, prefix: 'app' },
    retention: { days: 10, rollup: { versions } },
  });
  return connection.model<File, ChronosModelType<File>>('File', schema);
}

const Files = filesOn(mongoose.connection, ['title']);
const other = await mongoose.createConnection(inject('mongoUri'), { dbName: mongoose.connection.name }).asPromise();
afterAll(() => other.close());
const confirm = true;
const day = (n: number) => new Date(START + n * DAY);

beforeEach(async () => {
  await Files.flush();
  for (const name of ['files', 'files_ver', 'files_locks']) await mongoose.connection.collection(name).deleteMany({});
});

async function write(n: number): Promise<void> {
  clock.ms = START + n * DAY;
  const file = Buffer.from(`file ${n}`).toString('base64');
  await Files.updateOne({ _id: 'a' }, { title: `t${n}`, body: `body ${n}`, file }, { upsert: true });
}

const bodies = async () => ({
  asOf: await Promise.all(
    [0, 1, 2, 3].map((n) =>
      Files.asOf(day(n))
        .find({ title: `t${n}` })
        .lean(),
    ),
  ),
  versions: await Promise.all([0, 1, 2, 3].map((ov) => Files.getVersion('a', ov, { lean: true }))),
  history: await Files.history('a', { lean: true }),
});

test('payloads of rolled up versions are read as before, and no sweep takes their objects', async () => {
  for (let n = 0; n < 4; n++) await write(n);
  await Files.flush();
  await Files.markItemAsProcessed('a', { confirm });
  clock.ms = START + 60 * DAY;
  const before = await bodies();
  expect(before.versions).toMatchObject([
    { body: 'body 0' },
    { body: 'body 1' },
    { body: 'body 2' },
    { body: 'body 3' },
  ]);
  expect(await retain(Files)).toMatchObject({ rolledUp: 3 });
  expect(await recordsOf(Files).countDocuments()).toBe(0);
  expect((await manifestsIn(versions)).every((key) => key.startsWith('app/__manifests__/files/'))).toBe(true);
  expect(await Files.sweep({ confirm, graceMs: 0 })).toMatchObject({ orphans: 0 });
  expect(await bodies()).toEqual(before);
});

test('what is not stored yet stays, with all that follows it', async () => {
  json.isOn = false;
  for (let n = 0; n < 4; n++) await write(n);
  clock.ms = START + 60 * DAY;
  expect(await retain(Files)).toMatchObject({ rolledUp: 0 });
  json.isOn = true;
  await Files.flush();
  expect(await retain(Files)).toMatchObject({ rolledUp: 3 });
});

test('rolled up versions are found by a path that is indexed since', async () => {
  for (let n = 0; n < 4; n++) await write(n);
  await Files.flush();
  await Files.markItemAsProcessed('a', { confirm });
  clock.ms = START + 60 * DAY;
  expect(await retain(Files)).toMatchObject({ rolledUp: 3 });
  const Later = filesOn(other, ['title', 'body']);
  await Later.adopt();
  expect(await Later.asOf(day(1)).countDocuments({ body: 'body 1' })).toBe(1);
});
