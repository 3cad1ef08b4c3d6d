import type { Bench, BenchCase } from '../bench-case.ts';
import { compare, figureOf } from '../compare.ts';
import { expect } from '../expect.ts';
import { startBucket } from '../object-storage.ts';
import { type Note, PAYLOAD_SIZES, type PayloadSize } from '../payload-notes.ts';
import { type Ways, waysOf } from '../payload-ways.ts';

const CALLERS = [1, 16] as const;
const ROUNDS = { rounds: 11, sliceMs: 300 } as const;

async function measure(bench: Bench, size: PayloadSize): Promise<void> {
  const bucket = await startBucket(bench);
  if (bucket === undefined) return bench.note(`reads with ${size.name}: there is no S3 server`);
  try {
    await measureReads(bench, await waysOf(bench, bucket, bucket.endpoint), size);
  } finally {
    await bucket.stop();
  }
}

async function measureReads(bench: Bench, { inline, offloaded, naive }: Ways, size: PayloadSize): Promise<void> {
  const notes = Array.from({ length: size.documents }, (_, n): Note => ({ title: `note ${n}`, ...size.payload }));
  const [ofInline, ofOffloaded] = await Promise.all([inline.insertMany(notes), offloaded.insertMany(notes)]);
  const ofNaive = await Promise.all(notes.map((note) => naive.create(note)));
  await offloaded.flush();
  let n = 0;
  const readInline = () => inline.findById(ofInline[n++ % notes.length]?._id).orFail();
  const readOffloaded = () => offloaded.findById(ofOffloaded[n++ % notes.length]?._id).orFail();
  const readNaive = () => naive.read(ofNaive[n++ % notes.length]);
  expect('the file of a document', (await readOffloaded()).file, size.payload.file);
  for (const callers of CALLERS) {
    const comparison = await compare(
      bench,
      inline.base,
      { operation: readInline },
      { operation: readOffloaded },
      { callers, ...ROUNDS },
    );
    const means = 'whole in MongoDB still; beside the same without object storage';
    const name = `payload: read ${size.name}, new`;
    bench.report(figureOf(comparison, { name, callers, goal: { atLeast: 0.97 }, means }));
  }
  await offloaded.markItemsAsProcessedByTTL(0, { confirm: true });
  expect('documents that are whole', await offloaded.countDocuments({ '_system.state': { $ne: 'processed' } }), 0);
  expect('the file of a processed document', (await readOffloaded()).file, size.payload.file);
  for (const callers of CALLERS) {
    const comparison = await compare(
      bench,
      inline.base,
      { operation: readNaive },
      { operation: readOffloaded },
      { callers, ...ROUNDS },
    );
    const means = 'in object storage, the last 64 MB kept in memory; beside MongoDB and S3 by hand';
    bench.report(figureOf(comparison, { name: `payload: read ${size.name}, processed`, callers, means }));
  }
}

export const cases: BenchCase[] = PAYLOAD_SIZES.map((size) => ({
  name: `payload: read ${size.name}`,
  run: (bench) => measure(bench, size),
}));
