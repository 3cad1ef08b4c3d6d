import type { Mongoose } from 'mongoose';
import type { ChronosModelType } from '../../../src/index.ts';
import { nodeOf } from '../../../src/system/interval-tree.ts';
import type { Bench, BenchCase, Goal } from '../bench-case.ts';
import { compare } from '../compare.ts';
import { expect } from '../expect.ts';
import { median, spreadOf } from '../statistics.ts';

interface Entry {
  _id: number;
  group: number;
  rank: number;
  count: number;
  name: string;
  text: string;
}

type EntryModel = ChronosModelType<Entry>;

/** The history that is asked: its versions lie one after the other in a year, and end a moment before its last day. */
interface Past {
  readonly mongoose: Mongoose;
  readonly model: EntryModel;
  readonly documents: number;
  readonly versionsEach: number;
}

const FIRST_DAY = Date.UTC(2025, 0, 1);
const YEAR_MS = 365 * 86_400_000;
/** One percent of the documents are in a group, and stay in it for all of their versions but one half. */
const GROUPS = 100;
const BATCH = 5_000;

/**
 * Fills head and versions below the library, in the order in which writes would have come. A million ordinary updates
 * would take a quarter of an hour and leave the same bytes.
 */
async function fill(bench: Bench, versions: number, versionsEach: number): Promise<Past> {
  const mongoose = await bench.connect();
  const schema = new mongoose.Schema<Entry, EntryModel>(
    { _id: Number, group: Number, rank: Number, count: Number, name: String, text: String },
    { versionKey: false, autoIndex: false },
  );
  schema.index({ group: 1, rank: 1 });
  schema.plugin(bench.chronos);
  const model = mongoose.model<Entry, EntryModel>('Entry', schema, 'entries');
  const documents = versions / versionsEach;
  await model.createCollection();
  await createVersions(model);
  const db = mongoose.connection.db;
  if (db === undefined) throw new Error('Not connected');
  const [heads, records] = [db.collection('entries'), db.collection('entries_ver')];
  for (const batch of batches(documents * versionsEach)) {
    await records.insertMany(
      batch.map((n) => recordOf(n % documents, Math.floor(n / documents), versionsEach)) as never,
    );
  }
  for (const batch of batches(documents)) {
    await heads.insertMany(batch.map((id) => headOf(id, versionsEach)) as never);
  }
  await model.createIndexes();
  return { mongoose, model, documents, versionsEach };
}

/** The collection of versions as the library makes it, with its indexes. */
async function createVersions(model: EntryModel): Promise<void> {
  await model.create({ _id: -1, group: -1, rank: 0, count: 0, name: '', text: '' });
  await model.updateOne({ _id: -1 }, { count: 1 });
  await model.deleteOne({ _id: -1 });
}

function* batches(count: number): Generator<number[]> {
  for (let start = 0; start < count; start += BATCH) {
    yield Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => start + i);
  }
}

function recordOf(id: number, ov: number, versionsEach: number): object {
  const [from, until] = [beginOf(id, ov, versionsEach), beginOf(id, ov + 1, versionsEach)];
  const system = { ov, insertedAt: new Date(FIRST_DAY), updatedAt: from, until, node: nodeOf(from, until) };
  return { _id: { id, ov }, ...contentOf(id, ov, versionsEach), _system: system };
}

function headOf(id: number, versionsEach: number): object {
  const updatedAt = beginOf(id, versionsEach, versionsEach);
  const system = { ov: versionsEach, insertedAt: new Date(FIRST_DAY), updatedAt };
  return { _id: id, ...contentOf(id, versionsEach, versionsEach), _system: system };
}

function beginOf(id: number, ov: number, versionsEach: number): Date {
  if (ov === 0) return new Date(FIRST_DAY);
  return new Date(FIRST_DAY + Math.floor(((ov - 1 + scattered(id * 7 + ov)) / versionsEach) * YEAR_MS));
}

function contentOf(id: number, ov: number, versionsEach: number): Omit<Entry, '_id'> {
  const moved = ov > versionsEach * scattered(id + 1) ? 1 : 0;
  const group = Math.floor(scattered(id * 2 + moved) * GROUPS);
  return { group, rank: Math.floor(scattered(id + 3) * 1e6), count: ov, name: `entry ${id}`, text: TEXT };
}

const TEXT = 'What is written about an entry, some one hundred and fifty characters of it, as much as '.repeat(2);

/** A number from 0 to 1 that looks random and is the same in every run. */
function scattered(n: number): number {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d);
  return ((Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

interface Question {
  readonly name: string;
  readonly goal: Goal;
  readonly means: string;
  ask(model: Pick<EntryModel, 'find' | 'findById'>, n: number): Promise<unknown>;
}

const questions: readonly Question[] = [
  {
    name: 'list',
    goal: { atMost: 1.6 },
    means: 'one percent of the documents, by an index, as they were',
    ask: (model, n) =>
      model
        .find({ group: n % GROUPS })
        .lean()
        .exec(),
  },
  {
    name: 'page of 20 sorted',
    goal: { atMost: 2 },
    means: 'a page that an index sorts, as it was',
    ask: (model, n) =>
      model
        .find({ group: n % GROUPS })
        .sort({ rank: 1 })
        .limit(20)
        .lean()
        .exec(),
  },
  {
    name: 'one document',
    goal: { atMost: 1.35 },
    means: 'one document by its id, as it was',
    ask: (model, n) =>
      model
        .findById((n * 37) % 9_000)
        .lean()
        .exec(),
  },
];

const SHARES = [0.05, 0.25, 0.5, 0.75, 0.95, 1];

async function measure(bench: Bench, { mongoose, model, documents, versionsEach }: Past): Promise<void> {
  for (const { name, goal, means, ask } of questions) {
    for (const share of SHARES) {
      const at = new Date(FIRST_DAY + share * YEAR_MS);
      let [current, past] = [0, 0];
      const { ratios, cpu } = await compare(
        bench,
        mongoose,
        { operation: () => ask(model, current++) },
        { operation: () => ask(model.asOf(at) as unknown as EntryModel, past++) },
        { callers: 1, rounds: 15, sliceMs: 200 },
      );
      const times = ratios.map((ratio) => 1 / ratio);
      const title = `as-of ${name}, ${versionsEach} versions each, at ${share * 100} %`;
      bench.report({
        name: title,
        callers: 1,
        ratio: median(times),
        spread: spreadOf(times),
        cpu: median(cpu),
        goal,
        means,
      });
    }
  }
  expect('documents in the middle', await model.asOf(new Date(FIRST_DAY + YEAR_MS / 2)).countDocuments(), documents);
}

const VERSIONS = 1_000_000;
const QUICK_VERSIONS = 50_000;

export const cases: BenchCase[] = [10, 100].map((versionsEach) => ({
  name: `as-of ${versionsEach} versions`,
  run: async (bench) => measure(bench, await fill(bench, bench.quick ? QUICK_VERSIONS : VERSIONS, versionsEach)),
}));
