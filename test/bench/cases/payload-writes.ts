import type { Bench, BenchCase, Goal } from '../bench-case.ts';
import { compareAll, figureOf, type Variant } from '../compare.ts';
import { startBucket } from '../object-storage.ts';
import { type Note, PAYLOAD_SIZES, type PayloadSize } from '../payload-notes.ts';
import { type Ways, waysOf } from '../payload-ways.ts';

const CALLERS = [1, 16] as const;
/** Within a tenth of what the same writes take without object storage. */
const UNFELT: Goal = { atLeast: 0.9 };

/** How object storage does: it answers at once, 30 ms later, or not until the slice is over. */
const STORAGE = [
  { name: 'S3 at hand', delayMs: 0, held: false },
  { name: 'S3 30 ms away', delayMs: 30, held: false },
  { name: 'S3 silent', delayMs: 0, held: true },
] as const;

type Operation = Variant['operation'];

/** One kind of call, done in the three ways. */
interface Operations {
  readonly inline: Operation;
  readonly offloaded: Operation;
  readonly naive: Operation;
}

const KINDS: Readonly<Record<string, (ways: Ways, size: PayloadSize) => Promise<Operations>>> = {
  async create({ inline, offloaded, naive }, { payload }) {
    let n = 0;
    const note = (): Note => ({ title: `note ${n++}`, ...payload });
    return {
      inline: () => inline.create(note()),
      offloaded: () => offloaded.create(note()),
      naive: () => naive.create(note()),
    };
  },

  async update({ inline, offloaded, naive }, { payload, documents }) {
    let n = 0;
    const notes = Array.from({ length: documents }, (_, index): Note => ({ title: `note ${index}`, ...payload }));
    const [ofInline, ofOffloaded] = await Promise.all([inline, offloaded].map((model) => model.insertMany(notes)));
    const ofNaive = await Promise.all(notes.map((note) => naive.create(note)));
    const change = () => ({ $set: { title: `changed ${n++}` } });
    return {
      inline: () => inline.updateOne({ _id: ofInline?.[n % documents]?._id as never }, change()),
      offloaded: () => offloaded.updateOne({ _id: ofOffloaded?.[n % documents]?._id as never }, change()),
      naive: () => naive.update(ofNaive[n % documents], notes[n % documents] as Note, n++),
    };
  },
};

async function measure(bench: Bench, kind: string, size: PayloadSize): Promise<void> {
  for (const storage of STORAGE) {
    // Each has a server of its own, in memory: what creates have put there would not fit beside what comes next.
    const bucket = await startBucket(bench);
    if (bucket === undefined) return bench.note(`${kind} with ${size.name}: there is no S3 server`);
    try {
      const endpoint = storage.delayMs > 0 ? await bucket.slow(storage.delayMs) : bucket.endpoint;
      const ways = await waysOf(bench, bucket, endpoint);
      const operations = await KINDS[kind]!(ways, size);
      for (const callers of CALLERS) await measureAt(bench, { kind, size, storage, callers }, ways, operations);
    } finally {
      await bucket.stop();
    }
  }
}

interface Cell {
  readonly kind: string;
  readonly size: PayloadSize;
  readonly storage: (typeof STORAGE)[number];
  readonly callers: number;
}

async function measureAt(
  bench: Bench,
  { kind, size, storage, callers }: Cell,
  { inline, offloaded, held }: Ways,
  operations: Operations,
): Promise<void> {
  const name = `payload: ${kind} ${size.name}`;
  const rounds = { callers, ...size.writes };
  const settle = async () => {
    held.release();
    await offloaded.flush();
  };
  const beginOffloaded = async () => {
    await settle();
    if (storage.held) held.hold();
  };
  const baseline = { operation: operations.inline, prepare: settle };
  const contenders = [
    { operation: operations.offloaded, prepare: beginOffloaded },
    ...(storage.held ? [] : [{ operation: operations.naive, prepare: settle }]),
  ];
  const [ours, theirs] = await compareAll(bench, inline.base, baseline, contenders, rounds);
  await settle();
  const means = `${storage.name}, at the lowest priority, for it would be another machine; beside the same without it`;
  if (ours !== undefined)
    bench.report(figureOf(ours, { name: `${name}, ${storage.name}`, callers, goal: UNFELT, means }));
  if (theirs !== undefined) bench.report(figureOf(theirs, { name: `${name}, first to S3 by hand`, callers, means }));
}

export const cases: BenchCase[] = Object.keys(KINDS).flatMap((kind) =>
  PAYLOAD_SIZES.map((size) => ({
    name: `payload: ${kind} ${size.name}`,
    run: (bench: Bench) => measure(bench, kind, size),
  })),
);
