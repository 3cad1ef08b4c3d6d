import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Base64, ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { type AdministrationStatics, ConfigError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'papers', indexed: ['title'] })
class Paper extends ChronosModel {
  @Prop({ required: true }) title!: string;
  @Prop() text?: string;
  @Base64({ contentType: 'application/pdf' }) scan?: string;
}

@ChronosEntity({ indexed: ['to'] })
class Letter extends Paper {
  @Prop() to?: string;
  @Base64({ contentType: 'image/png' }) stamp?: string;
}

@ChronosEntity({ collection: 'notes', indexed: ['title'], tenantField: 'owner' })
class Note extends ChronosModel {
  @Prop({ required: true }) title!: string;
  @Prop() text?: string;
}

const { init, prefix, mongoUri } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-payloads-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const databases = {
  runtime: [
    { key: 'each', mongoConnKey: 'main', dbName: `${prefix}app_{tenantId}`, tenantIds: ['a', 'b'] },
    { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}shared`, tenantIds: ['c', 'd'] },
  ],
};
const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases,
  localStorage: { enabled: true, basePath },
  entities: [Paper, Letter, Note],
});

/** Stores all payloads, and takes them out of MongoDB. */
async function offload(...models: Pick<AdministrationStatics, 'markItemsAsProcessedByTTL'>[]): Promise<void> {
  await chronos.flush();
  for (const model of models) await model.markItemsAsProcessedByTTL(0, { confirm: true });
}

const scan = Buffer.from('a scan').toString('base64');

test('payloads of tenants are kept apart, under the key of their database', async () => {
  const ids = await Promise.all(
    ['a', 'b'].map(async (tenant) => {
      const { _id } = await Paper.forTenant(tenant).create({ title: 'x', text: `of ${tenant}`, scan });
      return _id;
    }),
  );
  await offload(Paper.forTenant('a'), Paper.forTenant('b'));
  expect(await readdir(join(basePath, 'json', 'each', 'papers'))).toEqual(['a', 'b']);
  expect(await readdir(join(basePath, 'content', 'each', 'papers', 'a'))).toEqual([String(ids[0])]);
  const row = await Paper.forTenant('a').collection.findOne({}, { projection: { title: 1, _system: 1 } });
  expect(row).toMatchObject({ _system: { state: 'processed' } });
  for (const [index, tenant] of ['a', 'b'].entries()) {
    expect(await Paper.forTenant(tenant).findById(ids[index]).lean()).toMatchObject({ text: `of ${tenant}`, scan });
  }
});

test('what an entity says of those that extend it holds for them', async () => {
  const Letters = Letter.forTenant('a');
  const { _id } = await Letters.create({ title: 'y', to: 'Ana', text: 'dear', stamp: scan });
  await offload(Letters);
  expect(await Letters.findOne({ to: 'Ana' }).lean()).toMatchObject({ _id, text: 'dear', stamp: scan });
  await expect(Letters.find({ text: 'dear' })).rejects.toThrow(ConfigError);
  await Letters.updateOne({ _id }, { text: 'dearest' });
  expect((await Letters.findById(_id))?.text).toBe('dearest');
});

test('tenants that share a collection have objects of their own', async () => {
  for (const tenant of ['c', 'd']) await Note.forTenant(tenant).create({ title: 'z', text: `of ${tenant}` });
  await chronos.flush();
  for (const tenant of ['c', 'd']) {
    const { _id } = await Note.forTenant(tenant).findOne().orFail();
    expect(await Note.forTenant(tenant).markItemAsProcessed(_id, { confirm: true })).toBe(true);
  }
  expect(await readdir(join(basePath, 'json', 'shared', 'notes'))).toEqual(['c', 'd']);
  for (const tenant of ['c', 'd']) {
    const Notes = Note.forTenant(tenant);
    const note = await Notes.findOne({ title: 'z' }).orFail();
    expect(note.text).toBe(`of ${tenant}`);
    note.text = 'changed';
    await note.save();
    expect(await Notes.getVersion(note._id, 0, { lean: true })).toMatchObject({ text: `of ${tenant}` });
    await expect(Notes.find({ text: 'changed' })).rejects.toThrow(ConfigError);
  }
});

test('the client marks versions as processed', async () => {
  const route = { tenantId: 'b', collection: 'papers' };
  const { _id } = await Paper.forTenant('b').create({ title: 'w', text: 'v' });
  await expect(chronos.admin.markItemsAsProcessedByTTL(route, 24, {})).rejects.toThrow(ConfigError);
  expect(await chronos.admin.markItemsAsProcessedByTTL(route, 24, { dryRun: true })).toMatchObject({ dryRun: true });
  await chronos.flush();
  expect(await chronos.admin.markItemAsProcessed(route, _id, { confirm: true })).toBe(true);
  expect(await Paper.forTenant('b').findById(_id).lean()).toMatchObject({ text: 'v', _system: { state: 'processed' } });
});

test('of several storages each database names its own', () => {
  const spaces = { endpoint: 'http://127.0.0.1:1', region: 'x', accessKey: 'a', secretKey: 'b' };
  const buckets = { json: 'json', content: 'content', versions: 'versions' };
  const config = {
    mongoConns: [{ key: 'main', mongoUri }],
    spacesConns: ['one', 'two'].map((key) => ({ ...spaces, key, buckets })),
  };
  expect(() => init({ ...config, databases })).toThrow(/payloads of database "each"/);
});
