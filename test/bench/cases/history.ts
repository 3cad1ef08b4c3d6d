import type { ChronosModelType } from '../../../src/index.ts';
import { nodeOf } from '../../../src/system/interval-tree.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import { compare } from '../compare.ts';
import { median, spreadOf } from '../statistics.ts';

interface Entry {
  _id: number;
  text: string;
}

type EntryModel = ChronosModelType<Entry>;

const FEW = 10;
const MANY = 10_000;
const PAGE = 5;

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

export const cases: BenchCase[] = [{ name: 'history pages', run: pages }];
