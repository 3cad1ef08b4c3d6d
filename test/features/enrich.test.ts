import type { Types } from 'mongoose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos, NotFoundError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Profile {
  _id: string;
  name?: string | null;
  age?: number;
  born?: Date;
  team?: Types.ObjectId;
  address?: { city?: string; zip?: string; geo?: { lat?: number; lng?: number } };
  billing?: { street?: string; country?: string };
  tags?: string[];
  phones?: { id?: string; label?: string; number?: string }[];
  orders?: { _id?: unknown; item?: string; count?: number }[];
  scores?: Map<string, number>;
  free?: unknown;
  createdAt?: Date;
  updatedAt?: Date;
}

type ProfileModel = ChronosModelType<Profile>;

const mongoose = await testDatabase();
const { Schema } = mongoose;
const billing = new Schema({ street: String, country: { type: String, default: 'AT' } }, { _id: false });
const schema = new Schema<Profile, ProfileModel>(
  {
    _id: String,
    name: { type: String, trim: true, required: true },
    age: { type: Number, min: 0 },
    born: Date,
    team: Schema.Types.ObjectId,
    address: { city: String, zip: { type: String, minlength: 4 }, geo: { lat: Number, lng: Number } },
    billing,
    tags: [String],
    phones: [new Schema({ id: String, label: String, number: String }, { _id: false })],
    orders: [new Schema({ item: String, count: { type: Number, default: 1 } })],
    scores: { type: Map, of: Number },
    free: Schema.Types.Mixed,
  } as never,
  { timestamps: true },
);
schema.plugin(chronos);
const Profile = mongoose.model<Profile, ProfileModel>('Profile', schema);

const profiles = () => mongoose.connection.collection('profiles');
const stored = async (id = 'a') => (await profiles().findOne({ _id: id as never })) as unknown as Record<string, never>;

beforeEach(async () => {
  await profiles().deleteMany({});
  await mongoose.connection.collection('profiles_ver').deleteMany({});
});

afterEach(async () => {
  expect((await Profile.verify()).findings).toEqual([]);
});

const create = (fields: Partial<Profile> = {}) => Profile.create({ _id: 'a', name: 'Ann', ...fields });

test('merges documents field by field, replaces values, and null overwrites', async () => {
  await create({ age: 5, address: { city: 'Graz', geo: { lat: 1 } }, billing: { street: 'Ring 1', country: 'DE' } });
  const enriched = await Profile.enrich('a', {
    name: '  Bea ',
    age: undefined,
    address: { zip: '8010', geo: { lng: '2' } },
    billing: { street: 'Ring 2' },
  });
  expect(enriched).toMatchObject({ name: 'Bea', age: 5 });
  expect(await stored()).toMatchObject({
    address: { city: 'Graz', zip: '8010', geo: { lat: 1, lng: 2 } },
    billing: { street: 'Ring 2', country: 'DE' },
  });
  await Profile.enrich('a', { address: null });
  expect((await stored()).address).toBeNull();
  expect((await Profile.history('a')).map(({ ov, op }) => [ov, op])).toEqual([
    [2, 'ENRICH'],
    [1, 'ENRICH'],
    [0, 'CREATE'],
  ]);
});

test('unites arrays: scalars once, items by their id, others unless they are equal', async () => {
  await create({ tags: ['x'], phones: [{ id: '1', label: 'home', number: '5' }] });
  await Profile.enrich('a', { tags: ['y', 'x'], phones: [{ id: '1', number: '6' }, { id: '2' }, { label: 'fax' }] });
  await Profile.enrich('a', { tags: 'z', phones: [{ label: 'fax' }] });
  expect(await stored()).toMatchObject({
    tags: ['x', 'y', 'z'],
    phones: [{ id: '1', label: 'home', number: '6' }, { id: '2' }, { label: 'fax' }],
  });
});

test('new subdocuments are made as Mongoose makes them, known ones keep what is not named', async () => {
  await create({ orders: [{ item: 'pen', count: 3 }] });
  const [{ _id }] = (await stored()).orders as never as [{ _id: Types.ObjectId }];
  await Profile.enrich('a', { orders: [{ _id: String(_id), item: 'pencil' }, { item: 'ink' }] });
  expect((await stored()).orders).toEqual([
    { _id, item: 'pencil', count: 3 },
    { _id: expect.any(mongoose.Types.ObjectId), item: 'ink', count: 1 },
  ]);
});

test('Maps are merged key by key', async () => {
  await create({ scores: new Map([['a', 1]]) });
  await Profile.enrich('a', { scores: { b: '2' } });
  await Profile.enrich('a', { scores: new Map([['1', 3]]) });
  expect((await stored()).scores).toEqual({ 1: 3, a: 1, b: 2 });
});

test('a batch is one version, in its order; none is an error', async () => {
  await create();
  await Profile.enrich('a', [{ tags: ['1'], age: 1 }, { tags: ['2'] }, { age: 2 }]);
  expect(await stored()).toMatchObject({ tags: ['1', '2'], age: 2, _system: { ov: 1 } });
  await expect(Profile.enrich('a', [])).rejects.toBeInstanceOf(ConfigError);
  expect((await stored())._system).toMatchObject({ ov: 1 });
});

test('functions are kept in the order they were first seen, over updates, deletions and restores', async () => {
  await create();
  await Profile.enrich('a', { age: 1 }, { functionId: 'f1' });
  await Profile.enrich('a', { age: 2 }, { functionId: 'f2' });
  await Profile.enrich('a', { age: 3 }, { functionId: 'f1' });
  await Profile.updateOne({ _id: 'a' }, { age: 4 });
  await Profile.deleteOne({ _id: 'a' });
  await Profile.restore('a', { ov: 1 });
  expect((await stored())._system).toMatchObject({ ov: 6, functionIds: ['f1', 'f2'] });
  for (let i = 0; i < 105; i++) await Profile.enrich('a', { age: i }, { functionId: `g${i}` });
  const { functionIds } = (await stored())._system as unknown as { functionIds: string[] };
  expect([functionIds.length, functionIds.at(-1)]).toEqual([100, 'g104']);
});

test('adding nothing makes no version, unless a function wants it on record', async () => {
  await create({ tags: ['x'] });
  const before = await stored();
  await Profile.enrich('a', { tags: ['x'], name: 'Ann' });
  expect(await stored()).toEqual(before);
  await Profile.enrich('a', { tags: ['x'] }, { functionId: 'f' });
  const { _system, ...content } = await stored();
  const { _system: _before, ...contentBefore } = before;
  expect(content).toEqual(contentBefore);
  expect(_system).toMatchObject({ ov: 1, functionIds: ['f'] });
});

test('64 enrichments at the same time all take effect', async () => {
  await create();
  const tags = Array.from({ length: 64 }, (_, i) => `tag ${i}`);
  await Promise.all(tags.map((tag) => Profile.enrich('a', { tags: [tag] })));
  const { tags: all, _system } = await stored();
  expect([...(all as never as string[])].sort()).toEqual([...tags].sort());
  expect(_system).toMatchObject({ ov: 64 });
});

test('expectedOv guards it', async () => {
  await create();
  await expect(Profile.enrich('a', { age: 1 }, { expectedOv: 3 })).rejects.toMatchObject({ expected: 3, actual: 0 });
  await Profile.enrich('a', { age: 1 }, { expectedOv: 0, actor: 'ana', reason: 'census' });
  expect((await Profile.history('a'))[0]).toMatchObject({ ov: 1, actor: 'ana', reason: 'census' });
});

test('a deleted document is not found, or comes back enriched on request', async () => {
  await expect(Profile.enrich('a', { age: 1 })).rejects.toBeInstanceOf(NotFoundError);
  await expect(Profile.enrich('a', { age: 1 }, { includeDeleted: true })).rejects.toBeInstanceOf(NotFoundError);
  await create({ tags: ['x'] });
  await Profile.deleteOne({ _id: 'a' });
  await expect(Profile.enrich('a', { age: 1 })).rejects.toBeInstanceOf(NotFoundError);
  await Profile.enrich('a', { age: 1 }, { includeDeleted: true });
  expect(await stored()).toMatchObject({
    _id: 'a',
    name: 'Ann',
    tags: ['x'],
    age: 1,
    _system: { ov: 2, op: 'ENRICH' },
  });
});

test('what is not named keeps its very bytes', async () => {
  const { Double, Int32, Long, Decimal128, Binary, Timestamp } = mongoose.mongo;
  const exact = {
    double: new Double(5),
    minusZero: new Double(-0),
    int: new Int32(5),
    long: Long.fromString('5'),
    decimal: Decimal128.fromString('1.10'),
    buffer: new Binary(Buffer.from('abc')),
    date: new Date(0),
    nothing: null,
    time: new Timestamp({ t: 1, i: 2 }),
    nested: { list: [new Double(1), { deep: new Double(2) }], 10: 'a', 9: 'b' },
  };
  await profiles().insertOne({ _id: 'a', name: 'Ann', ...exact, free: exact } as never);
  const bytesOf = async (): Promise<Buffer> => {
    const raw = await profiles().findOne(
      { _id: 'a' as never },
      { raw: true, projection: { _id: 0, name: 0, _system: 0, updatedAt: 0, age: 0, 'free.more': 0 } },
    );
    return raw as never as Buffer;
  };
  const before = await bytesOf();
  await Profile.enrich('a', { age: 7, free: { more: true } });
  expect(await stored()).toMatchObject({ age: 7, free: { more: true } });
  expect((await bytesOf()).equals(before)).toBe(true);
});

test('timestamps move with a change', async () => {
  const { createdAt, updatedAt } = await create();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const enriched = await Profile.enrich('a', { age: 1 });
  expect(enriched.createdAt).toEqual(createdAt);
  expect(Number(enriched.updatedAt)).toBeGreaterThan(Number(updatedAt));
});

test("what the schema does not allow is Mongoose's own error, and changes nothing", async () => {
  await create({ address: { zip: '8010' } });
  const before = await stored();
  const refused = [
    [{ age: 'old' }, 'CastError'],
    [{ born: 'yesterday' }, 'CastError'],
    [{ tags: [{}] }, 'CastError'],
    [{ address: 'here' }, 'CastError'],
    [{ age: -1 }, 'ValidationError'],
    [{ name: null }, 'ValidationError'],
    [{ address: { zip: '1' } }, 'ValidationError'],
  ] as const;
  for (const [patch, name] of refused) {
    await expect(Profile.enrich('a', patch), JSON.stringify(patch)).rejects.toMatchObject({ name });
  }
  expect(await stored()).toEqual(before);
});

test('a field that has long been stored against the schema does not stand in the way', async () => {
  await profiles().insertOne({ _id: 'a', age: 'old', orders: 5 } as never);
  await Profile.enrich('a', { tags: ['x'] });
  expect(await stored()).toMatchObject({ age: 'old', orders: 5, tags: ['x'] });
});

test('fields the schema does not know are left out, refused or kept, as strict says', async () => {
  const modelOf = (strict: boolean | 'throw') => {
    const loose = new Schema({ _id: String, known: Number }, { strict, collection: 'profiles' });
    loose.plugin(chronos);
    return mongoose.model<unknown, ProfileModel>(`Strict ${strict}`, loose as never);
  };
  await create();
  await modelOf(true).enrich('a', { known: 1, other: 1 });
  expect(await stored()).not.toHaveProperty('other');
  await expect(modelOf('throw').enrich('a', { other: 1 })).rejects.toMatchObject({ name: 'StrictModeError' });
  await modelOf(false).enrich('a', { other: 1 });
  expect(await stored()).toMatchObject({ known: 1, other: 1 });
});

test('bookkeeping and id cannot be enriched', async () => {
  await create();
  await Profile.enrich('a', { _id: 'b', _system: { ov: 99 }, age: 1 });
  expect(await stored()).toMatchObject({ _id: 'a', age: 1, _system: { ov: 1 } });
});

test('prototypes are out of reach', async () => {
  await create({ free: {} });
  const attempts = [
    '{"__proto__":{"isAdmin":true}}',
    '{"free":{"__proto__":{"isAdmin":true}}}',
    '{"free":{"constructor":{"prototype":{"isAdmin":true}}}}',
    '{"free":[{"__proto__":{"isAdmin":true}}]}',
    '{"free":{"prototype":1}}',
    '{"free":{"_bsontype":"ObjectId","id":"x"}}',
  ];
  for (const attempt of attempts) {
    await expect(Profile.enrich('a', JSON.parse(attempt)), attempt).rejects.toBeInstanceOf(ConfigError);
  }
  const cyclic: Record<string, unknown> = {};
  cyclic.free = cyclic;
  await expect(Profile.enrich('a', cyclic)).rejects.toBeInstanceOf(ConfigError);
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  expect((await stored())._system).toMatchObject({ ov: 0 });
});

test('takes part in the transaction of its caller', async () => {
  await create();
  const session = await mongoose.startSession();
  session.startTransaction();
  expect(await Profile.enrich('a', { age: 1 }, { session })).toMatchObject({ age: 1 });
  await session.abortTransaction();
  expect(await stored()).not.toHaveProperty('age');
  await session.withTransaction(() => Profile.enrich('a', { age: 2 }, { session }));
  await session.endSession();
  expect(await stored()).toMatchObject({ age: 2, _system: { ov: 1 } });
});

test('doc.enrich, and discriminators by the kind that is stored', async () => {
  const page = await create();
  expect(await page.enrich({ age: 3 })).toMatchObject({ age: 3 });
  const shape = new Schema({ _id: String, colour: String }, { discriminatorKey: 'kind' });
  shape.plugin(chronos);
  const Shape = mongoose.model<unknown, ProfileModel>('Shape', shape as never);
  const Circle = Shape.discriminator('Circle', new Schema({ radius: Number }));
  await Circle.create({ _id: 'c', colour: 'red', radius: 1 } as never);
  await Shape.enrich('c', { radius: '2', kind: 'Square' });
  expect(await mongoose.connection.collection('shapes').findOne()).toMatchObject({ kind: 'Circle', radius: 2 });
});

test('racing deletes and enrichments have only the two serial outcomes', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `race ${i}`);
  await Profile.insertMany(ids.map((_id) => ({ _id, name: 'x' })));
  const results = await Promise.allSettled(
    ids.flatMap((_id) => [Profile.enrich(_id, { age: 1 }), Profile.deleteOne({ _id })]),
  );
  for (const [i, result] of results.entries()) {
    if (result.status === 'rejected') expect([i % 2, result.reason.name]).toEqual([0, 'NotFoundError']);
  }
  expect(await profiles().countDocuments()).toBe(0);
});

test('the same opId makes one version', async () => {
  await create();
  const opId = `${new mongoose.Types.ObjectId()}`;
  await Profile.enrich('a', { age: 1 }, { opId });
  await Profile.updateOne({ _id: 'a' }, { age: 5 });
  await Profile.enrich('a', { age: 1 }, { opId });
  expect((await Profile.history('a'))[0]).toMatchObject({ op: 'UPDATE' });
});
