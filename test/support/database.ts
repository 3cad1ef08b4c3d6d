import { randomBytes } from 'node:crypto';
import type { Mongoose } from 'mongoose';
import { afterAll, inject } from 'vitest';

/** The error after a failpoint or a step down lasts until the next heartbeat: 10 s by default. */
export const HEARTBEAT_MS = 500;

/**
 * A Mongoose of its own, connected to an empty database that is dropped after the file: call it once, at the top of
 * the file. Under `CHRONOS_TEST_MONGOOSE=8` it is Mongoose 8, with the types of Mongoose 9.
 */
export async function testDatabase(): Promise<Mongoose> {
  const mongoose = new (await mongooseUnderTest()).Mongoose();
  const dbName = `test-${process.env.VITEST_POOL_ID}-${randomBytes(4).toString('hex')}`;
  await mongoose.connect(inject('mongoUri'), { dbName, heartbeatFrequencyMS: HEARTBEAT_MS });
  afterAll(async () => {
    await mongoose.connection.dropDatabase();
    await mongoose.disconnect();
  });
  return mongoose;
}

/** The Mongoose that the tests are run with. */
export async function mongooseUnderTest(): Promise<Mongoose> {
  const name: string = process.env.CHRONOS_TEST_MONGOOSE === '8' ? 'mongoose8' : 'mongoose';
  const loaded: typeof import('mongoose') = await import(name);
  return loaded.default;
}
