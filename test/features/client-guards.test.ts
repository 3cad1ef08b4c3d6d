import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, prefix } = await testRegistries();

const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}own` },
      { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}shared`, tenantIds: ['c', 'd'] },
    ],
  },
  hardDeleteEnabled: true,
});

describe.each([
  ['a database of its own', { tenantId: 'a', collection: 'guarded' }],
  ['a shared collection', { tenantId: 'c', collection: 'guarded' }],
] as const)('in %s', (_, route) => {
  const ops = chronos.with<{ n: number }>(route);

  test('who writes and why is kept as it is given, or refused', async () => {
    const { id } = await ops.create({ n: 1 });
    const actor = { type: 'user', identifier: 'ana', name: 'Ana', metadata: { team: 'x' } };
    await ops.update(id, { n: 2 }, 0, actor, 'why');
    expect((await ops.getLatest(id, { includeMeta: true }))?._meta).toMatchObject({ actor, reason: 'why' });
    const odd = [
      null,
      7,
      true,
      [],
      {},
      () => 1,
      Symbol('x'),
      new Date(),
      { toBSON: () => 'forged' },
      new Proxy({}, {}),
    ];
    const actors = [
      { type: 'user' },
      { ...actor, extra: 1 },
      { ...actor, identifier: { $ne: 1 } },
      { ...actor, metadata: 1 },
    ];
    const wrong = odd.flatMap((one) => [{ actor: one }, { reason: one }, { functionId: one }]);
    for (const by of [...wrong, ...actors.map((one) => ({ actor: one }))] as { actor?: never; reason?: never }[]) {
      for (const call of [
        () => ops.enrich(id, { n: 3 }, by),
        () => ops.restoreObject(id, { ov: 0 }, by),
        ...('functionId' in by
          ? []
          : [
              () => ops.create({ n: 3 }, by.actor, by.reason),
              () => ops.update(id, { n: 3 }, undefined, by.actor, by.reason),
              () => ops.delete(id, undefined, by.actor, by.reason),
              () => ops.restoreCollection({ cv: 0 }, by),
            ]),
      ]) {
        await expect(async () => call()).rejects.toThrow(ConfigError);
      }
    }
    expect(await ops.query({})).toMatchObject({ items: [{ item: { n: 2, _system: { ov: 1 } } }] });
  });

  test('a version to restore is named in one way', async () => {
    const { id, createdAt } = await ops.create({ n: 1 });
    const odd = [{}, null, { ov: 0, at: createdAt }, { ov: 0, cv: 0 }, { at: createdAt, cv: 0 }, { version: 0 }, 'ov'];
    for (const target of odd as never[]) {
      await expect(async () => ops.restoreObject(id, target)).rejects.toThrow(ConfigError);
      await expect(async () => ops.restoreCollection(target, { dryRun: true })).rejects.toThrow(ConfigError);
      await expect(async () => ops.model.restore(id, target)).rejects.toThrow(ConfigError);
    }
  });

  test('sorts and projections by names that every object has, or that are the library’s', async () => {
    const { id } = await ops.create({ n: 1 });
    for (const path of ['constructor', '__proto__', 'toString', '_system.ov', '_id.t']) {
      const sort = JSON.parse(`{"${path}":1}`);
      const { items, pageToken } = await ops.query({}, { sort, limit: 1 });
      expect(items).toHaveLength(1);
      expect((await ops.query({}, { sort, pageToken })).items).not.toEqual([]);
      const shown = { _system: expect.objectContaining({ ov: 0, deleted: false }) };
      expect((await ops.getLatest(id, { projection: [path] }))?.item).toEqual(shown);
      expect((await ops.query({ _id: id }, { projection: [path, 'n'] })).items[0]?.item).toEqual({ n: 1, ...shown });
    }
  });

  test('what looks after a document wants an id, and what erases some wants plain conditions', async () => {
    const { id } = await ops.create({ n: 9 });
    const { admin } = chronos;
    for (const odd of [undefined, null, '', true, {}, [], { $ne: null }, () => 1, { _bsontype: 'ObjectId' }]) {
      for (const call of [
        () => admin.hold(route, odd),
        () => admin.releaseHold(route, odd),
        () => admin.markItemAsProcessed(route, odd, { confirm: true }),
        () => admin.hardDelete(route, { id: odd }, { confirm: true }),
        () => admin.hardDelete(route, { ids: [id, odd] }, { confirm: true }),
      ]) {
        await expect(call()).rejects.toThrow(ConfigError);
      }
    }
    for (const filter of [{ $where: 'true' }, { $expr: true }, { n: { $gt: undefined } }]) {
      await expect(admin.hardDelete(route, { filter }, { confirm: true })).rejects.toThrow(ConfigError);
    }
    for (const target of [{}, { filter: undefined }] as never[]) {
      await admin.hardDelete(route, target, { confirm: true }).catch(() => undefined);
    }
    expect(await ops.getLatest(id)).toMatchObject({ item: { n: 9 } });
    expect(await admin.hardDelete(route, { filter: { n: 9 } }, { confirm: true })).toMatchObject({ documents: 1 });
    expect((await ops.query({})).items).not.toEqual([]);
  });
});

test.each(['__proto__', 'constructor', 'toString', '', 'a$', undefined, {}])(
  'the collection %j is refused before anything is made of it',
  async (collection) => {
    const route = { tenantId: 'a', collection: collection as string };
    expect(() => chronos.with(route)).toThrow(ConfigError);
    await expect(chronos.admin.listBackups(route)).rejects.toThrow(ConfigError);
    await expect(chronos.admin.hold(route, 'x')).rejects.toThrow(ConfigError);
    await chronos.flush();
  },
);
