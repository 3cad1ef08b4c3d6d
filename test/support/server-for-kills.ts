import type { Mongoose } from 'mongoose';
import { afterAll } from 'vitest';
import { startMongo } from './servers.ts';

/**
 * Connects to a server of its own: the transactions of killed processes stay open on it until they expire.
 *
 * @returns its address, with the database
 */
export async function serverForKills(mongoose: Mongoose, dbName: string): Promise<string> {
  const args = ['--setParameter', 'transactionLifetimeLimitSeconds=3'];
  const server = await startMongo({ progress: () => undefined, args });
  const uri = server.uri.replace(/\/\?/, `/${dbName}?`);
  await mongoose.connect(uri);
  afterAll(async () => {
    await mongoose.disconnect();
    await server.stop();
  });
  return uri;
}
