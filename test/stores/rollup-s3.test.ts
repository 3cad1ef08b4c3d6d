import { type BucketVersioningStatus, ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  n: number;
}

const DAY = 86_400_000;
const START = Date.now() - 200 * DAY;
const day = (n: number) => new Date(START + n * DAY);
const confirm = true;

describeS3('manifests', (server) => {
  const client = s3Client(server);

  async function objectVersions(bucket: string): Promise<number> {
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    return [...Versions, ...DeleteMarkers].filter(({ Key }) => Key?.includes('/__manifests__/')).length;
  }

  async function seeded(name: string) {
    const bucket = await newBucket(client);
    const Status: BucketVersioningStatus = 'Enabled';
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status } }));
    const versions = new S3PayloadStore(bucket, s3Options(server.endpoint));
    let at: Date | undefined;
    const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>({ _id: String, n: Number } as never, {
      collection: `${name}-${server.name}`,
    });
    schema.plugin(chronos, { clock: { now: () => at ?? new Date() }, retention: { days: 10, rollup: { versions } } });
    const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`${name}-${server.name}`, schema);
    for (let n = 0; n < 5; n++) {
      at = day(n * 40);
      for (const _id of ['subject', 'other']) await Doc.updateOne({ _id }, { n }, { upsert: true });
    }
    at = undefined;
    expect(await retain(Doc)).toMatchObject({ rolledUp: 8, manifests: 4 });
    return { Doc, bucket };
  }

  it('answer reads of the past and restores', async () => {
    const { Doc, bucket } = await seeded('read');
    expect(await objectVersions(bucket)).toBe(4);
    expect(await recordsOf(Doc).countDocuments()).toBe(0);
    expect(await Doc.getVersion('other', 1)).toMatchObject({ n: 1 });
    expect((await Doc.history('other')).map(({ ov }) => ov)).toEqual([4, 3, 2, 1, 0]);
    expect(await Doc.asOf(day(90)).find({ n: 2 }).sort('_id').lean()).toMatchObject([
      { _id: 'other' },
      { _id: 'subject' },
    ]);
    await Doc.restore('other', { ov: 0 });
    expect(await Doc.findById('other')).toMatchObject({ n: 0 });
    expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('have no version of an object left of an erased document where the bucket keeps versions', async () => {
    const { Doc, bucket } = await seeded('erase');
    await Doc.hardDelete({ id: 'subject' }, { confirm });
    expect(await objectVersions(bucket)).toBe(4);
    expect((await Doc.history('other')).map(({ ov }) => ov)).toEqual([4, 3, 2, 1, 0]);
    await Doc.hardDelete({ id: 'other' }, { confirm });
    expect(await objectVersions(bucket)).toBe(0);
  });

  it('are dropped, by themselves or with their collection', async () => {
    const { Doc, bucket } = await seeded('drop');
    expect(await Doc.dropManifests({ before: day(90) }, { confirm })).toMatchObject({ dropped: 4 });
    expect(await objectVersions(bucket)).toBe(2);
    await expect(Doc.getVersion('other', 0)).rejects.toMatchObject({ name: 'BeyondRetentionError' });
    expect(await Doc.getVersion('other', 2)).toMatchObject({ n: 2 });
    await Doc.collection.drop();
    expect(await objectVersions(bucket)).toBe(0);
  });
});
