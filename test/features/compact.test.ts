import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { mongooseUnderTest } from '../support/database.ts';
import { ownServer } from '../support/own-server.ts';

const mongoose = await mongooseUnderTest();

// It keeps nothing for snapshots of the last minutes, as every other reads them: deleted bytes are free at once.
await ownServer(mongoose, 'compact', { minSnapshotHistoryWindowInSeconds: 0 });
const schema = new mongoose.Schema({ n: Number, body: Object });
schema.plugin(chronos);
const Doc = versioned(mongoose.model('CompactDoc', schema));

/** Documents of about 2 KB of noise, each changed a little many times, in the order of time. */
async function history(documents: number, versions: number): Promise<{ _id: unknown }[]> {
  const fields = () => Array.from({ length: 15 }, (_, i) => [`f${i}`, randomBytes(90).toString('base64')] as const);
  const docs = await Doc.insertMany(
    Array.from({ length: documents }, () => ({ n: 0, body: Object.fromEntries(fields()) })),
  );
  for (let n = 1; n <= versions; n++) {
    await Doc.bulkWrite(docs.map(({ _id }) => ({ updateOne: { filter: { _id }, update: { $set: { n } } } })));
  }
  return docs;
}

async function storedBytes(): Promise<{ stored: number; bson: number }> {
  await mongoose.connection.db?.admin().command({ fsync: 1 });
  const stats = await mongoose.connection.db?.command({ collStats: 'compactdocs_ver' });
  return { stored: stats?.storageSize - stats?.freeStorageSize, bson: stats?.size };
}

test('compacted history takes at most a tenth of its BSON and reads as before', async () => {
  const docs = await history(60, 100);
  const [doc] = docs;
  const before = await Doc.history(doc?._id, { lean: true });
  let progress = 0;
  const report = await Doc.compact({ onProgress: (records) => (progress = records) });
  expect(report).toEqual({ records: 6000 });
  expect(progress).toBe(6000);
  await Doc.compact({ releaseSpace: true });
  const { stored, bson } = await storedBytes();
  expect(stored).toBeLessThan(bson / 10);
  expect(await Doc.history(doc?._id, { lean: true })).toEqual(before);
});

test('a second run rewrites only what is new', async () => {
  expect(await Doc.compact()).toEqual({ records: 0 });
  await Doc.updateOne({}, { $set: { n: -1 } });
  expect(await Doc.compact({ before: new Date(Date.now() + 1000) })).toEqual({ records: 1 });
});

test('writes go on beside it', async () => {
  const [doc] = await history(1, 1);
  const writing = (async () => {
    for (let n = 0; n < 30; n++) await Doc.updateOne({ _id: doc?._id }, { $set: { n: 100 + n } });
  })();
  while ((await Doc.compact()).records > 0);
  await writing;
  const versions = await Doc.history(doc?._id, { lean: true });
  expect(versions.map(({ ov }) => ov)).toEqual(Array.from({ length: 32 }, (_, i) => 31 - i));
  expect((await Doc.verify()).ok).toBe(true);
});
