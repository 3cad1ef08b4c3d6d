import type { ChronosModelType } from '../../../src/index.ts';
import { nodeOf } from '../../../src/system/interval-tree.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import { compare } from '../compare.ts';
import { expect } from '../expect.ts';
import { median, spreadOf } from '../statistics.ts';

interface Entry {
  _id: number;
  text: string;
}

type EntryModel = ChronosModelType<Entry>;

const FEW = 10;
const MANY = 10_000;
const PAGE = 5;
const STREAMED = 100_000;
const MB = 2 ** 20;
const LIMIT_MB = 64;

async function modelOf(bench: Bench): Promise<EntryModel> {
  const mongoose = await bench.connect();
  const schema = new mongoose.Schema<Entry, EntryModel>({ _id: Number, text: String }, { versionKey: false });
  schema.plugin(bench.chronos);
  return mongoose.model<Entry, EntryModel>('Entry', schema, 'entries');
}

/** Gives a document as many versions as asked for: its last one by an ordinary write, those before it below the library. */
async function grow(model: EntryModel, id: number, versions: number): Promise<void> {
  await model.create({ _id: id, text: 'first' });
  await model.updateOne({ _id: id }, { text: 'last' });
  const db = model.db.db;
  if (db === undefined) throw new Error('Not connected');
  const start = Date.UTC(2026, 0, 1);
  const records = Array.from({ length: versions - 2 }, (_, n) => {
    const [updatedAt, until] = [new Date(start + n), new Date(start + n + 1)];
    const system = { ov: n + 1, insertedAt: updatedAt, updatedAt, until, node: nodeOf(updatedAt, until) };
    return { _id: { id, ov: n + 1 }, text: `${'version '.repeat(20)}${n}`, _system: system };
  });
  await db.collection('entries_ver').insertMany(records as never[]);
  await db.collection('entries').updateOne({ _id: id as never }, { $set: { '_system.ov': versions - 1 } });
}

async function pages(bench: Bench): Promise<void> {
  const model = await modelOf(bench);
  await grow(model, 1, FEW);
  await grow(model, 2, MANY);
  for (const [page, before] of [
    ['first', undefined],
    ['last', PAGE],
  ] as const) {
    const read = (id: number) => ({ operation: async () => model.history(id, { limit: PAGE, before }) });
    const { ratios, cpu } = await compare(bench, model.base, read(1), read(2), {
      callers: 1,
      rounds: 15,
      sliceMs: 200,
    });
    const times = ratios.map((ratio) => 1 / ratio);
    bench.report({
      name: `history: ${page} page of 10,000 versions`,
      callers: 1,
      ratio: median(times),
      spread: spreadOf(times),
      cpu: median(cpu),
      goal: { atMost: 2 },
      means: 'against that of a document with 10 versions',
    });
  }
}

async function streaming(bench: Bench): Promise<void> {
  const model = await modelOf(bench);
  const versions = bench.quick ? STREAMED / 10 : STREAMED;
  await grow(model, 1, versions);
  let count = 0;
  let early = 0;
  for await (const { ov } of model.history(1, { lean: true })) {
    expect('number of the version', ov, versions - 1 - count);
    count += 1;
    if (count === versions / 10) early = process.memoryUsage().rss;
  }
  expect('streamed versions', count, versions);
  const grown = (process.memoryUsage().rss - early) / MB;
  bench.report({
    name: `history: memory of streaming ${versions} versions`,
    callers: 1,
    ratio: grown / LIMIT_MB,
    goal: { atMost: 1 },
    means: `${grown.toFixed(0)} MB more from a tenth of the way on, of ${LIMIT_MB} MB allowed`,
  });
}

export const cases: BenchCase[] = [
  { name: 'history pages', run: pages },
  { name: 'history memory', run: streaming },
];
