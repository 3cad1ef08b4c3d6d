import { describe, expect, test } from 'vitest';
import { ConfigError, type ItemListOptions, NotFoundError, type Operations } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

const { init, mongoUri, mongoose, prefix } = await testRegistries();
const { Decimal128, Long, MaxKey, MinKey, ObjectId } = mongoose.mongo;

const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [
      { key: 'own', mongoConnKey: 'main', tenantId: 'a', dbName: `${prefix}own` },
      { key: 'shared', mongoConnKey: 'main', dbName: `${prefix}shared`, tenantIds: ['c', 'd'] },
    ],
  },
});

/** Values of every kind that a sort tells apart, and lists of them. */
const values: readonly unknown[] = [
  ...[null, 1, 2, 2, 3.5, -1, Long.fromNumber(7), Decimal128.fromString('2.5'), 'a', 'b', 'b', '', true, false],
  ...[new Date(5), new Date(1), new ObjectId(), { x: 1 }, { x: 2 }, Buffer.from('q'), new MinKey(), new MaxKey()],
  ...[[], [], [1, 9], [3], ['a', 2], [null, 5], [true], [new Date(3), 'z'], [{ x: 1 }, 4]],
];

type Page = Pick<ItemListOptions, 'sort' | 'at' | 'limit'>;

async function everyPage(ops: Operations, filter: object, options: Page): Promise<string[]> {
  const ids: string[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await ops.query(filter as Record<string, unknown>, { ...options, pageToken });
    expect(page.items.length).toBeLessThanOrEqual(options.limit ?? 50);
    ids.push(...page.items.map(({ id }) => id));
    pageToken = page.pageToken;
    if (pageToken === undefined) return ids;
  }
}

describe.each([
  ['a database of its own', { tenantId: 'a', collection: 'values' }],
  ['a shared collection', { tenantId: 'c', collection: 'values' }],
] as const)('in %s', (_, route) => {
  const ops = chronos.with(route);

  test('pages of any sort over any values hold each document once, in the order of the server', async () => {
    for (const [index, v] of values.entries()) await ops.create({ v, n: index % 3, in: { list: [{ k: index % 4 }] } });
    await ops.create({ n: 1 });
    const then = new Date();
    // What comes later has a later time.
    while (Date.now() <= then.getTime()) await new Promise((resolve) => setImmediate(resolve));
    for (const v of [7, 'c', []]) await ops.create({ v, n: 9 });
    const sorts: NonNullable<Page['sort']>[] = [
      {},
      { v: 1 },
      { v: -1 },
      { n: 1, v: -1 },
      { v: 'desc', n: 'asc' },
      { 'in.list.k': -1, n: 1 },
      { updatedAt: -1 },
      { createdAt: 1 },
      { _id: -1 },
    ];
    for (const sort of sorts) {
      for (const at of [undefined, then]) {
        const whole = (await ops.query({}, { sort, at, limit: 1000 })).items.map(({ id }) => id);
        expect(whole).toHaveLength(values.length + (at === undefined ? 4 : 1));
        for (const limit of [1, 7]) expect(await everyPage(ops, {}, { sort, at, limit })).toEqual(whole);
      }
    }
  });

  test('a page goes on where the one before ended, whatever was written meanwhile', async () => {
    const notes = chronos.with<{ n: number }>({ ...route, collection: 'pages' });
    for (let n = 0; n < 6; n++) await notes.create({ n: n * 10 });
    const first = await notes.listByMeta({ filter: {}, sort: { n: 1 }, limit: 3 });
    expect(first.items.map(({ item }) => item.n)).toEqual([0, 10, 20]);
    await notes.create({ n: 5 });
    await notes.create({ n: 25 });
    await notes.delete(first.items[2]?.id);
    const second = await notes.listByMeta({ sort: { n: 1 }, limit: 3, pageToken: first.pageToken });
    expect(second.items.map(({ item }) => item.n)).toEqual([25, 30, 40]);
    const third = await notes.listByMeta({ sort: { n: 1 }, limit: 3, pageToken: second.pageToken });
    expect(third.items.map(({ item }) => item.n)).toEqual([50]);
    expect(third).not.toHaveProperty('pageToken');
    const after = await notes.listByMeta({ sort: { n: -1 }, afterId: second.items[1]?.id });
    expect(after.items.map(({ item }) => item.n)).toEqual([25, 10, 5, 0]);
    await expect(notes.listByMeta({ afterId: first.items[2]?.id })).rejects.toThrow(NotFoundError);
  });

  test('documents as of an instant are those of then', async () => {
    const notes = chronos.with<{ n: number; status: string }>({ ...route, collection: 'past' });
    const { id } = await notes.create({ n: 1, status: 'active' });
    const { createdAt } = await notes.create({ n: 2, status: 'active' });
    const { updatedAt } = await notes.update(id, { n: 1, status: 'gone' });
    const before = new Date(Math.max(createdAt.getTime(), updatedAt.getTime() - 1));
    const then = await notes.query(
      { status: 'active' },
      { at: before.toISOString(), sort: { n: 1 }, includeMeta: true },
    );
    expect(then.items).toMatchObject([
      { item: { n: 1, status: 'active' }, _meta: { ov: 0, op: 'CREATE' } },
      { item: { n: 2 } },
    ]);
    expect((await notes.query({ status: 'active' })).items).toMatchObject([{ item: { n: 2 } }]);
    expect((await notes.listByMeta({ filter: { status: 'active' } }, { at: { cv: 1 } })).items).toHaveLength(2);
  });

  test('a projection leaves out what it does not name, also where the sort needs it', async () => {
    const notes = chronos.with({ ...route, collection: 'projected' });
    await notes.create({ n: 1, title: 'x', deep: { a: 1, b: 2 } });
    const { items } = await notes.query({}, { sort: { n: 1 }, projection: ['title', 'deep.a'] });
    expect(items[0]?.item).toEqual({ title: 'x', deep: { a: 1 }, _system: expect.any(Object) });
  });
});

const ops = chronos.with({ tenantId: 'a', collection: 'guarded' });

test('there are 50 documents on a page, or up to 1000', async () => {
  await ops.model.insertMany(Array.from({ length: 60 }, (_, n) => ({ n })));
  expect((await ops.query({})).items).toHaveLength(50);
  expect((await ops.query({}, { limit: 1000 })).items).toHaveLength(60);
  for (const limit of [0, -1, 1001, 1.5, '5', { $gt: 0 }]) {
    await expect(ops.query({}, { limit } as never)).rejects.toThrow(ConfigError);
  }
});

test('a filter of the allowed operators finds what it finds', async () => {
  await ops.create({ name: 'Ana', age: 30, tags: ['x', 'y'], at: new Date(0), items: [{ k: 1, v: 2 }] });
  const filters: Record<string, unknown>[] = [
    { name: 'Ana' },
    { name: { $in: ['Ana', 'Ben'] }, age: { $gte: 30, $lt: 31 } },
    {
      $or: [{ name: 'nobody' }, { $and: [{ age: { $ne: 5 } }, { name: { $not: /^B/ } }] }],
      tags: { $all: ['x'], $size: 2 },
    },
    { $nor: [{ name: { $nin: ['Ana'] } }], age: { $mod: [7, 2] }, at: { $lte: new Date() } },
    { name: { $regex: '^a', $options: 'i' }, missing: { $exists: false }, age: { $type: 'number' } },
    { items: { $elemMatch: { k: 1, v: { $gt: 1 } } }, 'items.k': 1, tags: { $elemMatch: { $gt: 'x' } } },
  ];
  for (const filter of filters) {
    expect((await ops.query({ $and: [filter, { name: { $type: 'string' } }] })).items).toHaveLength(1);
  }
});

test('a filter that does more than comparing fields is refused, by every call that takes one', async () => {
  const operators = [
    '$where',
    '$expr',
    '$function',
    '$accumulator',
    '$jsonSchema',
    '$text',
    '$comment',
    '$sampleRate',
    '$near',
    '$geoWithin',
    '$unknown',
  ];
  const positions: ((operator: string) => unknown)[] = [
    (o) => ({ [o]: '1' }),
    (o) => ({ $and: [{ [o]: '1' }] }),
    (o) => ({ $or: [{ a: 1 }, { $nor: [{ [o]: {} }] }] }),
    (o) => ({ a: { [o]: '1' } }),
    (o) => ({ a: { $not: { [o]: '1' } } }),
    (o) => ({ a: { $elemMatch: { [o]: '1' } } }),
    (o) => ({ a: { $elemMatch: { b: { [o]: '1' } } } }),
    (o) => ({ a: { $eq: { [o]: '1' } } }),
    (o) => ({ a: { $in: [{ [o]: '1' }] } }),
    (o) => ({ a: { $gt: 1, [o]: '1' } }),
    (o) => ({ a: { b: { [o]: '1' } } }),
    (o) => ({ a: [{ b: { [o]: '1' } }] }),
  ];
  const getter = Object.defineProperty({}, 'a', { enumerable: true, get: () => 1 });
  const odd: unknown[] = [
    ...[7, 'x', [], null, () => 1, new Proxy({}, {}), new Map(), new Date(), new (class Filter {})(), getter],
    ...[
      { a: undefined },
      { a: { $gt: undefined } },
      { a: { _bsontype: 'ObjectId', id: 'x' } },
      { a: { toBSON: () => ({}) } },
    ],
    ...[
      { a: new (class X {})() },
      { a: Symbol('x') },
      { a: { $in: 'x' } },
      { a: { $exists: 'x' } },
      { a: { $size: '1' } },
    ],
    ...[
      { a: { $type: {} } },
      { a: { $mod: 7 } },
      { a: { $regex: 7 } },
      { a: { $options: 'i' } },
      { $and: {} },
      { $or: [] },
    ],
    ...[
      { a: { $regex: { toString: 'x' } } },
      { 'a.$b': 1 },
      { a: { $elemMatch: 1 } },
      { a: { $not: 1 } },
      JSON.parse('{"__proto__":{"a":1}}'),
    ],
    Array.from({ length: 30 }).reduce<unknown>((inner) => ({ $and: [inner] }), { a: 1 }),
  ];
  const corpus = [...operators.flatMap((operator) => positions.map((at) => at(operator))), ...odd];
  expect(corpus.length).toBeGreaterThan(160);
  for (const filter of corpus) {
    const given = filter as Record<string, unknown>;
    if (filter !== null) await expect(ops.query(given), JSON.stringify(filter)).rejects.toThrow(ConfigError);
    if (filter !== null) await expect(ops.listByMeta({ filter: given })).rejects.toThrow(ConfigError);
    if (filter !== null) await expect(ops.restoreCollection({ cv: 0 }, { filter: given })).rejects.toThrow(ConfigError);
  }
});

test('an id, a version, a sort and a token are scalars, and nothing passes for one', async () => {
  const { id } = await ops.create({ n: 1 });
  const { pageToken } = await ops.query({}, { limit: 1, sort: { n: 1 } });
  const odd: unknown[] = [
    { $ne: null },
    { $gt: '' },
    ['x'],
    null,
    undefined,
    true,
    { _bsontype: 'ObjectId' },
    () => 1,
    '',
  ];
  for (const one of odd) {
    const wrong = one as never;
    for (const call of [
      () => ops.getLatest(wrong),
      () => ops.getVersion(wrong, 0),
      () => ops.getAsOf(wrong, new Date()),
      () => ops.update(wrong, {}),
      () => ops.delete(wrong),
      () => ops.enrich(wrong, {}),
      () => ops.restoreObject(wrong, { ov: 0 }),
      () => ops.getVersion(id, wrong),
      () => ops.restoreObject(id, { ov: wrong }),
      () => ops.query({}, { sort: { n: wrong } }),
      ...(one === undefined ? [] : [() => ops.delete(id, wrong), () => ops.query({}, { pageToken: wrong })]),
    ]) {
      await expect(async () => call(), `${call} ${JSON.stringify(one)}`).rejects.toThrow(ConfigError);
    }
  }
  for (const token of ['x', 'A'.repeat(70_000), Buffer.from('{}').toString('base64url')]) {
    await expect(ops.query({}, { pageToken: token, sort: { n: 1 } })).rejects.toThrow(ConfigError);
  }
  await expect(ops.query({}, { pageToken, sort: { n: -1 } })).rejects.toThrow(/of another listing/);
  await expect(ops.query({}, { pageToken, sort: { n: 1 }, at: new Date() })).rejects.toThrow(/of another listing/);
  await expect(ops.query({}, { pageToken, sort: { n: 1 }, afterId: id })).rejects.toThrow(ConfigError);
});

test('content that runs code, or passes for something else, is refused before anything is written', async () => {
  const { id } = await ops.create({ n: 1 });
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const deep = Array.from({ length: 200 }).reduce<object>((inner) => ({ inner }), {});
  const many = Object.fromEntries(Array.from({ length: 300_000 }, (_, n) => [`k${n}`, 1]));
  const odd: unknown[] = [
    ...[7, 'x', null, undefined, [1], new Map(), new (class User {})(), new Proxy({}, {}), cyclic, deep, many],
    ...[
      { a: () => 1 },
      { a: Symbol('x') },
      { a: new (class X {})() },
      { a: { _bsontype: 'Decimal128' } },
      { a: new Set() },
    ],
    ...[
      { a: { toBSON: () => 1 } },
      Object.defineProperty({}, 'a', { enumerable: true, get: () => 1 }),
      { 'a.b': 1 },
      { $set: 1 },
      { '': 1 },
    ],
    ...[JSON.parse('{"a":{"__proto__":{"x":1}}}'), { constructor: 1 }, { a: new Proxy([], {}) }, { a: { 'b\0': 1 } }],
    Object.assign(new Date(), { toBSON: () => ({ forged: true }) }),
  ];
  for (const data of odd) {
    for (const call of [
      () => ops.create(data as never),
      () => ops.update(id, data as never),
      () => ops.enrich(id, [data] as never),
    ]) {
      await expect(async () => call()).rejects.toThrow(ConfigError);
    }
  }
  expect(await ops.getLatest(id)).toMatchObject({ item: { n: 1, _system: { ov: 0 } } });
  const forged = { n: 2, _system: { ov: 99, insertedAt: new Date(0), functionIds: ['x'] } };
  expect(await ops.update(id, forged)).toMatchObject({ ov: 1 });
  expect((await ops.getLatest(id))?.item._system).toMatchObject({ ov: 1, functionIds: [] });
});

test('documents from before the library are listed as version 0', async () => {
  await ops.model.db.collection('old').insertMany([{ n: 1 }, { n: 2 }]);
  const old = chronos.with({ tenantId: 'a', collection: 'old' });
  const { items } = await old.query({}, { sort: { n: 1 }, includeMeta: true });
  expect(items).toMatchObject([
    { item: { n: 1, _system: { ov: 0, deleted: false } }, _meta: { ov: 0 } },
    { item: { n: 2 } },
  ]);
});
