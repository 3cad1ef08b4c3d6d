import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { S3Admin } from '../../src/payload/stores/s3-admin.ts';
import { faultyProxy } from '../support/faulty-proxy.ts';
import { describeS3, s3Options } from '../support/s3-bucket.ts';

const names = () => {
  const prefix = `chronos-${randomBytes(5).toString('hex')}`;
  return {
    json: `${prefix}-json`,
    content: `${prefix}-content`,
    versions: `${prefix}-versions`,
    backup: `${prefix}-backup`,
  };
};

describeS3('S3Admin', (server) => {
  const admin = (options = {}) =>
    new S3Admin({ ...s3Options(server.endpoint), buckets: names(), attempts: 1, ...options });

  it('creates the buckets that are missing, if it is told to and that is confirmed', async () => {
    const buckets = names();
    const ensuring = admin({ buckets });
    const missing = { bucketsChecked: 4, bucketsCreated: 0 };
    expect(await ensuring.ensureBucketsExist()).toMatchObject(missing);
    expect(await ensuring.ensureBucketsExist({ confirm: true })).toMatchObject(missing);
    expect(await ensuring.ensureBucketsExist({ createIfMissing: true, dryRun: true })).toMatchObject(missing);
    await expect(ensuring.ensureBucketsExist({ createIfMissing: true })).rejects.toMatchObject({ name: 'ConfigError' });
    expect(await ensuring.ensureBucketsExist({ createIfMissing: true, confirm: true })).toEqual({
      bucketsChecked: 4,
      bucketsCreated: 4,
      bucketStatuses: Object.entries(buckets).map(([role, bucket]) => ({
        bucket,
        roles: [role],
        exists: true,
        created: true,
      })),
    });
    expect(await ensuring.ensureBucketsExist({ createIfMissing: true, confirm: true })).toMatchObject({
      bucketsCreated: 0,
    });
    const { success, buckets: seen } = await ensuring.testS3Connectivity();
    expect(success).toBe(true);
    expect(seen).toEqual(expect.arrayContaining(Object.values(buckets)));
  });

  it('treats a bucket with two uses as one', async () => {
    const { json, content, versions } = names();
    const shared = admin({ buckets: { json, content, versions, backup: json } });
    const ensured = await shared.ensureBucketsExist({ createIfMissing: true, confirm: true });
    expect(ensured).toMatchObject({ bucketsChecked: 3, bucketsCreated: 3 });
    expect(ensured.bucketStatuses[0]).toMatchObject({ bucket: json, roles: ['json', 'backup'] });
  });

  it('tells what is wrong with the keys and with the service', async () => {
    const stranger = await admin({ secretKey: 'wrong-but-long-enough' }).testS3Connectivity();
    expect(stranger).toMatchObject({ success: false, buckets: [], error: expect.stringContaining('access is denied') });
    const proxy = await faultyProxy(server.endpoint);
    await proxy.close();
    const nobody = await admin({ endpoint: proxy.endpoint }).testS3Connectivity();
    expect(nobody).toMatchObject({ success: false, error: expect.stringContaining('ECONNREFUSED') });
    await expect(admin().testS3Connectivity({ signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow(
      'enough',
    );
  });

  it('finds what keeps a configuration from working', async () => {
    const validating = admin();
    const { valid, issues, recommendations } = await validating.validateSpacesConfiguration();
    expect([valid, issues.length, recommendations.length]).toEqual([false, 4, 5]);
    await validating.ensureBucketsExist({ createIfMissing: true, confirm: true });
    expect(await validating.validateSpacesConfiguration()).toMatchObject({ valid: true, issues: [] });
    const denied = await admin({ secretKey: 'wrong-but-long-enough' }).validateSpacesConfiguration();
    expect(denied.issues).toEqual(Array.from({ length: 4 }, () => expect.stringContaining('access is denied')));
  });
});
