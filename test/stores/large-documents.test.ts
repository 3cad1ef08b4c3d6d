import { beforeAll, expect, it } from 'vitest';
import { type ChronosModelType, chronos, type PayloadStore } from '../../src/index.ts';
import { listAll } from '../../src/payload/payload-store.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { testDatabase } from '../support/database.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { shortened } from '../support/shortened.ts';

const mongoose = await testDatabase();

interface Invoice {
  number: number;
  pdf: string;
}

describeS3('large documents', (server) => {
  const client = s3Client(server);
  let store: PayloadStore;
  beforeAll(async () => {
    store = new S3PayloadStore(await newBucket(client), s3Options(server.endpoint));
  });

  it('keeps documents above 12 MB, whose blobs are put in parts before they are committed', async () => {
    const schema = new mongoose.Schema<Invoice, ChronosModelType<Invoice>>({ number: Number, pdf: String });
    schema.plugin(chronos, {
      indexed: ['number'],
      base64: { pdf: { contentType: 'application/pdf' } },
      payload: { json: store, prefix: 'app' },
    });
    const Invoices = mongoose.model<Invoice, ChronosModelType<Invoice>>(`Large-${server.name}`, schema);
    const pdf = Buffer.alloc(15_000_000, 'pdf').toString('base64');
    const { _id } = await Invoices.create({ number: 1, pdf });
    await Invoices.updateOne({ _id }, { number: 2 });
    const read = async (ov: number) => shortened((await Invoices.getVersion(_id, ov, { lean: true }))?.pdf);
    expect([await read(0), await read(1)]).toEqual([shortened(pdf), shortened(pdf)]);
    const keys = [];
    for await (const { key } of listAll(store, `app/${Invoices.collection.collectionName}/`)) keys.push(key);
    expect(keys.filter((key) => key.endsWith('blob.bin'))).toHaveLength(1);
    expect((await Invoices.verify({ objects: true })).ok).toBe(true);
  });
});
