import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Base64, ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { ConfigError, FilePayloadStore } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'papers', indexed: ['title'] })
class Paper extends ChronosModel {
  @Prop({ required: true }) title!: string;
  @Prop() text?: string;
  @Base64({ contentType: 'application/pdf' }) scan?: string;
}

@ChronosEntity({ collection: 'notes', indexed: ['title'], tenantField: 'owner' })
class Note extends ChronosModel {
  @Prop({ required: true }) title!: string;
  @Prop() text?: string;
}

const { init, prefix, mongoUri } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-swept-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const databases = {
  runtime: [
    { key: 'each', mongoConnKey: 'main', dbName: `${prefix}swept_{tenantId}`, tenantIds: ['a', 'b'] },
    { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}swept`, tenantIds: ['c', 'd'] },
  ],
};
const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases,
  localStorage: { enabled: true, basePath },
  entities: [Paper, Note],
});

const json = new FilePayloadStore(join(basePath, 'json'));
const now = { confirm: true, graceMs: 0 };
const scan = Buffer.from('a scan').toString('base64');
const objectsIn = async (folder: string) => (await json.list(folder)).objects.map(({ key }) => key);

test('what is left of a tenant that is gone is swept, and nothing of the others', async () => {
  for (const tenant of ['a', 'b']) await Paper.forTenant(tenant).create({ title: 'x', text: `of ${tenant}`, scan });
  await chronos.flush();
  const others = await objectsIn('each/papers/b/');
  await Paper.forTenant('a').db.dropDatabase();
  const route = { tenantId: 'a', collection: 'papers' };
  await expect(chronos.admin.sweep(route, {})).rejects.toThrow(ConfigError);
  const report = await chronos.admin.sweep(route, now);
  expect(report).toMatchObject({ objects: 2, orphans: 2 });
  expect(report.keys.every((key) => key.startsWith('each/papers/a/'))).toBe(true);
  expect(await objectsIn('each/papers/a/')).toEqual([]);
  expect(await readdir(join(basePath, 'content', 'each', 'papers'))).toEqual(['b']);
  expect(await chronos.admin.sweep({ tenantId: 'b', collection: 'papers' }, now)).toMatchObject({ orphans: 0 });
  expect(await objectsIn('each/papers/b/')).toEqual(others);
});

test('tenants that share a collection sweep their own part of it', async () => {
  for (const tenant of ['c', 'd']) {
    await Note.forTenant(tenant).create({ title: 'x', text: `of ${tenant}` });
    await json.put(`shared/notes/${tenant}/s.gone/v0/item.json`, Buffer.from('left'));
  }
  await chronos.flush();
  const report = await Note.forTenant('c').sweep(now);
  expect(report).toMatchObject({ objects: 2, orphans: 1, keys: ['shared/notes/c/s.gone/v0/item.json'] });
  expect(await objectsIn('shared/notes/c/')).toHaveLength(1);
  expect(await objectsIn('shared/notes/d/')).toHaveLength(2);
  const marked = await Note.forTenant('c').findOne().orFail();
  expect(await Note.forTenant('c').markItemAsProcessed(marked._id, { confirm: true })).toBe(true);
  expect((await Note.forTenant('c').findOne())?.text).toBe('of c');
});

test('files of writers that were killed go with it', async () => {
  const work = join(basePath, 'json', '.partial');
  await mkdir(work, { recursive: true });
  for (const [name, age] of [
    ['old', 2 * 3_600_000],
    ['young', 0],
  ] as const) {
    await writeFile(join(work, name), 'half');
    const at = new Date(Date.now() - age);
    await utimes(join(work, name), at, at);
  }
  const route = { tenantId: 'b', collection: 'papers' };
  expect(await chronos.admin.sweep(route, { dryRun: true })).toMatchObject({ interrupted: 0 });
  expect(await chronos.admin.sweep(route, { confirm: true })).toMatchObject({ interrupted: 1, orphans: 0 });
  expect(await readdir(work)).toEqual(['young']);
});
