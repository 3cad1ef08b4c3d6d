import { describe, expect, it } from 'vitest';
import { spacesIssues } from '../../../src/payload/stores/spaces-issues.ts';

const buckets = { json: 'app-json', content: 'app-content', versions: 'app-versions', backup: 'app-json' };
const right = { endpoint: 'https://nyc3.digitaloceanspaces.com', region: 'nyc3', buckets };

describe('a configuration of DigitalOcean Spaces', () => {
  it('has no issues where it is right', () => {
    for (const options of [right, { ...right, region: 'us-east-1' }, { ...right, endpoint: undefined }]) {
      expect(spacesIssues(options)).toEqual({ issues: [], recommendations: [] });
    }
  });

  it.each([
    ['not encrypted', { endpoint: 'http://nyc3.digitaloceanspaces.com' }],
    ['of one bucket', { endpoint: 'https://app-json.nyc3.digitaloceanspaces.com' }],
    ['of the CDN', { endpoint: 'https://app-json.nyc3.cdn.digitaloceanspaces.com' }],
    ['has a path', { endpoint: 'https://nyc3.digitaloceanspaces.com/app-json' }],
    ['region', { region: 'fra1' }],
    ['name of a bucket', { buckets: { ...buckets, versions: 'App_Versions' } }],
    ['name of a bucket', { buckets: { ...buckets, versions: '127.0.0.1' } }],
  ])('has the issue: %s', (issue, wrong) => {
    expect(spacesIssues({ ...right, ...wrong }).issues.join()).toContain(issue);
  });

  it('is recommended what could be better', () => {
    const options = { ...right, forcePathStyle: true, buckets: { ...buckets, content: 'app-json' } };
    expect(spacesIssues(options)).toMatchObject({ issues: [], recommendations: { length: 2 } });
  });

  it('is held to less at another service', () => {
    for (const endpoint of [
      'http://127.0.0.1:9000',
      'https://account.r2.cloudflarestorage.com',
      'https://s3.amazonaws.com',
    ]) {
      const { issues, recommendations } = spacesIssues({ ...right, endpoint, region: 'auto' });
      expect([issues.length, recommendations.length]).toEqual([0, 1]);
    }
  });
});
