import { beforeAll, expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Index, Prop } from '../../decorators/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'users', tenantField: 'tenantId', indexed: ['status'] })
@Index({ team: 1, score: -1 })
class User extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop({ unique: true }) email!: string;
  @Prop() status?: string;
  @Prop() team?: number;
  @Prop() score?: number;
}

const { init, prefix, mongoUri } = await testRegistries();
init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [{ key: 'rows', mongoConnKey: 'main', dbName: `${prefix}rows`, tenantIds: ['a', 'b', 'c'] }],
  },
  entities: [User],
});

const Users = User.forTenant('b');
const TENANT_DOCUMENTS = 500;
let before: Date;

beforeAll(async () => {
  await Users.createIndexes();
  for (const tenant of ['a', 'b', 'c']) {
    const content = Array.from({ length: TENANT_DOCUMENTS }, (_, _id) => {
      return { _id, email: `${_id}`, status: `s${_id % 50}`, team: _id % 10, score: _id };
    });
    await User.forTenant(tenant).insertMany(content);
  }
  before = new Date();
  for (const tenant of ['a', 'b', 'c']) {
    for (const score of [1, 2]) await User.forTenant(tenant).updateMany({}, { $inc: { score } });
  }
});

interface Plan {
  readonly inputStage?: Plan;
  readonly inputStages?: readonly Plan[];
  readonly stage?: string;
  readonly indexName?: string;
}

interface Explained {
  readonly queryPlanner: { readonly winningPlan: Plan };
  readonly executionStats: { readonly nReturned: number; readonly totalKeysExamined: number };
}

function namesIn({ stage, indexName, inputStage, inputStages = [] }: Plan): string[] {
  const inputs = [inputStage ?? [], inputStages].flat();
  return [
    ...(stage === 'COLLSCAN' ? [stage] : []),
    ...(indexName === undefined ? [] : [indexName]),
    ...inputs.flatMap(namesIn),
  ];
}

/** Which indexes were read, and how many of their keys for each document that was found. */
function read({ queryPlanner, executionStats }: Explained) {
  const { nReturned, totalKeysExamined } = executionStats;
  return { by: [...new Set(namesIn(queryPlanner.winningPlan))], found: nReturned, keys: totalKeysExamined };
}

type Case = readonly [
  title: string,
  query: () => ReturnType<typeof Users.find>,
  index: string,
  found: number,
  keys: number,
];

const CASES: readonly Case[] = [
  ['an id', () => Users.find({ _id: 5 }), '_id_', 1, 1],
  ['some ids', () => Users.find({ _id: { $in: [1, 2, 3] } }), '_id_', 3, 4],
  ['a range of ids', () => Users.find({ _id: { $gte: 490 } }), '_id_', 10, 11],
  [
    'a page by ids',
    () =>
      Users.find({ _id: { $gt: 250 } })
        .sort({ _id: 1 })
        .limit(5),
    '_id_',
    5,
    6,
  ],
  ['the last ids', () => Users.find().sort({ _id: -1 }).limit(5), '_id_', 5, 6],
  ['nothing', () => Users.find(), '_id_', TENANT_DOCUMENTS, TENANT_DOCUMENTS + 1],
  ['what is unique', () => Users.find({ email: '77' }), 'email_1', 1, 2],
  ['a field', () => Users.find({ status: 's7' }), 'status_1', 10, 11],
  ['a field and an order', () => Users.find({ team: 3 }).sort({ score: -1 }).limit(5), 'team_1_score_-1', 5, 6],
];

test.each(CASES)('a query by %s reads no other tenant’s keys', async (_title, query, index, found, keys) => {
  const plan = read((await query().explain('executionStats')) as unknown as Explained);
  expect(plan).toMatchObject({ by: [index], found });
  expect(plan.keys).toBeLessThanOrEqual(keys);
});

const T = 'tenantId_1_';
const NODE = '_system.node_1';

const PAST: Readonly<Record<string, readonly [indexes: readonly string[], keysPerDocument: number]>> = {
  'an id': [['_id.id_1__system.until_1'], 3],
  'some ids': [['_id.id_1__system.until_1'], 4],
  nothing: [[`${T}${NODE}__system.until_1__system.updatedAt_1`], 2],
  'the last ids': [['_id.id_1__id.ov_1'], 3],
  'what is unique': [[`${T}email_1_${NODE}__system.until_1`, `${T}email_1_${NODE}__system.updatedAt_1`], 6],
  'a field': [[`${T}status_1_${NODE}__system.until_1`, `${T}status_1_${NODE}__system.updatedAt_1`], 2],
  'a field and an order': [[`${T}team_1_score_-1_${NODE}__system.until_1__system.updatedAt_1`], 4],
};

test.each(Object.keys(PAST))('the past is found by %s on the tenant’s keys', async (title) => {
  const [, query, , found] = CASES.find(([one]) => one === title) as Case;
  const [indexes, keysPerDocument] = PAST[title] as (typeof PAST)[string];
  const explained: unknown = await query().asOf(before).explain('executionStats');
  const { versions } = [explained].flat()[0] as { versions: Explained };
  const plan = read(versions);
  expect(
    plan.by.every((index) => indexes.includes(index)),
    plan.by.join(),
  ).toBe(true);
  expect(plan.found).toBe(found);
  expect(plan.keys).toBeLessThanOrEqual(keysPerDocument * found);
});
