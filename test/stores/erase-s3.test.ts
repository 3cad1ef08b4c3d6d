import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChronosModelType, chronos, type PayloadStore } from '../../src/index.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { allStored, whereFound } from '../support/all-stored.ts';
import { mongooseUnderTest, testDatabase } from '../support/database.ts';
import { type FaultyProxy, faultyProxy } from '../support/faulty-proxy.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { everyVersion, versionedBucket, versionsIn } from '../support/s3-versions.ts';

const mongoose = await testDatabase();
const confirm = true;

interface Subject {
  _id: string;
  title: string;
  text?: string;
  notes?: string[];
  file?: string;
}

type SubjectModel = ChronosModelType<Subject>;

let now = new Date('2026-01-01T00:00:00Z');

function modelOn(collection: string, json: PayloadStore, content: PayloadStore, own = mongoose): SubjectModel {
  const schema = new own.Schema<Subject, SubjectModel>(
    { _id: String, title: String, text: String, notes: [String], file: String } as never,
    { collection } as never,
  );
  schema.plugin(chronos, {
    indexed: ['title'],
    base64: { file: { contentType: 'text/plain', preferredText: true } },
    payload: { json, content, prefix: 'app' },
    clock: { now: () => now },
  });
  return own.model<Subject, SubjectModel>(collection, schema);
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const PLANTED = Array.from({ length: 12 }, (_, n) => `planted-${n}-${randomBytes(4).toString('hex')}`);

describeS3('erasing', (server) => {
  const client = s3Client(server);
  const options = s3Options(server.endpoint);

  describe('with bucket versioning', () => {
    const stores: S3PayloadStore[] = [];
    beforeAll(async () => {
      for (const _ of ['json', 'content']) stores.push(new S3PayloadStore(await versionedBucket(client), options));
    });

    it('leaves of a document no string in any collection, and in no version of any object', async () => {
      const [json, content] = stores as [S3PayloadStore, S3PayloadStore];
      const Subjects = modelOn(`planted-${server.name}`, json, content);
      await Subjects.create({ _id: 'other', title: 'o', text: 'x', file: base64('x') });
      await plant(Subjects);
      // As deletions of others and uploads that were made twice leave it: older versions, and markers alone.
      for (const store of stores) {
        const { objects } = await store.list(`app/planted-${server.name}/s.subject/`);
        for (const { key } of objects.slice(0, 2)) await store.put(key, await store.get(key));
        for (const { key } of objects.slice(1, 3)) await store.delete(key);
      }
      const buckets = stores.map(({ bucket }) => bucket);
      const found = async () => {
        const rows = [...(await allStored(mongoose)), ...(await everyVersion(client, buckets))];
        return PLANTED.filter((text) => whereFound(text, rows) || whereFound(base64(text), rows));
      };
      expect(await found()).toEqual(PLANTED);
      const report = await Subjects.hardDelete({ id: 'subject' }, { confirm, actor: 'dpo', reason: 'request 42' });
      expect(report).toMatchObject({ documents: 1, retained: 0 });
      expect(await found()).toEqual([]);
      for (const store of stores) {
        expect((await versionsIn(client, store.bucket)).filter(({ key }) => key.includes('s.subject/'))).toEqual([]);
      }
      expect((await Subjects.findById('other'))?.text).toBe('x');
      expect(await Subjects.verify()).toMatchObject({ ok: true, findings: [] });
    });

    it('sweeps what nothing refers to with all of its versions', async () => {
      const [json, content] = stores as [S3PayloadStore, S3PayloadStore];
      const Subjects = modelOn(`swept-${server.name}`, json, content);
      await Subjects.create({ _id: 'kept', title: 'o', text: 'x', file: base64('x') });
      await Subjects.flush();
      const prefix = `app/swept-${server.name}`;
      for (const id of ['s.a', 's.b']) {
        for (const body of ['1', '2']) await json.put(`${prefix}/${id}/v0/item.json`, Buffer.from(body));
      }
      await json.delete(`${prefix}/s.b/v0/item.json`);
      const left = async () => {
        await Subjects.sweep({ confirm, graceMs: 0 });
        const versions = await versionsIn(client, json.bucket);
        return versions.filter(({ key }) => key.startsWith(`${prefix}/`)).map(({ key }) => key.slice(prefix.length));
      };
      // A service may tell times in seconds.
      await expect.poll(left, { timeout: 20_000 }).toEqual([expect.stringMatching(/^\/s\.kept\//)]);
      expect(await Subjects.markItemAsProcessed('kept', { confirm })).toBe(true);
    });
  });

  it('gives up uploads in parts that were interrupted under the keys of the collection, and no others', async () => {
    const json = new S3PayloadStore(await newBucket(client), options);
    const Subjects = modelOn(`parts-${server.name}`, json, json);
    const own = `app/parts-${server.name}/s.big/v0/item.json`;
    for (const Key of [own, 'another-app/big.bin']) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: json.bucket, Key }));
    }
    const left = async () => {
      const uploads = [own, 'another-app/big.bin'].map(async (Prefix) => {
        const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: json.bucket, Prefix }));
        return Uploads.length;
      });
      return Promise.all(uploads);
    };
    expect(await left()).toEqual([1, 1]);
    expect(await Subjects.sweep({ confirm })).toMatchObject({ interrupted: 0 });
    const sweep = async () => {
      await Subjects.sweep({ confirm, graceMs: 0 });
      return left();
    };
    // MinIO lists uploads of one key alone, and gives them up itself after a day.
    if (server.name === 'minio') expect(await sweep()).toEqual([1, 1]);
    else await expect.poll(sweep, { timeout: 20_000 }).toEqual([0, 1]);
  });

  it('tells of objects that are retained by a lock, and goes on when they are free', async () => {
    const bucket = `chronos-lock-${randomBytes(6).toString('hex')}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const json = new S3PayloadStore(bucket, options);
    const Subjects = modelOn(`locked-${server.name}`, json, json);
    await Subjects.create([
      { _id: 'locked', title: 't', text: 'x' },
      { _id: 'free', title: 't', text: 'x' },
    ]);
    await Subjects.flush();
    const [kept] = (await json.list(`app/locked-${server.name}/s.locked/`)).objects;
    const retain = async (ms: number) => {
      const retention = { Mode: 'GOVERNANCE' as const, RetainUntilDate: new Date(Date.now() + ms) };
      const command = { Bucket: bucket, Key: kept?.key, Retention: retention, BypassGovernanceRetention: true };
      await client.send(new PutObjectRetentionCommand(command));
    };
    await retain(3_600_000);
    const report = await Subjects.hardDelete({ ids: ['locked', 'free'] }, { confirm });
    expect(report).toMatchObject({ documents: 2, objects: 1, retained: 1 });
    expect((await Subjects.verify()).counts).toEqual({ 'unfinished-erasure': 1 });
    await retain(1_000);
    const finished = async () => {
      await Subjects.recover();
      return (await Subjects.verify()).ok;
    };
    await expect.poll(finished, { timeout: 20_000 }).toBe(true);
    expect((await versionsIn(client, bucket)).filter(({ key }) => key.includes('/s.'))).toEqual([]);
  });

  describe('beside an upload that stalls', () => {
    let proxy: FaultyProxy;
    beforeAll(async () => {
      proxy = await faultyProxy(server.endpoint);
    });
    afterAll(() => proxy.close());

    it('looks for its object once more when no upload can be under way any more', async () => {
      const bucket = await newBucket(client);
      const { Mongoose: OtherMongoose } = await mongooseUnderTest();
      const other = new OtherMongoose();
      const { name } = mongoose.connection;
      await other.connect((mongoose.connection.getClient() as unknown as { s: { url: string } }).s.url, {
        dbName: name,
      });
      const slow = new S3PayloadStore(bucket, { ...s3Options(proxy.endpoint), timeoutMs: 60_000, attempts: 1 });
      const direct = new S3PayloadStore(bucket, options);
      const Uploading = modelOn(`stalled-${server.name}`, slow, slow, other);
      const Erasing = modelOn(`stalled-${server.name}`, direct, direct);
      let held = 0;
      proxy.fault = ({ method, path }) => {
        if (method !== 'PUT' || !path.includes('item.json')) return 'pass';
        held++;
        return 'hold';
      };
      await Uploading.create({ _id: 'late', title: 't', text: 'planted' });
      await expect.poll(() => held, { timeout: 20_000 }).toBe(1);
      expect(await Erasing.hardDelete({ id: 'late' }, { confirm })).toMatchObject({ documents: 1 });
      expect(await Erasing.verify()).toMatchObject({ ok: true, findings: [] });
      // The process that uploads does not live to see its answer.
      proxy.fault = () => 'refuse';
      await other.disconnect();
      await proxy.release();
      const prefix = `app/stalled-${server.name}/s.late/`;
      expect((await direct.list(prefix)).objects).toHaveLength(1);
      expect((await Erasing.recover()).repaired).toEqual({});
      now = new Date(now.getTime() + 40 * 60_000);
      expect((await Erasing.verify()).counts).toEqual({ 'unfinished-erasure': 1 });
      expect((await Erasing.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
      expect((await direct.list(prefix)).objects).toEqual([]);
      expect(await Erasing.verify()).toMatchObject({ ok: true, findings: [] });
      expect(await mongoose.connection.collection(`stalled-${server.name}_locks`).countDocuments({ again: {} })).toBe(
        0,
      );
    });
  });
});

async function plant(Subjects: SubjectModel): Promise<void> {
  const [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = '', i = '', j = '', k = '', l = ''] = PLANTED;
  await Subjects.create({ _id: 'subject', title: a, text: b, file: base64(c) });
  await Subjects.updateOne({ _id: 'subject' }, { text: d }, { chronos: { actor: e, reason: f } });
  const once = { chronos: { opId: 'once' }, returnDocument: 'after' } as const;
  await Subjects.findOneAndUpdate({ _id: 'subject' }, { title: g }, once);
  await Subjects.flush();
  await Subjects.markItemAsProcessed('subject', { confirm });
  await Subjects.enrich('subject', { notes: [h] }, { functionId: i });
  await Subjects.deleteOne({ _id: 'subject' }, { chronos: { reason: j } });
  await Subjects.create({ _id: 'subject', title: 't', text: k, file: base64(l) });
  await Subjects.flush();
}
