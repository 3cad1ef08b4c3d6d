import { describe, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import { ConfigError, NotFoundError, OptimisticLockError, VersionNotFoundError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'people', indexed: ['email'], required: ['email'] })
class Person extends ChronosModel {
  @Prop({ required: true, lowercase: true }) email!: string;
  @Prop({ min: 0 }) age?: number;
}

type RawDocument = Record<string, unknown>;

const { init, mongoUri, mongoose, prefix } = await testRegistries();

const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'tenant-a', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}a` },
      { key: 'tenant-b', mongoConnKey: 'main', tenantId: 'b', dbName: `${prefix}b` },
      { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}shared`, tenantIds: ['c', 'd'] },
    ],
  },
  entities: [Person],
});

interface Note {
  title?: string;
  tags?: string[];
  meta?: Record<string, unknown>;
  n?: number;
}

const forms = [
  ['a database of its own', { key: 'tenant-a', collection: 'notes' }],
  ['a shared collection', { tenantId: 'c', collection: 'notes' }],
] as const;

describe.each(forms)('a collection without a class, in %s', (_, route) => {
  const ops = chronos.with<Note>(route);

  test('create, update and delete tell id, ov, cv and when', async () => {
    const notes = chronos.with<Note>({ ...route, collection: 'fresh' });
    const created = await notes.create({ title: 'x' }, 'ana', 'new');
    expect(created).toEqual({ id: expect.stringMatching(/^[0-9a-f]{24}$/), ov: 0, cv: 0, createdAt: expect.any(Date) });
    const { id } = created;
    expect(await notes.update(id, { title: 'y' }, 0, 'ben', 'better')).toEqual({
      id,
      ov: 1,
      cv: 1,
      updatedAt: expect.any(Date),
    });
    expect(await notes.delete(id, 1, 'cy', 'old')).toEqual({ id, ov: 2, cv: 2, deletedAt: expect.any(Date) });
    expect(await notes.getLatest(id)).toBeNull();
    const versions = await notes.model.history(id, { lean: true });
    expect(versions.map(({ op, actor, reason }) => [op, actor, reason])).toEqual([
      ['DELETE', 'cy', 'old'],
      ['UPDATE', 'ben', 'better'],
      ['CREATE', 'ana', 'new'],
    ]);
  });

  test('an update replaces all content, keeps insertedAt and always makes a version', async () => {
    const { id, createdAt } = await ops.create({ title: 'x', n: 1 });
    await ops.update(id, { title: 'y' });
    const item = (await ops.getLatest(id))?.item;
    expect(item).toMatchObject({ title: 'y', _system: { ov: 1, insertedAt: createdAt, deleted: false } });
    expect(item).not.toHaveProperty('n');
    expect(await ops.update(id, { title: 'y' })).toMatchObject({ ov: 2 });
    expect((await ops.getVersion(id, 0))?.item).toMatchObject({ title: 'x', n: 1 });
  });

  test('what was read can be written back', async () => {
    const { id } = await ops.create({ title: 'x', tags: ['a'] });
    const read = await ops.getLatest(id);
    expect(await ops.update(id, { ...read?.item, title: 'z' })).toMatchObject({ ov: 1 });
    const { _system, ...content } = (await ops.getLatest(id))?.item ?? {};
    expect(content).toEqual({ title: 'z', tags: ['a'], ...('tenantId' in route ? { tenantId: route.tenantId } : {}) });
  });

  test('an update or delete upon another version is refused, and of a deleted document is not found', async () => {
    const { id } = await ops.create({ title: 'x' });
    await ops.update(id, { title: 'y' });
    await expect(ops.update(id, { title: 'z' }, 0)).rejects.toThrow(OptimisticLockError);
    await expect(ops.delete(id, 0)).rejects.toThrow(OptimisticLockError);
    await expect(ops.enrich(id, { n: 1 }, { expectedOv: 0 })).rejects.toThrow(OptimisticLockError);
    await ops.delete(id);
    for (const call of [
      () => ops.delete(id),
      () => ops.delete(id, 2),
      () => ops.update(id, {}),
      () => ops.update(id, {}, 2),
      () => ops.enrich(id, {}),
    ]) {
      await expect(call()).rejects.toThrow(NotFoundError);
    }
    for (const unknown of ['no-such-id', 'f'.repeat(24), 7]) {
      await expect(ops.update(unknown, {})).rejects.toThrow(NotFoundError);
      expect(await ops.getLatest(unknown)).toBeNull();
    }
  });

  test('concurrent updates upon one version: one is made', async () => {
    const { id } = await ops.create({ n: 0 });
    const results = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => ops.update(id, { n }, 0)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await ops.getLatest(id)).toMatchObject({ item: { _system: { ov: 1 } } });
  });

  test('each of concurrent updates is told its own version', async () => {
    const { id } = await ops.create({ n: 0 });
    const made = await Promise.all(Array.from({ length: 8 }, (_, n) => ops.update(id, { n: n + 1 })));
    expect(made.map(({ ov }) => ov).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const [index, { ov }] of made.entries())
      expect(await ops.getVersion(id, ov)).toMatchObject({ item: { n: index + 1 } });
  });

  test('enrich merges deeply, several patches as one version, and keeps who did it', async () => {
    const { id } = await ops.create({ title: 'x', tags: ['a'] });
    const by = { functionId: 'enricher@v1', actor: 'system', reason: 'automated enrichment' };
    expect(await ops.enrich(id, { tags: ['premium'], meta: { newField: 'value' } }, by)).toMatchObject({ id, ov: 1 });
    const second = await ops.enrich(id, [{ tags: ['vip'] }, { meta: { score: 100 } }, { tags: ['verified'] }]);
    expect(second).toMatchObject({ ov: 2, updatedAt: expect.any(Date) });
    expect(await ops.getLatest(id, { includeMeta: true })).toMatchObject({
      item: {
        tags: ['a', 'premium', 'vip', 'verified'],
        meta: { newField: 'value', score: 100 },
        _system: { functionIds: ['enricher@v1'] },
      },
      _meta: { op: 'ENRICH', ov: 2 },
    });
    expect(await ops.enrich(id, { tags: ['vip'] })).toMatchObject({ ov: 2 });
    await expect(ops.enrich(id, [])).rejects.toThrow(ConfigError);
  });

  test('reads of the past: by version, as of an instant, and of what is deleted', async () => {
    const { id, createdAt } = await ops.create({ title: 'x' }, 'ana');
    const before = new Date(createdAt.getTime() - 1);
    const { updatedAt } = await ops.update(id, { title: 'y' }, 0, { type: 'user', identifier: 'ben' }, 'why');
    const { deletedAt } = await ops.delete(id);
    expect(await ops.getVersion(id, 1, { includeMeta: true })).toMatchObject({
      id,
      item: { title: 'y' },
      _meta: { ov: 1, op: 'UPDATE', at: updatedAt, actor: { identifier: 'ben' }, reason: 'why' },
    });
    expect(await ops.getVersion(id, 2)).toBeNull();
    expect(await ops.getVersion(id, 9)).toBeNull();
    expect(await ops.getAsOf(id, before.toISOString())).toBeNull();
    expect(await ops.getAsOf(id, updatedAt)).toMatchObject({ item: { title: 'y' } });
    expect(await ops.getItem(id, { ov: 0 })).toMatchObject({ item: { title: 'x' } });
    expect(await ops.getItem(id, { at: updatedAt.toISOString() })).toMatchObject({ item: { title: 'y' } });
    expect(await ops.getItem(id)).toBeNull();
    const gone = { id, item: { title: 'y', _system: { ov: 2, deleted: true, deletedAt, insertedAt: createdAt } } };
    expect(await ops.getLatest(id, { includeDeleted: true })).toMatchObject(gone);
    expect(await ops.getVersion(id, 2, { includeDeleted: true })).toMatchObject(gone);
    expect(await ops.getAsOf(id, deletedAt, { includeDeleted: true })).toMatchObject(gone);
    await expect(async () => ops.getAsOf(id, 'garbage')).rejects.toThrow(ConfigError);
  });

  test('restore brings a version back, also of a deleted document, and writes nothing where it is there', async () => {
    const { id, createdAt } = await ops.create({ title: 'x' });
    await ops.update(id, { title: 'y' });
    expect(await ops.restoreObject(id, { ov: 0 }, { actor: 'ana' })).toMatchObject({ id, ov: 2, restoredFrom: 0 });
    expect(await ops.restoreObject(id, { at: createdAt })).toMatchObject({ ov: 2 });
    await ops.delete(id);
    expect(await ops.restoreObject(id, { ov: 1 })).toMatchObject({ ov: 4, restoredFrom: 1 });
    expect(await ops.getLatest(id)).toMatchObject({ item: { title: 'y', _system: { deleted: false } } });
    await expect(ops.restoreObject(id, { ov: 3 })).rejects.toThrow(VersionNotFoundError);
    await expect(ops.restoreObject(id, { ov: 9 })).rejects.toThrow(VersionNotFoundError);
  });

  test('a projection gives what it names and nothing else', async () => {
    const { id } = await ops.create({ title: 'x', n: 1, meta: { a: { b: 1, c: 2 }, d: 3 } });
    expect((await ops.getLatest(id, { projection: ['n', 'meta.a.b'] }))?.item).toEqual({
      n: 1,
      meta: { a: { b: 1 } },
      _system: expect.any(Object),
    });
    expect((await ops.getLatest(id, { projection: [] }))?.item).toEqual({ _system: expect.any(Object) });
    for (const projection of [['$where'], ['a.$b'], [''], [7], 'title', [{ a: 1 }]]) {
      await expect(ops.getLatest(id, { projection } as never)).rejects.toThrow(ConfigError);
    }
  });

  test('restoreCollection takes all back to an instant, or what a filter finds', async () => {
    const notes = chronos.with<Note>({ ...route, collection: 'all' });
    const { id } = await notes.create({ title: 'x', n: 1 });
    const { cv } = await notes.create({ title: 'y', n: 2 });
    await notes.update(id, { title: 'z', n: 1 });
    await notes.create({ title: 'late' });
    const target = { cv: cv as number };
    expect(await notes.restoreCollection(target, { dryRun: true })).toMatchObject({
      restored: 1,
      deleted: 1,
      dryRun: true,
    });
    expect(await notes.restoreCollection(target, { filter: { n: 1 } })).toMatchObject({ restored: 1, deleted: 0 });
    expect(await notes.restoreCollection(target)).toMatchObject({ restored: 0, deleted: 1 });
    expect((await notes.query({}, { sort: { title: 1 } })).items.map(({ item }) => item.title)).toEqual(['x', 'y']);
    await expect(notes.restoreCollection(target, { filter: { $where: '1' } })).rejects.toThrow(ConfigError);
  });
});

test('documents hold what they were given, whatever their fields are called', async () => {
  const { ObjectId, Decimal128, Long, Binary, Timestamp, BSONRegExp } = mongoose.mongo;
  const ops = chronos.with({ key: 'tenant-a', collection: 'anything' });
  const data = {
    save: 1,
    _doc: 2,
    toObject: 3,
    collection: 'c',
    errors: 'e',
    isNew: 5,
    schema: 's',
    id: 'own',
    validate: 6,
    __v: 7,
    nested: { 'a.b': 1, $date: 'x', empty: {}, nothing: null, list: [[1], { x: {} }, null] },
    date: new Date(0),
    oid: new ObjectId(),
    dec: Decimal128.fromString('1.10'),
    long: Long.fromString('9007199254740993'),
    bin: new Binary(Buffer.from('x')),
    ts: new Timestamp({ t: 1, i: 2 }),
    re: new BSONRegExp('x', 'i'),
    zero: -0,
    nan: Number.NaN,
  };
  const { id } = await ops.create(data);
  const { _system, ...content }: RawDocument = (await ops.getLatest(id))?.item ?? {};
  expect(mongoose.mongo.BSON.serialize(content)).toEqual(mongoose.mongo.BSON.serialize({ ...data, re: content.re }));
  await ops.update(id, data);
  const { _system: _, ...updated }: RawDocument = (await ops.getLatest(id))?.item ?? {};
  expect(mongoose.mongo.BSON.serialize(updated)).toEqual(mongoose.mongo.BSON.serialize(content));
});

test('an id is made, and another one is no content', async () => {
  const ops = chronos.with({ key: 'tenant-a', collection: 'notes' });
  const { id } = await ops.create({ title: 'x' });
  await expect(ops.create({ _id: 'mine' })).rejects.toThrow(ConfigError);
  await expect(ops.update(id, { _id: 'f'.repeat(24) })).rejects.toThrow(ConfigError);
  expect(await ops.update(id, { _id: id, title: 'y' })).toMatchObject({ ov: 1 });
  expect(await ops.getLatest(new mongoose.Types.ObjectId(id))).toMatchObject({ id, item: { title: 'y' } });
});

test('documents of older ids are read and written by them', async () => {
  const ops = chronos.with({ key: 'tenant-a', collection: 'old' });
  await ops.model.db.collection('old').insertOne({ _id: 'abc', n: 1 } as never);
  expect(await ops.getLatest('abc')).toMatchObject({ id: 'abc', item: { n: 1 } });
  expect(await ops.enrich('abc', { m: 2 })).toMatchObject({ id: 'abc', ov: 1 });
  expect(await ops.query({ _id: 'abc' })).toMatchObject({ items: [{ id: 'abc', item: { n: 1, m: 2 } }] });
});

test('the class of an entity says what its documents hold', async () => {
  const ops = chronos.with<{ email: string; age?: number }>({ key: 'tenant-a', collection: 'people' });
  const { id } = await ops.create({ email: 'X@Y.Z' });
  expect(await ops.getLatest(id)).toMatchObject({ item: { email: 'x@y.z' } });
  await expect(ops.create({ email: 'a@b.c', age: -1 })).rejects.toThrow(/validation failed/);
  await expect(ops.update(id, { email: 'a@b.c', age: -1 })).rejects.toThrow(/alidation failed/);
  await expect(ops.update(id, {} as never)).rejects.toThrow(/alidation failed/);
  await expect(ops.enrich(id, { age: -1 })).rejects.toThrow(/alidation failed/);
  expect(await ops.update(id, { email: 'A@B.C', age: 5 }, 0, 'ana', 'why')).toMatchObject({ id, ov: 1 });
  expect(await ops.update(id, { email: 'a@b.c', age: 5 })).toMatchObject({ ov: 2 });
  expect(await Person.forTenant('a').findById(id)).toMatchObject({ email: 'a@b.c', age: 5 });
  expect(await ops.getLatest('no-object-id')).toBeNull();
  await expect(ops.delete('no-object-id')).rejects.toThrow(NotFoundError);
});

test('tenants do not see or change what is another tenant’s', async () => {
  for (const [mine, other] of [
    [chronos.with({ tenantId: 'a', collection: 'notes' }), chronos.with({ tenantId: 'b', collection: 'notes' })],
    [chronos.with({ tenantId: 'c', collection: 'notes' }), chronos.with({ tenantId: 'd', collection: 'notes' })],
  ] as const) {
    const { id } = await mine.create({ title: 'mine' });
    expect(await other.getLatest(id)).toBeNull();
    expect(await other.getVersion(id, 0)).toBeNull();
    expect((await other.query({})).items).toEqual([]);
    for (const call of [() => other.update(id, {}), () => other.delete(id), () => other.enrich(id, { a: 1 })]) {
      await expect(call()).rejects.toThrow(NotFoundError);
    }
    await expect(other.restoreObject(id, { ov: 0 })).rejects.toThrow(VersionNotFoundError);
    const { pageToken } = await mine.query({}, { limit: 1 });
    if (pageToken !== undefined) expect((await other.query({}, { pageToken })).items).toEqual([]);
  }
  const shared = chronos.with({ tenantId: 'c', collection: 'notes' });
  await expect(shared.create({ tenantId: 'd' })).rejects.toThrow(/names the tenant/);
});

test.each(['users_ver', 'users_counter', 'users_locks', 'cnt_total', 'chronos_fallback_ops', 'system.views', 'a$b'])(
  'the collection %j is not for documents',
  (collection) => {
    expect(() => chronos.with({ key: 'tenant-a', collection })).toThrow(ConfigError);
  },
);
