import type { S3BucketsOptions } from './s3-buckets.ts';

export interface Findings {
  readonly issues: string[];
  readonly recommendations: string[];
}

/** `nyc3.digitaloceanspaces.com`, or that of one bucket: `app-json.nyc3.digitaloceanspaces.com`. */
const SPACES_HOST = /^(?:(?<bucket>[a-z0-9.-]+)\.)?(?<region>[a-z]{3}\d)(?:\.cdn)?\.digitaloceanspaces\.com$/;
const BUCKET = /^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]$/;

/** What can be told of a configuration by reading it. */
export function spacesIssues({ endpoint, region, forcePathStyle, buckets }: S3BucketsOptions): Findings {
  const findings: Findings = { issues: [], recommendations: [] };
  judgeBuckets(Object.values(buckets), findings);
  if (endpoint === undefined) return findings;
  const { protocol, hostname, pathname } = new URL(endpoint);
  if (pathname !== '/') findings.issues.push('The endpoint has a path. Leave buckets out of it');
  const spaces = SPACES_HOST.exec(hostname)?.groups;
  if (spaces === undefined) {
    findings.recommendations.push(
      'The endpoint is not one of DigitalOcean Spaces: what holds for those was not checked',
    );
    return findings;
  }
  if (protocol !== 'https:') findings.issues.push('The endpoint is not encrypted. Use https://');
  if (spaces.bucket !== undefined) {
    findings.issues.push(`The endpoint is that of one bucket. Use https://${spaces.region}.digitaloceanspaces.com`);
  }
  if (hostname.includes('.cdn.')) findings.issues.push('The endpoint is that of the CDN, which only reads');
  if (region !== spaces.region && region !== 'us-east-1') {
    findings.issues.push(`The region is not that of the endpoint. Use ${spaces.region}`);
  }
  if (forcePathStyle === true) findings.recommendations.push('Spaces need no forcePathStyle. Leave it out');
  return findings;
}

function judgeBuckets(names: readonly string[], { issues, recommendations }: Findings): void {
  for (const name of new Set(names)) if (!BUCKET.test(name)) issues.push(`${name} cannot be the name of a bucket`);
  const [json, content] = names;
  if (json === content) recommendations.push('JSON and content share a bucket. Give each its own, to treat them apart');
}
