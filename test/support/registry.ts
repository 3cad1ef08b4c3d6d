import { randomBytes } from 'node:crypto';
import { afterAll, inject } from 'vitest';
import { type Chronos, type ChronosConfig, initChronos } from '../../src/index.ts';
import { mongooseUnderTest } from './database.ts';

/** Names databases of this test file, and drops all that it made after it. */
export async function testRegistries() {
  const mongoose = new (await mongooseUnderTest()).Mongoose();
  const prefix = `test-${process.env.VITEST_POOL_ID}-${randomBytes(4).toString('hex')}-`;
  const open: Chronos[] = [];
  const mongoUri = inject('mongoUri');
  const admin = new mongoose.mongo.MongoClient(mongoUri);
  const databaseNames = async () => {
    const { databases } = await admin.db('admin').admin().listDatabases({ nameOnly: true });
    return databases.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  };
  afterAll(async () => {
    for (const chronos of open) await chronos.close();
    for (const name of await databaseNames()) await admin.db(name).dropDatabase();
    await admin.close();
  });
  return {
    mongoose,
    mongoUri,
    prefix,
    admin,
    /** Which of the file's databases there are. */
    databaseNames,
    init(config: Omit<ChronosConfig, 'mongoose'>): Chronos {
      const chronos = initChronos({ ...config, mongoose });
      open.push(chronos);
      return chronos;
    },
  };
}
