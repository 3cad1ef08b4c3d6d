import { MongoMemoryServer } from 'mongodb-memory-server';
import { afterAll, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { ConfigError, chronos, initChronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { mongodBinary } from '../support/servers.ts';

const mongoose = await testDatabase();

test('a validator without room for the bookkeeping is named before the first write, with its cure', async () => {
  const $jsonSchema = { bsonType: 'object', additionalProperties: false, properties: { _id: {}, __v: {}, n: {} } };
  await mongoose.connection.createCollection('strictdocs', { validator: { $jsonSchema } });
  const schema = new mongoose.Schema({ n: Number });
  schema.plugin(chronos);
  const Strict = mongoose.model('StrictDoc', schema);
  const error = await Strict.create({ n: 1 }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain("collMod: 'strictdocs'");
  expect(await Strict.countDocuments()).toBe(0);
});

test('a standalone server is refused before the first write, with the way to a replica set', async () => {
  const { path, version } = await mongodBinary();
  const server = await MongoMemoryServer.create({ binary: { systemBinary: path, version } });
  afterAll(() => server.stop());
  const standalone = await mongoose.createConnection(server.getUri('app')).asPromise();
  const schema = new mongoose.Schema({ n: Number });
  schema.plugin(chronos);
  const Doc = standalone.model('Doc', schema);
  for (const write of [() => Doc.create({ n: 1 }), () => Doc.updateOne({}, { n: 2 }), () => Doc.deleteMany({})]) {
    const error = await write().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain('--replSet');
  }
  expect(await Doc.countDocuments()).toBe(0);
  await standalone.close();
});

test.each([{ enabled: true, autoDetect: false }, { enabled: true, autoDetect: true }, {}])(
  'a registry refuses a standalone at its first write, and leaves nothing there: %j',
  async (transactions) => {
    @ChronosEntity()
    class Entry extends ChronosModel {
      @Prop({ index: true }) n?: number;
    }
    const { path, version } = await mongodBinary();
    const server = await MongoMemoryServer.create({ binary: { systemBinary: path, version } });
    const registry = initChronos({
      mongoConns: [{ key: 'main', mongoUri: server.getUri() }],
      databases: { runtime: [{ key: 'a', mongoConnKey: 'main', dbName: 'app', tenantId: 'a' }] },
      transactions,
      entities: [Entry],
      mongoose,
    });
    const Entries = Entry.forTenant('a');
    expect(await Entries.countDocuments()).toBe(0);
    for (const write of [() => Entries.create({ n: 1 }), () => Entries.updateOne({}, { n: 1 }, { upsert: true })]) {
      await expect(write()).rejects.toThrow(/--replSet/);
    }
    const { databases } = (await Entries.db.getClient().db('admin').admin().listDatabases({ nameOnly: true })) as {
      databases: { name: string }[];
    };
    expect(databases.map(({ name }) => name)).not.toContain('app');
    await registry.close();
    await server.stop();
  },
);

test('unknown options and a second, different application of the plugin are refused at once', () => {
  const schema = new mongoose.Schema({ n: Number });
  expect(() => schema.plugin(chronos, { indxed: ['n'] } as never)).toThrow('unknown key "indxed"; there are visible');
  schema.plugin(chronos);
  schema.plugin(chronos);
  expect(() => schema.plugin(chronos, { visible: true })).toThrow(ConfigError);
});
