import { installS3Servers } from './s3-servers.ts';
import { mongodBinary } from './servers.ts';

/** Fetches and builds what the tests need, so that it can be done beside other things. */
await Promise.all([mongodBinary(), installS3Servers()]);
