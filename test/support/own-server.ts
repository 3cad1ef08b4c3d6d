import type { Mongoose } from 'mongoose';
import { afterAll } from 'vitest';
import { HEARTBEAT_MS } from './database.ts';
import { type MongoOptions, startMongo } from './servers.ts';

/**
 * Connects to a server of its own, which is gone after the file. What is set for a whole server, as failpoints and
 * parameters are, would be met by every other file.
 *
 * @returns its address, with the database
 */
export async function ownServer(
  mongoose: Mongoose,
  dbName: string,
  parameters: MongoOptions['parameters'] = {},
): Promise<string> {
  const server = await startMongo({ progress: () => undefined, parameters });
  const uri = server.uri.replace(/\/\?/, `/${dbName}?`);
  await mongoose.connect(uri, { heartbeatFrequencyMS: HEARTBEAT_MS });
  afterAll(async () => {
    await mongoose.disconnect();
    await server.stop();
  });
  return uri;
}

/** The same, where the transactions that killed processes leave open expire soon. */
export function serverForKills(mongoose: Mongoose, dbName: string): Promise<string> {
  return ownServer(mongoose, dbName, { transactionLifetimeLimitSeconds: 3 });
}
