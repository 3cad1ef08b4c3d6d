import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type ChronosModelType, type ChronosPluginOptions, chronos, StorageError } from '../../src/index.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { testDatabase } from '../support/database.ts';
import { type Fault, type FaultyProxy, faultyProxy } from '../support/faulty-proxy.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { headsOf, recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Parcel {
  _id: number;
  label: string;
  n: number;
  text: string;
  file?: string;
}
type Parcels = ChronosModelType<Parcel>;

/** For how long object storage is away at least; `60` is what is promised, a few writes tell most of it sooner. */
const OUTAGE_MS = Number(process.env.CHRONOS_TEST_OUTAGE_SECONDS ?? 0) * 1_000;
const WRITES = 60;
const WRITERS = 8;
/** In a long outage: some fifteen versions in a second, as many as a busy laptop stores in twice that time. */
const PAUSE_MS = OUTAGE_MS > 0 ? 1_500 : 0;
/** By when all is stored after an outage. */
const DRAINED = { timeout: 30_000, interval: 200 } as const;
const MIB = 2 ** 20;

const textOf = (n: number) => `text ${n} `.repeat(50);
const fileOf = (n: number) => Buffer.from(`file ${n % 3}`.repeat(100)).toString('base64');
const parcel = (_id: number, n = 0): Parcel => ({ _id, label: `p${_id}`, n, text: textOf(n), file: fileOf(n) });

describeS3('before a service that fails, a model', (server) => {
  const client = s3Client(server);
  let bucket: string;
  let proxy: FaultyProxy;
  let now: Date;
  let models = 0;

  beforeAll(async () => {
    bucket = await newBucket(client);
    proxy = await faultyProxy(server.endpoint);
  });
  afterAll(() => proxy.close());
  afterEach(() => proxy.reset());

  /** A collection and a service of its own for each test: the circuit remembers. */
  function parcels(options: Omit<ChronosPluginOptions['payload'] & object, 'json'> = {}, timeoutMs = 10_000): Parcels {
    const schema = new mongoose.Schema<Parcel, Parcels>(
      { _id: Number, label: String, n: Number, text: String, file: String } as never,
      { versionKey: false } as never,
    );
    now = new Date('2026-01-01T00:00:00Z');
    schema.plugin(chronos, {
      indexed: ['label', 'n'],
      base64: { file: { contentType: 'application/pdf' } },
      payload: { json: new S3PayloadStore(bucket, { ...s3Options(proxy.endpoint), timeoutMs }), ...options },
      clock: { now: () => now },
    });
    models += 1;
    return mongoose.model<Parcel, Parcels>(`Parcel-${server.name}-${models}`, schema);
  }

  const waiting = async (Parcels: Parcels) => {
    const isWaiting = { '_system.state': 'new-not-synched' };
    return (await headsOf(Parcels).countDocuments(isWaiting)) + (await recordsOf(Parcels).countDocuments(isWaiting));
  };

  /** Each document and each of its versions is what was written. */
  async function expectWhole(Parcels: Parcels, written: ReadonlyMap<number, number>): Promise<void> {
    const found = await Parcels.find().lean();
    expect(new Map(found.map(({ _id, n }) => [_id, n]))).toEqual(written);
    for (const one of found) expect(one).toMatchObject({ text: textOf(one.n), file: fileOf(one.n) });
    for (const [_id, n] of written) {
      const history = await Parcels.history(_id, { lean: true });
      expect(history.map(({ doc }) => (doc as Parcel).n)).toEqual(Array.from({ length: n + 1 }, (_, i) => n - i));
      for (const { doc } of history) expect((doc as Parcel).text).toBe(textOf((doc as Parcel).n));
    }
  }

  /** Writes, and reads what it has written. Any failure fails it. */
  async function load(Parcels: Parcels, until: (writes: number) => boolean): Promise<Map<number, number>> {
    const written = new Map<number, number>();
    let writes = 0;
    const writer = async (_: unknown, first: number) => {
      for (let _id = first; !until(writes); _id += WRITERS) {
        await Parcels.create([parcel(_id)]);
        const n = 1 + (_id % 3);
        for (let k = 1; k <= n; k++) {
          await Parcels.updateOne({ _id }, { $inc: { n: 1 }, $set: { text: textOf(k), file: fileOf(k) } });
        }
        expect(await Parcels.findById(_id).lean()).toMatchObject({ n, text: textOf(n), file: fileOf(n) });
        written.set(_id, n);
        writes += n + 1;
        if (PAUSE_MS > 0) await sleep(PAUSE_MS);
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
    return written;
  }

  it.each<Fault>(['refuse', 'swallow', 'busy'])(
    'takes every write while it has nothing but %s, reads it whole, and stores all of it afterwards',
    async (fault) => {
      const Parcels = parcels({ devShadow: { ttlHours: 1 } }, 2_000);
      proxy.fault = () => fault;
      const began = Date.now();
      const written = await load(Parcels, (writes) => writes >= WRITES && Date.now() - began > OUTAGE_MS);
      await Parcels.create([{ ...parcel(-1), text: 'x'.repeat(11 * MIB), file: '' }]);
      expect(await waiting(Parcels)).toBeGreaterThanOrEqual(WRITES);
      expect((await Parcels.findById(-1).lean())?.text).toHaveLength(11 * MIB);
      expect((await Parcels.find({ label: 'p0' }).lean())[0]).toMatchObject({ text: textOf(1) });
      proxy.reset();
      await expect.poll(() => waiting(Parcels), DRAINED).toBe(0);
      now = new Date('2026-01-01T02:00:00Z');
      await Parcels.flush();
      for (const rows of [headsOf(Parcels), recordsOf(Parcels)]) {
        expect(await rows.countDocuments({ $or: [{ text: { $exists: true } }, { file: { $type: 'string' } }] })).toBe(
          0,
        );
      }
      expect((await Parcels.findById(-1).lean())?.text).toHaveLength(11 * MIB);
      await Parcels.hardDelete({ id: -1 }, { confirm: true });
      await expectWhole(Parcels, written);
      expect((await Parcels.verify()).ok).toBe(true);
    },
    OUTAGE_MS + 120_000,
  );

  it("says of writes with ack: 'stored' that they are committed, and stores them afterwards", async () => {
    const Parcels = parcels({ writeOptimization: { ack: 'stored' } });
    await Parcels.create([parcel(1)]);
    proxy.fault = () => 'refuse';
    const late = { chronos: { deadlineMs: 500 } };
    const error = await Parcels.updateOne({ _id: 1 }, { $inc: { n: 1 }, text: textOf(1) }, late).then(null, (e) => e);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ committed: true, retryable: false, ov: 1 });
    expect(await Parcels.findById(1).lean()).toMatchObject({ n: 1 });
    proxy.reset();
    await expect.poll(() => waiting(Parcels), DRAINED).toBe(0);
    await Parcels.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { chronos: { deadlineMs: 30_000 } });
    expect(await waiting(Parcels)).toBe(0);
  });

  it('fails reads of what has left MongoDB by the deadline of the service, and keeps no connection', async () => {
    const Parcels = parcels({}, 500);
    await Parcels.create([parcel(1)]);
    await Parcels.flush();
    await Parcels.markItemAsProcessed(1, { confirm: true });
    const before = proxy.waiting();
    for (const fault of ['stall', 'swallow', 'cut', 'refuse'] as const) {
      proxy.fault = () => fault;
      await expect(Parcels.findById(1).lean()).rejects.toMatchObject({ name: 'StorageError', retryable: true });
      await expect(Parcels.updateOne({ _id: 1 }, { $inc: { n: 1 } })).rejects.toThrow(StorageError);
      expect(await Parcels.findById(1).select('label n').lean()).toEqual({ _id: 1, label: 'p1', n: 0 });
    }
    proxy.reset();
    await expect.poll(() => proxy.waiting()).toBeLessThanOrEqual(before);
    await expect
      .poll(
        () =>
          Parcels.findById(1)
            .lean()
            .then(null, () => null),
        DRAINED,
      )
      .toEqual(parcel(1));
  });

  it('stores and reads all where one request in five fails', async () => {
    const Parcels = parcels();
    let seed = 1;
    // Park and Miller: the same failures in every run.
    proxy.fault = () => {
      seed = (seed * 48271) % 2147483647;
      return seed % 5 === 0 ? 'busy' : 'pass';
    };
    const written = await load(Parcels, (writes) => writes >= WRITES);
    await expect.poll(() => waiting(Parcels), DRAINED).toBe(0);
    proxy.reset();
    await Parcels.markItemsAsProcessedByTTL(0, { confirm: true });
    await expectWhole(Parcels, written);
  });

  it('refers to no object that did not arrive whole', async () => {
    const Parcels = parcels();
    const large = randomBytes(200_000).toString('base64');
    proxy.fault = ({ method, number }) => (method === 'PUT' && number % 2 === 0 ? 'corrupt-upload' : 'pass');
    for (let _id = 0; _id < 10; _id++) await Parcels.create([{ ...parcel(_id), file: large }]);
    await Parcels.flush();
    proxy.reset();
    expect(await Parcels.markItemsAsProcessedByTTL(0, { confirm: true })).toMatchObject({ itemsProcessed: 10 });
    for (const { file } of await Parcels.find().lean()) expect(file).toBe(large);
  });
});
