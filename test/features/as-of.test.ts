import type { Types } from 'mongoose';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos, ReadOnlyVersionError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Team {
  _id: string;
  name: string;
  city?: Types.ObjectId;
}

interface Player {
  _id: number;
  name: string;
  score: number;
  tags: string[];
  items: { sku: string; n: number }[];
  team?: string;
  owner?: string;
  ownerModel?: string;
  nested?: { team?: string };
}

const mongoose = await testDatabase();
const { Schema } = mongoose;
const day = (n: number): Date => new Date(Date.UTC(2026, 0, n));
let today = 1;
const clock = { now: () => day(today) };

const teamSchema = new Schema<Team, ChronosModelType<Team>>({
  _id: String,
  name: String,
  city: { type: Schema.Types.ObjectId, ref: 'City' },
});
teamSchema.plugin(chronos, { clock });
teamSchema.virtual('players', { ref: 'Player', localField: '_id', foreignField: 'team' });
const Team = mongoose.model<Team, ChronosModelType<Team>>('Team', teamSchema);

const citySchema = new Schema<{ name: string }, ChronosModelType<{ name: string }>>({ name: String });
citySchema.plugin(chronos, { clock });
const City = mongoose.model<{ name: string }, ChronosModelType<{ name: string }>>('City', citySchema);

const playerSchema = new Schema<Player, ChronosModelType<Player>>({
  _id: Number,
  name: String,
  score: { type: Number, index: true },
  tags: [String],
  items: [{ _id: false, sku: String, n: Number }],
  team: { type: String, ref: 'Team' },
  owner: { type: String, refPath: 'ownerModel' },
  ownerModel: String,
  nested: { team: { type: String, ref: 'Team' } },
});
playerSchema.plugin(chronos, { clock });
const Player = mongoose.model<Player, ChronosModelType<Player>>('Player', playerSchema);

const ids = (documents: readonly { _id: unknown }[]): unknown[] => documents.map(({ _id }) => _id);

/** Day 1: created. Day 2: everyone scores more. Day 3: 2 is deleted, the team renamed. Day 4: 2 is back, 5 is new. */
beforeAll(async () => {
  const city = await City.create({ name: 'Rome' });
  await Team.create({ _id: 'red', name: 'Red', city: city._id });
  const tags = ['a', 'b', 'c'];
  const items = [
    { sku: 'x', n: 1 },
    { sku: 'y', n: 2 },
  ];
  for (const _id of [1, 2, 3, 4]) {
    const refs = { team: 'red', owner: 'red', ownerModel: 'Team', nested: { team: 'red' } };
    await Player.create({ _id, name: `p${_id}`, score: _id, tags, items, ...refs });
  }
  today = 2;
  await Player.updateMany({}, { $inc: { score: 10 } });
  today = 3;
  await Player.deleteOne({ _id: 2 });
  await Team.updateOne({ _id: 'red' }, { name: 'Scarlet' });
  await City.updateOne({}, { name: 'Roma' });
  today = 4;
  await Player.create({ _id: 2, name: 'back', score: 0, tags: [], items: [] });
  await Player.create({ _id: 5, name: 'P5', score: 99, tags: [], items: [] });
  today = 5;
});

describe('what is found', () => {
  test('a list is that of the instant, its beginning included', async () => {
    expect(ids(await Player.asOf(new Date(day(1).getTime() - 1)).find())).toEqual([]);
    expect(ids(await Player.asOf(day(1)).find().sort('_id'))).toEqual([1, 2, 3, 4]);
    expect((await Player.asOf(day(1)).find().sort('_id')).map(({ score }) => score)).toEqual([1, 2, 3, 4]);
    expect((await Player.asOf(day(2)).find().sort('_id')).map(({ score }) => score)).toEqual([11, 12, 13, 14]);
    expect(ids(await Player.asOf(day(3)).find().sort('_id'))).toEqual([1, 3, 4]);
    expect(ids(await Player.asOf('2026-01-04').find().sort('-_id'))).toEqual([5, 4, 3, 2, 1]);
    expect(ids(await Player.asOf('9999-12-31T23:59:59Z').find().sort('_id'))).toEqual([1, 2, 3, 4, 5]);
  });

  test('the query helper and the model of the past answer alike', async () => {
    for (const at of [day(1), day(2), day(3), '2026-01-04T00:00:00+00:00']) {
      expect(
        await Player.find({ score: { $gt: 2 } })
          .asOf(at)
          .sort('_id')
          .lean(),
      ).toEqual(
        await Player.asOf(at)
          .find({ score: { $gt: 2 } })
          .sort('_id')
          .lean(),
      );
    }
  });

  test('one document is that of the instant, and null before, while deleted and for an unknown id', async () => {
    expect((await Player.asOf(day(1)).findById(2))?.name).toBe('p2');
    expect((await Player.asOf(day(4)).findById('2'))?.name).toBe('back');
    expect(await Player.asOf(day(3)).findById(2)).toBeNull();
    expect(await Player.asOf(new Date(0)).findOne({ _id: 2 })).toBeNull();
    expect(await Player.asOf(day(2)).findById(77)).toBeNull();
    expect(
      (
        await Player.asOf(day(2))
          .findOne({ score: { $gt: 1 } })
          .sort('-score')
      )?._id,
    ).toBe(4);
  });

  test('counts, exists and distinct are of the instant', async () => {
    expect(await Player.asOf(day(3)).countDocuments()).toBe(3);
    expect(await Player.asOf(day(1)).countDocuments({ score: { $gte: 3 } })).toBe(2);
    expect(await Player.asOf(day(4)).countDocuments({}, { skip: 1, limit: 3 })).toBe(3);
    expect(await Player.asOf(day(3)).estimatedDocumentCount()).toBe(3);
    expect(await Player.asOf(day(3)).exists({ _id: 2 })).toBeNull();
    expect(await Player.asOf(day(1)).exists({ name: 'p2' })).toEqual({ _id: 2 });
    expect((await Player.asOf(day(1)).distinct('score')).sort()).toEqual([1, 2, 3, 4]);
    expect(await Player.asOf(day(1)).distinct('tags')).toEqual(['a', 'b', 'c']);
    expect(await Player.asOf(day(3)).distinct('_id')).toEqual([1, 3, 4]);
  });

  test('distinct under a collation tells apart what it does', async () => {
    const insensitive = { locale: 'en', strength: 2 } as const;
    await Team.create([{ _id: 'b1', name: 'BLUE' }]);
    today = 6;
    await Team.updateOne({ _id: 'b1' }, { name: 'other' });
    await Team.create([{ _id: 'b2', name: 'blue' }]);
    today = 5;
    await Team.create([{ _id: 'b3', name: 'blue' }]);
    const names = await Team.asOf(day(5)).distinct('name', { _id: /^b/ }).collation(insensitive);
    expect(names.map((name) => name.toLowerCase())).toEqual(['blue']);
    await Team.deleteMany({ _id: /^b/ });
  });

  test('conditions on _id hold in every nesting', async () => {
    const found = async (filter: object) => ids(await Player.asOf(day(2)).find(filter).sort('_id'));
    expect(await found({ _id: { $in: [1, 2, 9] } })).toEqual([1, 2]);
    expect(await found({ $or: [{ _id: 1 }, { $and: [{ _id: { $gte: 3 } }, { _id: { $ne: 4 } }] }] })).toEqual([1, 3]);
    expect(await found({ $nor: [{ _id: 1 }] })).toEqual([2, 3, 4]);
    expect(await found({ _id: { $not: { $lt: 3 } } })).toEqual([3, 4]);
    expect(await found({ $expr: { $gt: ['$_id', 2] } })).toEqual([3, 4]);
    expect(await found({ $expr: { $eq: [{ $getField: '_id' }, 2] } })).toEqual([2]);
    expect(await found({ $expr: { $eq: ['$$ROOT._id', { $literal: 2 }] } })).toEqual([2]);
  });

  test('ids that are objects can be asked for by their parts', async () => {
    const schema = new Schema({ _id: { shop: String, n: Number }, v: Number });
    schema.plugin(chronos, { clock });
    const Order = mongoose.model('Order', schema);
    await Order.create({ _id: { shop: 'a', n: 1 }, v: 1 }, { _id: { shop: 'b', n: 2 }, v: 1 });
    today = 6;
    await Order.updateMany({}, { v: 2 });
    today = 5;
    const asOf = { chronos: { asOf: day(5) } } as object;
    expect(await Order.find({ '_id.shop': 'b' }, null, asOf).lean()).toEqual([
      { _id: { shop: 'b', n: 2 }, v: 1, __v: 0 },
    ]);
    expect(await Order.find({ _id: { shop: 'b', n: 2 } }, { '_id.n': 1 }, asOf).lean()).toEqual([{ _id: { n: 2 } }]);
    expect((await Order.find({}, null, asOf).sort({ '_id.n': -1 }).lean()).map(({ v }) => v)).toEqual([1, 1]);
    expect((await Order.distinct('_id.shop', {}).setOptions(asOf)).sort()).toEqual(['a', 'b']);
  });
});

describe('what is returned', () => {
  test('projections are those of a query of the present', async () => {
    const at = day(2);
    for (const projection of [
      { name: 1 },
      { name: 1, _id: 0 },
      { tags: 0, items: 0 },
      { tags: { $slice: 1 } },
      { name: 1, tags: { $slice: [1, 1] } },
      { items: { $elemMatch: { sku: 'y' } } },
      { name: 1, twice: { $multiply: ['$_id', 2] } },
    ]) {
      const past = await Player.asOf(at)
        .find({ _id: { $ne: 2 } }, projection as object)
        .sort('_id')
        .lean();
      const present = await Player.find({ _id: { $in: [1, 3, 4] } }, projection as object)
        .sort('_id')
        .lean();
      expect(past).toEqual(present);
    }
    const past = await Player.asOf(at).findOne({ _id: 1, 'items.sku': 'y' }, { 'items.$': 1 }).lean();
    expect(past).toEqual({ _id: 1, items: [{ sku: 'y', n: 2 }] });
  });

  test('skip, limit and sort span both sides', async () => {
    const at = day(4);
    const page = (skip: number, limit: number) => Player.asOf(at).find().sort({ score: -1 }).skip(skip).limit(limit);
    expect(ids(await page(0, 2))).toEqual([5, 4]);
    expect(ids(await page(1, 3))).toEqual([4, 3, 1]);
    expect(ids(await page(4, 10))).toEqual([2]);
    expect(await Player.asOf(at).find().skip(3)).toHaveLength(2);
    expect(await Player.asOf(at).find().limit(4)).toHaveLength(4);
  });

  test('a collation orders and filters', async () => {
    const insensitive = { locale: 'en', strength: 2 } as const;
    today = 7;
    await Player.updateOne({ _id: 1 }, { name: 'zz' });
    today = 5;
    const sorted = await Player.asOf(day(4)).find().collation(insensitive).sort('name');
    expect(sorted.map(({ name }) => name)).toEqual(['back', 'p1', 'p3', 'p4', 'P5']);
    expect(ids(await Player.asOf(day(4)).find({ name: 'P1' }).collation(insensitive))).toEqual([1]);
  });

  test('cursors, streams and batches give the same documents', async () => {
    const expected = ids(await Player.asOf(day(2)).find().sort('_id'));
    const seen: unknown[][] = [[], [], []];
    for await (const player of Player.asOf(day(2)).find().sort('_id').cursor({ batchSize: 2 }))
      seen[0]!.push(player._id);
    for await (const player of Player.find().asOf(day(2)).sort('_id')) seen[1]!.push(player._id);
    await Player.asOf(day(2))
      .find()
      .sort('_id')
      .cursor()
      .eachAsync((player) => void seen[2]!.push(player._id));
    expect(seen).toEqual([expected, expected, expected]);
    const cursor = Player.asOf(day(2)).find().lean().cursor();
    expect(await cursor.next()).not.toHaveProperty('save');
    await cursor.close();
  });

  test('explain shows the plans of both sides', async () => {
    const plan = (await Player.asOf(day(2)).find({ score: 11 }).explain()) as unknown as Record<string, object>;
    expect(Object.keys(plan)).toEqual(['head', 'versions']);
    expect(JSON.stringify(plan)).not.toContain('COLLSCAN');
  });

  test('bookkeeping stays out of sight', async () => {
    for (const at of [day(1), day(4)]) {
      for (const player of await Player.asOf(at).find().lean()) expect(player).not.toHaveProperty('_system');
      for (const player of await Player.asOf(at).aggregate([{ $match: {} }]))
        expect(player).not.toHaveProperty('_system');
    }
  });
});

describe('aggregates', () => {
  test('are of the instant', async () => {
    const total = [{ $group: { _id: null, score: { $sum: '$score' }, n: { $sum: 1 } } }];
    expect(await Player.asOf(day(1)).aggregate(total)).toEqual([{ _id: null, score: 10, n: 4 }]);
    expect(await Player.asOf(day(3)).aggregate(total)).toEqual([{ _id: null, score: 38, n: 3 }]);
    const best = [{ $match: { _id: { $gt: 1 } } }, { $sort: { score: -1 } }, { $skip: 1 }, { $limit: 2 }] as const;
    expect(ids(await Player.asOf(day(2)).aggregate([...best]))).toEqual([3, 2]);
    const byMap = [{ $sort: new Map([['_id', -1]]) as never }, { $limit: 2 }];
    expect(ids(await Player.asOf(day(2)).aggregate(byMap))).toEqual([4, 3]);
    const facets = [{ $facet: { few: [{ $match: { score: { $lt: 13 } } }, { $count: 'n' }], all: [{ $count: 'n' }] } }];
    expect(await Player.asOf(day(2)).aggregate(facets)).toEqual([{ few: [{ n: 2 }], all: [{ n: 4 }] }]);
    for await (const { _id } of Player.asOf(day(3))
      .aggregate([{ $project: { _id: 1 } }])
      .cursor())
      expect(_id).not.toBe(2);
  });

  test('join versioned collections as of the same instant', async () => {
    const join = { from: 'teams', localField: 'team', foreignField: '_id', as: 'joined' };
    const names = async (at: Date, lookup: object) =>
      (await Player.asOf(at).aggregate<{ joined: Team[] }>([{ $match: { _id: 3 } }, { $lookup: lookup } as never])).map(
        ({ joined }) => joined.map(({ name }) => name),
      );
    expect(await names(day(2), join)).toEqual([['Red']]);
    expect(await names(day(3), join)).toEqual([['Scarlet']]);
    expect(await names(day(2), { ...join, pipeline: [{ $match: { _id: 'red' } }] })).toEqual([['Red']]);
    const correlated = {
      from: 'teams',
      let: { team: '$team' },
      pipeline: [{ $match: { $expr: { $eq: ['$_id', '$$team'] } } }, { $project: { name: 1 } }],
      as: 'joined',
    };
    expect(await names(day(2), correlated)).toEqual([['Red']]);
    const limited = { ...join, pipeline: [{ $limit: 1 }] };
    await expect(names(day(2), limited)).rejects.toThrow(ConfigError);
    const union = await Player.asOf(day(2)).aggregate([
      { $match: { _id: 1 } },
      { $unionWith: { coll: 'teams', pipeline: [{ $match: { _id: 'red' } }] } },
    ]);
    expect(union.map(({ name }) => name)).toEqual(['p1', 'Red']);
  });

  test('refuse what they cannot answer as of an instant', async () => {
    const past = Player.asOf(day(2));
    const graph = { from: 'players', startWith: '$_id', connectFromField: '_id', connectToField: 'team', as: 'x' };
    await expect(past.aggregate([{ $graphLookup: graph }]).exec()).rejects.toThrow(ConfigError);
    await expect(past.aggregate([{ $out: 'elsewhere' }]).exec()).rejects.toThrow(ConfigError);
    await expect(Player.aggregate([{ $merge: { into: 'players' } }]).exec()).rejects.toThrow('past its history');
    await expect(past.find({ $text: { $search: 'x' } }).exec()).rejects.toThrow(ConfigError);
    await expect(past.find({ $where: 'true' }).exec()).rejects.toThrow(ConfigError);
  });
});

describe('populate', () => {
  const name = (value: unknown): unknown => (value as { name?: string } | null)?.name;

  test('reads refs of every kind as of the same instant', async () => {
    for (const [at, expected] of [
      [day(2), 'Red'],
      [day(3), 'Scarlet'],
    ] as const) {
      const player = await Player.asOf(at)
        .findById(1)
        .populate('team')
        .populate('owner')
        .populate('nested.team')
        .orFail();
      expect([player.team, player.owner, player.nested?.team].map(name)).toEqual([expected, expected, expected]);
      const lean = await Player.find({ _id: 1 }).asOf(at).populate(['team', 'nested.team']).lean();
      expect([lean[0]?.team, lean[0]?.nested?.team].map(name)).toEqual([expected, expected]);
    }
  });

  test('reads virtual and nested refs as of the same instant', async () => {
    const team = (await Team.asOf(day(2)).findById('red').populate('players').orFail()) as unknown as {
      players: Player[];
    };
    expect(team.players.map(({ score }) => score).sort()).toEqual([11, 12, 13, 14]);
    const at = async (instant: Date) => {
      const player = await Player.asOf(instant).findById(1).populate({ path: 'team', populate: 'city' }).orFail();
      return name((player.team as unknown as Team).city);
    };
    expect(await at(day(2))).toBe('Rome');
    expect(await at(day(3))).toBe('Roma');
  });

  test('does so in a cursor, on a document and on the model', async () => {
    for await (const player of Player.asOf(day(2)).find().populate('team').cursor())
      expect(name(player.team)).toBe('Red');
    const player = await Player.asOf(day(2)).findById(1).orFail();
    await player.populate({ path: 'team', populate: { path: 'city' } });
    expect(name(player.team)).toBe('Red');
    expect(name((player.team as unknown as Team).city)).toBe('Rome');
    const [other] = await Player.populate([await Player.asOf(day(2)).findById(3).orFail()], 'team');
    expect(name(other!.team)).toBe('Red');
    const version = (await Player.getVersion(1, 0))!;
    expect(name((await version.populate('team')).team)).toBe('Red');
  });

  test('a ref that was deleted later is there, one that came later is not', async () => {
    today = 8;
    await Team.create({ _id: 'new', name: 'New' });
    await Player.updateOne({ _id: 3 }, { team: 'new' });
    await Team.deleteOne({ _id: 'red' });
    today = 5;
    expect(name((await Player.asOf(day(5)).findById(3).populate('team'))?.team)).toBe('Scarlet');
    expect((await Player.findById(4).populate('team'))?.team).toBeNull();
  });

  test('what it brings in is read-only too', async () => {
    const player = await Player.asOf(day(2)).findById(1).populate('team').orFail();
    const team = player.team as unknown as { save(): Promise<unknown> };
    await expect(team.save()).rejects.toThrow(ReadOnlyVersionError);
  });
});

test('discriminators answer as of an instant', async () => {
  const schema = new Schema({ name: String }, { discriminatorKey: 'kind' });
  schema.plugin(chronos, { clock });
  const Animal = mongoose.model('Animal', schema);
  const Dog = Animal.discriminator('Dog', new Schema({ tricks: Number }));
  Animal.discriminator('Cat', new Schema({ lives: Number }));
  await Dog.create({ name: 'Rex', tricks: 1 });
  await Animal.create({ kind: 'Cat', name: 'Tom', lives: 9 } as object);
  today = 6;
  await Dog.updateOne({}, { tricks: 2 });
  await Animal.updateOne({ name: 'Tom' }, { name: 'Old Tom' });
  today = 5;
  const past = Dog as unknown as ChronosModelType<{ name: string; tricks: number }>;
  const dogs = await past.asOf(day(5)).find();
  expect(dogs.map(({ tricks }) => tricks)).toEqual([1]);
  expect(dogs[0]).toBeInstanceOf(Dog);
  const all = await (Animal as unknown as typeof past).asOf(day(5)).find().sort('name');
  expect(all.map((animal) => animal.name)).toEqual(['Rex', 'Tom']);
});

test("the caller's transaction sees its own writes and nothing of others", async () => {
  const session = await mongoose.startSession();
  await session.withTransaction(async () => {
    today = 9;
    await Player.updateOne({ _id: 4 }, { name: 'in transaction' }, { session });
    const inside = Player.asOf(day(9)).find({ _id: 4 }).session(session);
    expect((await inside)[0]?.name).toBe('in transaction');
    expect((await Player.asOf(day(9)).findById(4))?.name).toBe('p4');
    expect((await Player.asOf(day(8)).findById(4).session(session))?.name).toBe('p4');
    expect(await Player.asOf(day(9)).countDocuments({ name: 'in transaction' }).session(session)).toBe(1);
    expect(await Player.asOf(day(9)).distinct('name', { _id: 4 }).session(session)).toEqual(['in transaction']);
    const aggregate = Player.asOf(day(9)).aggregate([{ $match: { _id: 4 } }]);
    await expect(aggregate.session(session).exec()).rejects.toThrow(ConfigError);
    expect((await Player.asOf(day(9)).findById(4).populate('team').session(session))?.name).toBe('in transaction');
  });
  await session.endSession();
  today = 5;
});

test('a collection without any version yet answers too', async () => {
  const schema = new Schema<Team, ChronosModelType<Team>>({ _id: String, name: String });
  schema.plugin(chronos);
  const Fresh = mongoose.model<Team, ChronosModelType<Team>>('Fresh', schema);
  const past = Fresh.asOf(new Date());
  expect(await past.find()).toEqual([]);
  expect(await past.findById('x')).toBeNull();
  expect(await past.countDocuments({ _id: 'x' })).toBe(0);
  expect(await past.distinct('name')).toEqual([]);
  expect(await past.aggregate([{ $match: {} }])).toEqual([]);
  expect(await Fresh.history('x')).toEqual([]);
});

describe('an instant', () => {
  test('that is none is refused at once', () => {
    for (const at of [new Date(Number.NaN), 'yesterday', '2026-13-01', '2026-01-01T10:00', 5, null, undefined, {}]) {
      expect(() => Player.asOf(at as never)).toThrow(ConfigError);
      expect(() => Player.find().asOf(at as never)).toThrow(ConfigError);
    }
  });

  test('by collection version needs collection versions', () => {
    expect(() => Player.asOf({ cv: 3 })).toThrow(/collectionVersion: true/);
  });
});

describe('nothing is written', () => {
  test('through a model of the past', () => {
    const past = Player.asOf(day(2)) as unknown as Record<string, () => unknown>;
    for (const method of [
      'create',
      'insertMany',
      'updateOne',
      'deleteMany',
      'bulkWrite',
      'findByIdAndUpdate',
      'enrich',
    ]) {
      expect(() => past[method]!()).toThrow(ReadOnlyVersionError);
    }
  });

  test('through a query of the past', async () => {
    type Writing = Record<string, (...args: unknown[]) => { exec(): Promise<unknown> }>;
    const query = () => Player.find({ _id: 1 }).asOf(day(2)) as unknown as Writing;
    await expect(query().updateOne!({ name: 'x' }).exec()).rejects.toThrow(ReadOnlyVersionError);
    await expect(query().updateMany!({ name: 'x' }).exec()).rejects.toThrow(ReadOnlyVersionError);
    await expect(query().replaceOne!({ name: 'x' } as never).exec()).rejects.toThrow(ReadOnlyVersionError);
    await expect(query().deleteOne!().exec()).rejects.toThrow(ReadOnlyVersionError);
    await expect(query().deleteMany!().exec()).rejects.toThrow(ReadOnlyVersionError);
    await expect(query().findOneAndUpdate!({}, { name: 'x' }).exec()).rejects.toThrow(ReadOnlyVersionError);
    await expect(query().findOneAndDelete!().exec()).rejects.toThrow(ReadOnlyVersionError);
  });

  test('through a document of the past', async () => {
    const player = (await Player.asOf(day(2)).findById(1).orFail()) as unknown as InstanceType<typeof Player>;
    player.name = 'changed';
    await expect(player.save()).rejects.toThrow(ReadOnlyVersionError);
    await expect(Player.bulkSave([player])).rejects.toThrow(ReadOnlyVersionError);
    for (const write of ['updateOne', 'replaceOne', 'deleteOne'] as const) {
      expect(() => player[write]({ name: 'x' } as never)).toThrow(ReadOnlyVersionError);
    }
    expect(() => player.enrich({ name: 'x' })).toThrow(ReadOnlyVersionError);
    for await (const each of Player.asOf(day(2)).find().cursor()) {
      await expect((each as unknown as typeof player).save()).rejects.toThrow(ReadOnlyVersionError);
    }
    expect((await Player.findById(1))?.name).not.toBe('changed');
  });
});

test('a document from before the plugin is of every instant before its first change', async () => {
  await Player.collection.conn.db!.collection('players').insertOne({ _id: 50, name: 'old', score: 1 } as never);
  expect((await Player.asOf('0001-01-01').findById(50))?.name).toBe('old');
  today = 10;
  await Player.updateOne({ _id: 50 }, { name: 'new' });
  expect((await Player.asOf(new Date(day(10).getTime() - 1)).findById(50))?.name).toBe('old');
  expect(ids(await Player.asOf('0001-01-01').find({ name: 'old' }))).toEqual([50]);
  expect((await Player.asOf(day(10)).findById(50))?.name).toBe('new');
});
