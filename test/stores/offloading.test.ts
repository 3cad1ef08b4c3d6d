import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChronosModelType, chronos, FilePayloadStore, type PayloadStore } from '../../src/index.ts';
import { listAll } from '../../src/payload/payload-store.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { testDatabase } from '../support/database.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';

const mongoose = await testDatabase();

interface Invoice {
  number: number;
  text: string;
  pdf: string;
}

/** The life of a document whose payload leaves MongoDB, on stores that are no memory. */
function offloading(name: string, open: () => Promise<{ json: PayloadStore; content: PayloadStore }>): void {
  const pdf = (content: string) => Buffer.from(content.repeat(20_000)).toString('base64');
  let stores: { json: PayloadStore; content: PayloadStore };
  beforeAll(async () => {
    stores = await open();
  });

  it('keeps versions as objects, reads them as ever, and erases them', async () => {
    const schema = new mongoose.Schema<Invoice, ChronosModelType<Invoice>>({
      number: Number,
      text: String,
      pdf: String,
    });
    let now = new Date('2026-01-01T00:00:00Z');
    const base64 = { pdf: { contentType: 'application/pdf' } };
    schema.plugin(chronos, {
      indexed: ['number'],
      base64,
      payload: { ...stores, prefix: 'app' },
      clock: { now: () => now },
    });
    const Invoices = mongoose.model<Invoice, ChronosModelType<Invoice>>(`Invoice-${name}`, schema);
    const first = { number: 1, text: 'first '.repeat(1000), pdf: pdf('a') };
    const { _id } = await Invoices.create(first);
    const then = now;
    now = new Date('2026-01-02T00:00:00Z');
    await Invoices.updateOne({ _id }, { text: 'second', pdf: pdf('b') });
    await Invoices.flush();
    expect(await Invoices.markItemAsProcessed(_id, { confirm: true })).toBe(true);
    const stored = await mongoose.connection.collection(Invoices.collection.name).findOne({ _id });
    expect(stored).toMatchObject({ number: 1 });
    expect(stored).not.toHaveProperty('text');
    expect(stored).not.toHaveProperty('pdf');
    expect(stored?._system.blobs).toMatchObject([{ contentBucket: stores.content.bucket }]);

    expect(await Invoices.findOne({ number: 1 }).lean()).toMatchObject({ text: 'second', pdf: pdf('b') });
    expect(await Invoices.asOf(then).findOne({ number: 1 }).lean()).toMatchObject(first);
    await Invoices.updateOne({ _id }, { $set: { number: 2 } });
    expect(await Invoices.findById(_id).lean()).toMatchObject({ number: 2, text: 'second', pdf: pdf('b') });
    await Invoices.flush();

    await Invoices.hardDelete({ id: _id }, { confirm: true });
    for (const store of [stores.json, stores.content]) {
      for await (const { key } of listAll(store, `app/${Invoices.collection.name}/`)) expect(key).toBe('nothing');
    }
  });
}

describe('payloads in files', () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));
  offloading('files', async () => {
    folder = await mkdtemp(join(tmpdir(), 'chronos-offloading-'));
    return { json: new FilePayloadStore(join(folder, 'json')), content: new FilePayloadStore(join(folder, 'content')) };
  });
});

describeS3('payloads', (server) => {
  const client = s3Client(server);
  offloading(server.name, async () => ({
    json: new S3PayloadStore(await newBucket(client), s3Options(server.endpoint)),
    content: new S3PayloadStore(await newBucket(client), s3Options(server.endpoint)),
  }));
});
