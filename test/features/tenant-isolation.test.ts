import type { mongo, Types } from 'mongoose';
import { expect, test, vi } from 'vitest';
import { ChronosEntity, ChronosModel, Index, Prop, Ref } from '../../decorators/index.ts';
import type { ChronosConfig } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

/** Numbers over a collection make its writes wait for one another, which is not what this is about. */
const versioning = { collectionVersion: false };

@ChronosEntity({ collection: 'teams', tenantField: 'tenantId', versioning })
class Team extends ChronosModel {
  @Prop({ required: true }) name!: string;
}

@ChronosEntity({ collection: 'users', tenantField: 'tenantId', indexed: ['status'], versioning })
@Index({ email: 1 }, { unique: true })
class User extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop({ required: true }) email!: string;
  @Prop() secret?: string;
  @Prop() status?: string;
  @Prop() score?: number;
  @Prop({ type: [String] }) tags?: string[];
  @Ref(() => Team) team?: Types.ObjectId;
}

const { mongoose, init, prefix, mongoUri, admin } = await testRegistries();

/** In all, over the four kinds of tenant. They take a minute at the most on two cores that do much else. */
const CALLS = Number(process.env.CHRONOS_TEST_CALLS ?? 6_000);
const PARALLEL = 50;
const IDS = 200;

const clients = ['one', 'two', 'three'].map((key) => ({ key, mongoUri: `${mongoUri}&appName=${key}` }));
const teamIds = [0, 1, 2].map(() => new mongoose.Types.ObjectId());

type Runtime = NonNullable<ChronosConfig['databases']['runtime']>;

const KINDS: Readonly<Record<string, Runtime>> = {
  'a database of its own': [
    { key: 'own', mongoConnKey: 'one', dbName: `${prefix}own_{tenantId}`, tenantIds: ['a', 'b'] },
  ],
  'a client of its own': [
    { key: 'of-a', mongoConnKey: 'one', dbName: `${prefix}client_a`, tenantId: 'a' },
    { key: 'of-b', mongoConnKey: 'two', dbName: `${prefix}client_b`, tenantId: 'b' },
  ],
  'a part of shared collections': [
    { key: 'rows', mongoConnKey: 'one', dbName: `${prefix}rows`, tenantIds: ['a', 'b'] },
  ],
  'a backend chosen by hash': [
    {
      key: 'spread',
      mongoConnKeys: ['one', 'two', 'three'],
      dbName: `${prefix}spread_{tenantId}`,
      tenantIds: ['a', 'b'],
    },
  ],
};

const canaryOf = (tenantId: string) => `canary-of-${tenantId}-canary`;

/** The same numbers in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Pick = (below: number) => number;
type Tenant = ReturnType<typeof tenantOf>;

function tenantOf(tenantId: string) {
  const [Users, Teams] = [User.forTenant(tenantId), Team.forTenant(tenantId)];
  const canary = canaryOf(tenantId);
  const chronos = { actor: canary, reason: canary } as const;
  const content = (pick: Pick) => ({
    email: `${pick(IDS)}@y.z`,
    secret: canary,
    status: `s${pick(3)}`,
    score: pick(9),
    tags: [canary],
    team: teamIds[pick(3)] as Types.ObjectId,
  });
  return { tenantId, Users, Teams, canary, chronos, content };
}

const started = new Date();

const CALLABLE: readonly ((tenant: Tenant, id: number, pick: Pick) => unknown)[] = [
  ({ Users, content, chronos }, _id, pick) => Users.create([{ _id, ...content(pick) }], { chronos }),
  ({ Users, content, chronos }, _id, pick) =>
    Users.insertMany(
      [
        { _id, ...content(pick) },
        { _id: _id + 1, ...content(pick) },
      ],
      { ordered: false, chronos },
    ),
  ({ Users, content, chronos }, _id, pick) =>
    Users.updateOne({ _id }, { $set: content(pick) }, { upsert: true, chronos }),
  ({ Users, content, chronos }, _id, pick) =>
    Users.updateOne({ _id }, { $set: { score: pick(99) }, $setOnInsert: content(pick) }, { chronos }),
  ({ Users, chronos }, _id, pick) =>
    Users.updateMany({ _id: { $in: [_id, _id + 1] } }, { $inc: { score: pick(3) } }, { chronos }),
  ({ Users, content, chronos }, _id, pick) => Users.replaceOne({ _id }, content(pick) as never, { chronos }),
  ({ Users, canary, chronos }, _id) =>
    Users.findOneAndUpdate({ _id }, { $set: { status: canary } }, { returnDocument: 'after', chronos }),
  ({ Users, chronos }, _id, pick) =>
    Users.findOneAndUpdate({ status: `s${pick(3)}` }, { status: 'taken' }, { sort: { _id: 1 }, chronos }),
  ({ Users, chronos }, _id) => Users.deleteOne({ _id }, { chronos }),
  ({ Users }, _id) => Users.findOneAndDelete({ _id }),
  ({ Users, content, chronos }, _id, pick) =>
    Users.bulkWrite(
      [
        { updateOne: { filter: { _id }, update: { $set: content(pick) }, upsert: true } },
        { deleteOne: { filter: { _id: _id + 1 } } },
      ],
      { ordered: false, chronos },
    ),
  async ({ Users, canary, chronos }, _id) => {
    const user = await Users.findById(_id);
    user?.set({ secret: canary, status: 'saved' });
    return user?.save({ chronos });
  },
  ({ Users, canary, chronos }, _id) => Users.enrich(_id, { tags: [canary], status: 'enriched' }, chronos),
  ({ Users, chronos }, _id, pick) => Users.restore(_id, { ov: pick(4) }, chronos),
  async ({ Users, Teams, canary }, _id, pick) =>
    Users.db.transaction(async (session) => {
      await Users.updateOne({ _id }, { $set: { status: canary } }, { session });
      await Teams.updateOne({ _id: teamIds[pick(3)] as Types.ObjectId }, { $set: { name: canary } }, { session });
    }),
  ({ Users }) => Users.find().sort({ _id: 1 }).limit(20),
  ({ Users }, _id) =>
    Users.find({ $or: [{ _id }, { secret: /canary/ }, { tenantId: { $ne: 'x' } }] } as never)
      .limit(20)
      .lean(),
  ({ Users }, _id) => Users.findById(_id).populate('team'),
  ({ Users }, _id, pick) =>
    Users.find({ status: `s${pick(3)}` })
      .limit(5)
      .populate('team')
      .lean(),
  ({ Users }) => Users.distinct('secret'),
  ({ Users }) => Users.distinct('tags', { score: { $gte: 0 } }),
  ({ Users }) => Users.aggregate([{ $group: { _id: '$secret', all: { $push: '$$ROOT' } } }]),
  ({ Users }, _id) =>
    Users.aggregate([
      { $match: { _id } },
      { $lookup: { from: 'teams', localField: 'team', foreignField: '_id', as: 'teams' } },
      { $lookup: { from: 'users', localField: 'status', foreignField: 'status', as: 'like' } },
    ]),
  ({ Users }) => Users.aggregate([{ $unionWith: 'teams' }, { $limit: 50 }]),
  ({ Users }, _id) => Users.history(_id, { lean: true, limit: 10 }),
  ({ Users }, _id, pick) => Users.getVersion(_id, pick(6)),
  ({ Users }, _id) => Users.getLatest(_id, { includeDeleted: true }),
  ({ Users }, _id, pick) => Users.diff(_id, 0, pick(3)),
  ({ Users }) =>
    Users.asOf(new Date(started.getTime() + Math.floor((Date.now() - started.getTime()) / 2)))
      .find()
      .limit(20)
      .lean(),
  ({ Users }, _id) => Users.asOf(new Date()).findOne({ _id }).populate('team'),
  ({ Users }) => Users.findById('no number'),
  ({ Users, content }, _id, pick) => Users.create({ ...content(pick), _id, email: undefined } as never),
];

/** All that a call tells its caller, be it a result or an error. */
async function toldBy(call: () => unknown): Promise<string> {
  try {
    return JSON.stringify(await call()) ?? '';
  } catch (error) {
    const { name, message, stack, ...facts } = error as Error;
    return `${name} ${message} ${stack} ${JSON.stringify(facts)} ${JSON.stringify(Object.getOwnPropertyDescriptors(error))}`;
  }
}

test.each(Object.keys(KINDS))(
  'of tenants with %s none is ever told anything of the other',
  { timeout: 120_000 },
  async (kind) => {
    const told = [
      vi.spyOn(console, 'log'),
      vi.spyOn(console, 'warn'),
      vi.spyOn(console, 'error'),
      vi.spyOn(process.stderr, 'write'),
    ];
    const registry = init({
      mongoConns: clients,
      databases: { runtime: KINDS[kind] as Runtime },
      entities: [User, Team],
    });
    const tenants = ['a', 'b'].map(tenantOf);
    const pick = numbers(7);
    for (const { Users, Teams, canary } of tenants) {
      await Promise.all([
        Users.createIndexes(),
        Teams.createCollection(),
        Users.createCollection().catch(() => undefined),
      ]);
      await Teams.insertMany(teamIds.map((_id) => ({ _id, name: canary })));
    }

    const leaks: string[] = [];
    let calls = 0;
    const caller = async () => {
      while (calls < CALLS / Object.keys(KINDS).length) {
        calls += 1;
        const tenant = tenants[pick(2)] as Tenant;
        const other = canaryOf(tenant.tenantId === 'a' ? 'b' : 'a');
        const call = CALLABLE[pick(CALLABLE.length)] as (typeof CALLABLE)[number];
        const answer = await toldBy(() => call(tenant, pick(IDS), pick));
        if (answer.includes(other)) leaks.push(`${call}: ${answer.slice(0, 500)}`);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, caller));
    expect(leaks).toEqual([]);

    for (const { tenantId, Users, Teams, canary } of tenants) {
      const other = canaryOf(tenantId === 'a' ? 'b' : 'a');
      expect(await Users.verify()).toMatchObject({ ok: true, findings: [] });
      expect(await Teams.verify()).toMatchObject({ ok: true, findings: [] });
      const histories = (await Users.distinct('_id')).map((_id) => Users.history(Number(_id), { lean: true }));
      const everything = JSON.stringify([
        await Users.find().lean(),
        await Teams.find().lean(),
        await Promise.all(histories),
      ]);
      expect(everything).toContain(canary);
      expect(everything).not.toContain(other);
    }
    for (const spy of told) {
      expect(spy.mock.calls.filter((line) => JSON.stringify(line)?.includes('canary'))).toEqual([]);
      spy.mockRestore();
    }
    await registry.close();
  },
);

test('what is stored of a tenant in shared collections holds nothing of another', async () => {
  const database = admin.db(`${prefix}rows`);
  for (const collection of ['users', 'users_ver', 'teams', 'teams_ver']) {
    for await (const row of database.collection(collection).find({})) {
      const id = row._id as unknown as { t?: mongo.Binary; id: { t: mongo.Binary } };
      const owner = Buffer.from((id.t ?? id.id.t).buffer).toString();
      expect(row.tenantId).toBe(owner);
      expect(JSON.stringify(row)).not.toContain(canaryOf(owner === 'a' ? 'b' : 'a'));
    }
  }
});
