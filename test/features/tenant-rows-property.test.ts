import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Index, Prop } from '../../decorators/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'things', tenantField: 'org', schemaOptions: { strict: false, strictQuery: false } })
@Index({ n: 1 })
class Thing extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() n?: number;
  @Prop({ unique: true, sparse: true }) u?: string;
  @Prop({ type: Number }) ref?: number;
}

const { admin, init, prefix, mongoUri } = await testRegistries();
const registry = (dbName: string) =>
  init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'data', mongoConnKey: 'main', dbName, tenantIds: ['a', 'b'] }] },
    entities: [Thing],
  });
const shared = registry(`${prefix}shared`);
const apart = registry(`${prefix}apart_{tenantId}`);

type Things = ReturnType<typeof Thing.forTenant<typeof Thing>>;
type Raw = Record<string, unknown>;

interface Step {
  readonly tenantId: 'a' | 'b';
  readonly title: string;
  readonly run: (things: Things) => Promise<unknown>;
}

const id = fc.integer({ min: 1, max: 4 });
const small = fc.integer({ min: 0, max: 2 });
const ids = fc.array(id, { maxLength: 2 });
const ofId: fc.Arbitrary<unknown> = fc.oneof(
  id,
  fc.record({ $in: ids }),
  fc.record({ $nin: ids }),
  fc.record({ $ne: id }),
  fc.record({ $gt: id }),
  fc.record({ $gte: id, $lt: id }),
  fc.record({ $not: fc.record({ $lte: id }) }),
  fc.constantFrom({ $type: 'number' }, { $type: 'string' }, { $exists: true }, { $mod: [2, 0] }, { $eq: null }),
);
const part: fc.Arbitrary<Raw> = fc.oneof(
  fc.record({ _id: ofId }),
  fc.record({ n: small }),
  fc.record({ n: small, _id: ofId }),
  fc.record({ $expr: fc.record({ $gt: fc.tuple(fc.constant('$_id'), id) }) }),
  fc.constant({}),
);
const filter: fc.Arbitrary<Raw> = fc.oneof(
  part,
  fc.record({ $or: fc.array(part, { minLength: 1, maxLength: 2 }) }),
  fc.record({ $nor: fc.array(part, { minLength: 1, maxLength: 2 }) }),
  fc.record({ $and: fc.array(part, { minLength: 1, maxLength: 2 }), n: small }),
);
const pinned = fc.oneof(fc.record({ _id: id }), fc.record({ _id: id, n: small }));
const content = fc.record({ n: small, u: fc.constantFrom('x', 'y', 'z'), ref: id }, { requiredKeys: ['n'] });
const change: fc.Arbitrary<Raw> = fc.oneof(
  fc.record({ $set: content }),
  fc.record({ $inc: fc.record({ n: small }) }),
  fc.record({ $unset: fc.constant({ u: 1 }) }),
  fc.record({ $set: fc.record({ ref: id }), $setOnInsert: fc.constant({ n: 9 }) }),
);
const pipeline: fc.Arbitrary<Raw[]> = fc.constantFrom<Raw[]>(
  [{ $set: { n: { $add: ['$_id', 1] } } }],
  [{ $replaceWith: { n: 5, ref: '$_id' } }],
  [{ $set: { whole: '$$ROOT' } }, { $unset: ['whole._system', 'whole.org'] }],
  [{ $project: { n: 1 } }],
);
const stages: fc.Arbitrary<Raw[]> = fc.constantFrom<Raw[]>(
  [{ $sort: { _id: -1 } }, { $limit: 2 }],
  [{ $group: { _id: '$n', ids: { $sum: '$_id' } } }],
  [
    { $lookup: { from: 'things', localField: 'ref', foreignField: '_id', as: 'to' } },
    { $project: { 'to._id': 1, 'to.n': 1 } },
  ],
  [
    { $lookup: { from: 'things', localField: '_id', foreignField: 'ref', as: 'by' } },
    { $project: { n: { $size: '$by' } } },
  ],
  [
    { $unionWith: { coll: 'things', pipeline: [{ $match: { _id: 1 } }] } },
    { $group: { _id: '$_id', times: { $sum: 1 } } },
  ],
  [{ $facet: { one: [{ $match: { _id: 1 } }, { $project: { n: 1 } }], all: [{ $count: 'n' }] } }],
  [
    { $graphLookup: { from: 'things', startWith: '$ref', connectFromField: 'ref', connectToField: '_id', as: 'way' } },
    { $project: { n: { $size: '$way' } } },
  ],
);

const many = { updatePipeline: true } as const;
const copy = (given: unknown) => structuredClone(given) as never;

function call<T>(title: string, given: fc.Arbitrary<T>, run: (things: Things, given: T) => unknown) {
  return fc.record({ tenantId: fc.constantFrom('a' as const, 'b' as const), given }).map(
    ({ tenantId, given }): Step => ({
      tenantId,
      title: `${tenantId}: ${title} ${JSON.stringify(given)}`,
      run: async (things) => run(things, copy(given)),
    }),
  );
}

const step = fc.oneof(
  call('create', fc.tuple(id, content), (things, [_id, more]) => things.create({ _id, ...more })),
  call('insertMany', fc.array(fc.tuple(id, content), { minLength: 1, maxLength: 3 }), (things, all) =>
    things.insertMany(
      all.map(([_id, more]) => ({ _id, ...more })),
      { ordered: false },
    ),
  ),
  call('updateOne', fc.tuple(pinned, change, fc.boolean()), (things, [one, update, upsert]) =>
    things.updateOne(one, update as never, { upsert }),
  ),
  call('updateMany', fc.tuple(filter, change), (things, [some, update]) =>
    things.updateMany(some as never, update as never),
  ),
  call('a pipeline', fc.tuple(filter, pipeline), (things, [some, update]) =>
    things.updateMany(some as never, update as never, many),
  ),
  call('replaceOne', fc.tuple(pinned, content, fc.boolean()), (things, [one, more, upsert]) =>
    things.replaceOne(one, more as never, { upsert }),
  ),
  call('findOneAndUpdate', fc.tuple(filter, change, fc.boolean()), (things, [some, update, after]) =>
    things
      .findOneAndUpdate(some as never, update as never, {
        sort: { _id: 1 },
        returnDocument: after ? 'after' : 'before',
      })
      .lean(),
  ),
  call('findOneAndDelete', filter, (things, some) =>
    things.findOneAndDelete(some as never, { sort: { _id: -1 } }).lean(),
  ),
  call('deleteOne', pinned, (things, one) => things.deleteOne(one)),
  call('deleteMany', fc.record({ n: small, _id: ofId }), (things, some) => things.deleteMany(some as never)),
  call('bulkWrite', fc.tuple(id, content, pinned, change), (things, [_id, more, one, update]) =>
    things.bulkWrite([
      { insertOne: { document: { _id, ...more } } },
      { updateOne: { filter: one, update: update as never, upsert: true } },
      { deleteOne: { filter: { _id: 4 } } },
    ]),
  ),
  call('enrich', fc.tuple(id, content), (things, [_id, patch]) => things.enrich(_id, patch)),
  call('restore', id, (things, _id) => things.restore(_id, { ov: 0 })),
  call('find', filter, (things, some) =>
    things
      .find(some as never)
      .sort({ _id: 1 })
      .lean(),
  ),
  call('a projection', filter, (things, some) =>
    things
      .find(some as never, { copy: '$_id' } as never)
      .sort({ _id: -1 })
      .lean(),
  ),
  call('count', filter, (things, some) => things.countDocuments(some as never)),
  call('distinct', filter, async (things, some) => (await things.distinct('_id', some as never)).sort()),
  call('aggregate', fc.tuple(filter, stages), (things, [some, more]) =>
    things.aggregate([{ $match: some }, ...more] as never),
  ),
);

/** What can differ between the two: times, numbers over a collection, the field itself, and orders that none is asked for. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(comparable).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const plain = (value as { toObject?: () => unknown } | null)?.toObject?.() ?? value;
  if (typeof plain !== 'object' || plain === null || plain instanceof Date || '_bsontype' in plain) return plain;
  const {
    org: _org,
    cv: _cv,
    updatedAt: _updated,
    insertedAt: _inserted,
    from: _from,
    until: _until,
    ...rest
  } = plain as Raw;
  return Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, comparable(inner)]));
}

async function outcome(things: Things, { run }: Step): Promise<unknown> {
  try {
    return JSON.parse(JSON.stringify(comparable(await run(things)) ?? null));
  } catch (error) {
    const { name, code, keyPattern } = error as { name: string; code?: unknown; keyPattern?: unknown };
    return { name, code, keyPattern };
  }
}

async function everything(things: Things, before: Date): Promise<unknown> {
  const histories = [1, 2, 3, 4].map(async (one) =>
    (await things.history(one, { lean: true })).map(({ ov, op, doc }) => ({ ov, op, doc })),
  );
  return comparable({
    now: await things.find().lean(),
    past: await things.asOf(before).find().lean(),
    histories: await Promise.all(histories),
    verified: (await things.verify()).findings,
  });
}

test('a tenant of a shared collection meets what it would in a database of its own', { timeout: 120_000 }, async () => {
  const models = (['a', 'b'] as const).map((tenantId) => ({
    tenantId,
    inShared: shared.model(Thing, { tenantId }),
    alone: apart.model(Thing, { tenantId }),
  }));
  for (const { inShared, alone } of models) await Promise.all([inShared.createIndexes(), alone.createIndexes()]);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), fc.nat(), async (steps, at) => {
      let before = new Date();
      for (const [index, one] of steps.entries()) {
        const { inShared, alone } = models.find(({ tenantId }) => tenantId === one.tenantId)!;
        expect(await outcome(inShared, one), one.title).toEqual(await outcome(alone, one));
        if (index === at % steps.length) before = await nextInstant();
      }
      for (const { inShared, alone } of models) {
        expect(await everything(inShared, before)).toEqual(await everything(alone, before));
      }
      for (const name of ['shared', 'apart_a', 'apart_b']) {
        const database = admin.db(`${prefix}${name}`);
        for (const collection of ['things', 'things_ver']) await database.collection(collection).deleteMany({});
      }
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

/** A time after all that has been written, and before all that will be. */
async function nextInstant(): Promise<Date> {
  const now = new Date();
  while (Date.now() <= now.getTime()) await new Promise((resolve) => setImmediate(resolve));
  return now;
}
