import { beforeEach, describe, expect, test } from 'vitest';
import { chronos, UnversionedWriteError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf, storedVersions } from '../support/stored.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ _id: Number, n: Number, any: {} }, { strict: false });
const Vault = mongoose.model('Vault', schema.plugin(chronos));
const native = Vault.collection as unknown as ReturnType<typeof headsOf>;

const FORGED = { ov: 99, updatedAt: new Date(0), actor: 'mallory', insertedAt: new Date(0) };
const forged = (fields: object) => ({ ...fields, _system: FORGED }) as never;

beforeEach(async () => {
  await headsOf(Vault).deleteMany({});
  await recordsOf(Vault).deleteMany({});
  await Vault.create({ _id: 1, n: 0, any: { ov: 99 } });
});

/** Documents have it stripped: the write goes through, and the bookkeeping is the library's. */
const STRIPPED: Record<string, () => Promise<unknown>> = {
  create: () => Vault.create(forged({ _id: 2 })),
  'save, new': () => new Vault(forged({ _id: 2 })).save(),
  insertMany: () => Vault.insertMany([forged({ _id: 2 })]),
  'insertMany, lean': () => Vault.insertMany([forged({ _id: 2 })], { lean: true }),
  'native insertOne': () => native.insertOne(forged({ _id: 2 })),
  'native insertMany, Map': () =>
    native.insertMany([
      new Map<string, unknown>([
        ['_id', 2],
        ['_system', FORGED],
      ]) as never,
    ]),
  'inherited by a document': () => native.insertOne(Object.assign(Object.create({ _system: FORGED }), { _id: 2 })),
  'out of toBSON': () => native.insertOne({ _id: 2, toBSON: () => forged({ _id: 2 }) } as never),
  'bulkWrite insertOne': () => Vault.bulkWrite([{ insertOne: { document: forged({ _id: 2 }) } }]),
  'bulkSave, new': () => Vault.bulkSave([new Vault(forged({ _id: 2 }))]),
  'native replaceOne': () => native.replaceOne({ _id: 1 as never }, forged({ n: 1 })),
  findOneAndReplace: () => Vault.findOneAndReplace({ _id: 1 }, forged({ n: 1 })).exec(),
  'bulkWrite replaceOne': () =>
    Vault.bulkWrite([{ replaceOne: { filter: { _id: 1 }, replacement: forged({ n: 1 }) } }]),
  'replaceOne, upsert': () => Vault.replaceOne({ _id: 2 }, forged({ n: 1 }), { upsert: true }).exec(),
  'pipeline $replaceWith': () =>
    native.updateOne({ _id: 1 as never }, [{ $replaceWith: { $mergeObjects: ['$$ROOT', { n: 1, _system: FORGED }] } }]),
  'pipeline $project': () => native.updateOne({ _id: 1 as never }, [{ $project: { any: 1 } }]),
  'filter of an upsert': () =>
    native.updateOne({ _id: 2 as never, '_system.ov': 99 } as never, { $set: { n: 1 } }, { upsert: true }),
};

/** Operators that name it are refused: nothing is written. */
const REFUSED: Record<string, () => Promise<unknown>> = {
  '$set of all': () => native.updateOne({ _id: 1 as never }, { $set: { _system: FORGED } }),
  '$set of a path': () => Vault.updateOne({ _id: 1 }, { $set: { '_system.ov': 99 } }).exec(),
  'update without operator': () => Vault.updateOne({ _id: 1 }, { _system: FORGED }).exec(),
  $inc: () => Vault.updateMany({}, { $inc: { '_system.ov': 99 } }).exec(),
  $unset: () => Vault.findOneAndUpdate({ _id: 1 }, { $unset: { _system: 1 } }).exec(),
  $setOnInsert: () =>
    Vault.updateOne({ _id: 2 }, { $setOnInsert: { '_system.actor': 'mallory' } }, { upsert: true }).exec(),
  '$rename to it': () => native.updateOne({ _id: 1 as never }, { $rename: { any: '_system' } }),
  '$rename from it': () => native.updateOne({ _id: 1 as never }, { $rename: { '_system.ov': 'n' } }),
  $currentDate: () => native.updateOne({ _id: 1 as never }, { $currentDate: { '_system.updatedAt': true } } as never),
  $push: () => native.updateOne({ _id: 1 as never }, { $push: { '_system.functionIds': 'x' } } as never),
  'bulkWrite updateOne': () =>
    native.bulkWrite([
      { updateOne: { filter: { _id: 1 as never }, update: { $set: { n: 1 } } } },
      { updateOne: { filter: { _id: 1 as never }, update: { $set: { '_system.ov': 99 } } } },
    ]),
  'bulkWrite updateMany': () =>
    native.bulkWrite([{ updateMany: { filter: {}, update: { $min: { '_system.ov': -1 } } } }]),
  'pipeline $set': () => native.updateOne({ _id: 1 as never }, [{ $set: { '_system.ov': 99 } }]),
  'pipeline $addFields': () => native.updateMany({}, [{ $addFields: { _system: FORGED } }]),
  'pipeline $unset': () => native.updateOne({ _id: 1 as never }, [{ $unset: ['n', '_system'] }]),
  'save, changed': async () => {
    const vault = await Vault.findById(1).orFail();
    vault.set('_system', FORGED);
    await vault.save();
  },
  'save, changed path': async () => {
    const vault = await Vault.findById(1).orFail();
    vault.set('_system.ov', 99, { strict: false });
    await vault.save();
  },
};

describe('a document brings bookkeeping of its own', () => {
  test.each(Object.entries(STRIPPED))('%s: it is left out', async (_name, write) => {
    await write();
    for (const id of [1, 2]) {
      const versions = await storedVersions(Vault, id);
      expect(versions.map(({ ov, system }) => [ov, system.ov])).toEqual(versions.map((_, ov) => [ov, ov]));
      for (const { system } of versions) {
        expect(system).not.toHaveProperty('actor');
        expect((system.updatedAt as Date).getTime()).toBeGreaterThan(0);
      }
    }
  });
});

describe('an update names the bookkeeping', () => {
  test.each(Object.entries(REFUSED))('%s: it is refused', async (_name, write) => {
    const before = await headsOf(Vault).find().toArray();
    await expect(write()).rejects.toThrow(UnversionedWriteError);
    expect(await headsOf(Vault).find().toArray()).toEqual(before);
    expect(await recordsOf(Vault).countDocuments()).toBe(0);
  });
});

test('a field of that name inside a document is the app own', async () => {
  await Vault.create({ _id: 2, any: { _system: { ov: 5 } } });
  await Vault.updateOne({ _id: 2 }, { $set: { 'any._system.ov': 6 } });
  expect(await Vault.findById(2).lean()).toMatchObject({ any: { _system: { ov: 6 } } });
});

test('nothing that a write returns shows it', async () => {
  const shown = [
    await Vault.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }).lean(),
    await Vault.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { returnDocument: 'after' }).lean(),
    await Vault.findOneAndUpdate({ n: 2 }, { $mul: { n: 1 } }, { includeResultMetadata: true }).lean(),
    await Vault.findOneAndUpdate({ _id: 7 }, { n: 1 }, { upsert: true, returnDocument: 'after' }).lean(),
    await Vault.findOneAndReplace({ _id: 1 }, { n: 3 }, { returnDocument: 'after' }).lean(),
    await Vault.findOneAndDelete({ _id: 1 }, { includeResultMetadata: true }).lean(),
    (await Vault.create({ _id: 8 })).toObject(),
    await Vault.insertMany([{ _id: 9 }], { rawResult: true }),
  ];
  expect(JSON.stringify(shown)).not.toContain('_system');
});
