import type { TestProject } from 'vitest/node';
import { installS3Servers, type S3Server, startS3 } from './s3-servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    s3Servers: readonly S3Server[];
  }
}

/** The S3 servers for all files of a project; each file takes buckets of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await Promise.all((await installS3Servers()).map((installed) => startS3(installed)));
  if (servers.length === 0) console.warn('No S3 server could be had to test with');
  project.provide(
    's3Servers',
    servers.map(({ name, endpoint }) => ({ name, endpoint })),
  );
  return async () => {
    await Promise.all(servers.map(({ stop }) => stop()));
  };
}
