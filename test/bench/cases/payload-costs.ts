import { faultyProxy } from '../../support/faulty-proxy.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import type { PayloadPlace, PayloadTasks } from '../children/payload-tasks.ts';
import { type Bucket, startBucket } from '../object-storage.ts';
import { type Note, type NoteModel, PAYLOAD_SIZES, type PayloadSize } from '../payload-notes.ts';
import { waysOf } from '../payload-ways.ts';

const WRITES = 12;
const MB = 2 ** 20;

const withBucket = (use: (bench: Bench, bucket: Bucket) => Promise<void>) => async (bench: Bench) => {
  const bucket = await startBucket(bench);
  if (bucket === undefined) return bench.note('There is no S3 server');
  await use(bench, bucket).finally(() => bucket.stop());
};

/** What a write asks of S3 and of MongoDB, and what is left there of it. */
async function perWrite(bench: Bench, bucket: Bucket, size: PayloadSize): Promise<void> {
  const proxy = await faultyProxy(bucket.endpoint);
  try {
    const { offloaded } = await waysOf(bench, bucket, proxy.endpoint);
    const notes = Array.from({ length: WRITES }, (_, n): Note => ({ title: `note ${n}`, ...size.payload }));
    await offloaded.create(notes[0] as Note);
    await offloaded.flush();
    const counted = async (what: string, write: () => Promise<unknown>) => {
      proxy.reset();
      const before = await commandsOf(offloaded);
      await write();
      await offloaded.flush();
      const commands = (await commandsOf(offloaded)) - before;
      const puts = proxy.requests.filter(({ method }) => method === 'PUT');
      const objects = new Set(puts.map(({ path }) => path.split('?')[0])).size;
      bench.report({
        name: `payload: S3 requests per ${what} of ${size.name}`,
        callers: 1,
        ratio: proxy.requests.length / WRITES,
        means: `${objects / WRITES} objects; ${(commands / WRITES).toFixed(1)} operations of MongoDB for the write and its upload`,
      });
    };
    const made: unknown[] = [];
    await counted('create', async () => {
      for (const note of notes) made.push((await offloaded.create(note))._id);
    });
    await counted('update', async () => {
      for (const _id of made) await offloaded.updateOne({ _id: _id as never }, { $set: { title: 'changed' } });
    });
    await reportBytes(bench, offloaded, size);
  } finally {
    await proxy.close();
  }
}

async function reportBytes(bench: Bench, model: NoteModel, { name }: PayloadSize): Promise<void> {
  const before = await bytesOf(model);
  await model.markItemsAsProcessedByTTL(0, { confirm: true });
  const after = await bytesOf(model);
  bench.report({
    name: `payload: bytes in MongoDB of ${name}, processed`,
    callers: 1,
    ratio: after / before,
    means: `${after.toFixed(0)} bytes of BSON each, bookkeeping included, of ${before.toFixed(0)} before`,
  });
}

/** On average, seen past the library. */
async function bytesOf(model: NoteModel): Promise<number> {
  const collection = model.db.collection(model.collection.name);
  const [found] = await collection
    .aggregate([{ $group: { _id: null, bytes: { $avg: { $bsonSize: '$$ROOT' } } } }])
    .toArray();
  return Number(found?.bytes);
}

async function commandsOf(model: NoteModel): Promise<number> {
  const status = await model.db.getClient().db('admin').command({ serverStatus: 1 });
  const opcounters = status.opcounters as Record<string, number>;
  const { insert = 0, query = 0, update = 0, delete: deleted = 0, getmore = 0 } = opcounters;
  return insert + query + update + deleted + getmore;
}

const startTask = (bench: Bench) =>
  bench.startChild<PayloadTasks>(new URL('../children/payload-tasks.ts', import.meta.url));

async function memory(bench: Bench, { endpoint, bucket }: Bucket): Promise<void> {
  const { connection } = await bench.connect();
  const place: PayloadPlace = { uri: bench.sharedUri, dbName: connection.name, endpoint, bucket };
  const blobMB = bench.quick ? 8 : 64;
  const grownMB = await startTask(bench).ask('putBlob', { ...place, bytes: blobMB * MB });
  bench.report({
    name: 'payload: memory of storing a blob',
    callers: 1,
    ratio: grownMB / blobMB,
    goal: { atMost: 3 },
    means: `${grownMB.toFixed(0)} MB of RSS for a blob of ${blobMB} MB, which is one of them`,
  });
  const count = bench.quick ? 10 : 100;
  const totalMB = await startTask(bench).ask('createAtOnce', { ...place, count, bytes: MB });
  bench.report({
    name: 'payload: memory of creates at once',
    callers: count,
    ratio: totalMB / 512,
    goal: { atMost: 1 },
    means: `${totalMB.toFixed(0)} MB of RSS of the whole process, of 512 allowed, for ${count} documents of 1 MB`,
  });
}

export const cases: BenchCase[] = [
  ...PAYLOAD_SIZES.map((size) => ({
    name: `payload: requests and bytes of ${size.name}`,
    run: withBucket((bench, bucket) => perWrite(bench, bucket, size)),
  })),
  { name: 'payload: memory', run: withBucket(memory) },
];
