// Invoices with their PDF: large parts leave MongoDB for object storage, here a directory, and nothing else changes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { type ChronosModelType, chronos, fileBuckets } from '../src/index.ts';

interface Invoice {
  number: string;
  status: 'open' | 'paid';
  lines: { item: string; cents: number }[];
  pdf?: string;
}

const directory = await mkdtemp(join(tmpdir(), 'invoices-'));
const { json, content } = fileBuckets(directory);

const schema = new mongoose.Schema<Invoice, ChronosModelType<Invoice>>({
  number: String,
  status: String,
  lines: [{ _id: false, item: String, cents: Number }],
  pdf: String,
});
schema.plugin(chronos, {
  indexed: ['number', 'status'],
  base64: { pdf: { contentType: 'application/pdf' } },
  payload: { json, content },
});
const Invoice = mongoose.model<Invoice, ChronosModelType<Invoice>>('Invoice', schema);

await mongoose.connect(process.env.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0', { dbName: 'billing' });

const { _id } = await Invoice.create({
  number: '2026-0117',
  status: 'open',
  lines: [{ item: 'Chair', cents: 8_900 }],
  pdf: Buffer.from('%PDF-1.7 Chair: 89.00').toString('base64'),
});
const issued = new Date();
await Invoice.updateOne({ _id }, { status: 'paid' });

// Once they are stored, only number and status stay in MongoDB; here at once instead of after some hours.
await Invoice.flush();
await Invoice.markItemsAsProcessedByTTL(0, { confirm: true });
console.log('in MongoDB:', Object.keys((await mongoose.connection.collection('invoices').findOne({ _id })) ?? {}));

const paid = await Invoice.findOne({ number: '2026-0117' }).orFail();
console.log('read as before:', paid.status, paid.lines[0]?.item, Buffer.from(paid.pdf ?? '', 'base64').toString());

await Invoice.updateOne({ _id }, { $push: { lines: { item: 'Delivery', cents: 1_200 } } });
const then = await Invoice.asOf(issued).findById(_id).orFail();
console.log(
  'as of its issue:',
  then.status,
  `${then.lines.length} line;`,
  'now:',
  (await Invoice.findById(_id))?.lines.length,
);

const { pdf } = await Invoice.presign(_id, { at: issued, ttlSeconds: 600 });
console.log('to be opened by anyone:', pdf?.blobUrl);

await Invoice.flush();
await mongoose.disconnect();
await rm(directory, { recursive: true });
