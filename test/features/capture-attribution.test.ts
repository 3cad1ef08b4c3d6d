import { beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, chronos, OptimisticLockError, runInChronosContext } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf, storedVersions } from '../support/stored.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ _id: Number, n: Number, name: String });
const Note = mongoose.model('Note', schema.plugin(chronos));
/** The options of Mongoose's calls, as they are with `chronos`. */
type NoteOptions = object;

beforeEach(async () => {
  await headsOf(Note).deleteMany({});
  await recordsOf(Note).deleteMany({});
  await Note.create([1, 2].map((_id) => ({ _id, n: 0, name: 'first' })));
});

/** Each operation that takes options, with the document whose newest version tells of it. */
const UPDATES: Record<string, (options: NoteOptions) => Promise<unknown>> = {
  save: async (options) => {
    const note = await Note.findById(1).orFail();
    note.n = 1;
    await note.save(options);
  },
  updateOne: (options) => Note.updateOne({ _id: 1 }, { n: 1 }, options).exec(),
  'updateOne by another field': (options) => Note.updateOne({ n: 0 }, { n: 1 }, options).exec(),
  'updateOne, unsure': (options) => Note.updateOne({ _id: 1 }, { $mul: { n: 2 }, $set: { name: 'x' } }, options).exec(),
  updateMany: (options) => Note.updateMany({}, { n: 1 }, options).exec(),
  'updateMany, pipeline': (options) =>
    Note.updateMany({}, [{ $set: { n: 1 } }], { ...options, updatePipeline: true } as never).exec(),
  'doc.updateOne': async (options) => (await Note.findById(1).orFail()).updateOne({ n: 1 }, options as never).exec(),
  replaceOne: (options) => Note.replaceOne({ _id: 1 }, { n: 1 }, options).exec(),
  findOneAndUpdate: (options) => Note.findOneAndUpdate({ _id: 1 }, { n: 1 }, options).exec(),
  findByIdAndUpdate: (options) => Note.findByIdAndUpdate(1, { n: 1 }, options).exec(),
  findOneAndReplace: (options) => Note.findOneAndReplace({ _id: 1 }, { n: 1 }, options).exec(),
  'upsert, hit': (options) => Note.updateOne({ _id: 1 }, { n: 1 }, { ...options, upsert: true }).exec(),
  bulkWrite: (options) =>
    Note.bulkWrite(
      [1, 2].map((_id) => ({ updateOne: { filter: { _id }, update: { n: 1 } } })),
      options,
    ),
  'bulkWrite, updateMany': (options) => Note.bulkWrite([{ updateMany: { filter: {}, update: { n: 1 } } }], options),
  bulkSave: async (options) => {
    const notes = await Note.find().sort({ _id: 1 });
    for (const note of notes) note.n = 1;
    await Note.bulkSave(notes, options);
  },
  'native updateOne': (options) =>
    Note.collection.updateOne({ _id: 1 as never }, { $set: { n: 1 } }, options as object),
};
const DELETES: Record<string, (options: NoteOptions) => Promise<unknown>> = {
  deleteOne: (options) => Note.deleteOne({ _id: 1 }, options as never).exec(),
  deleteMany: (options) => Note.deleteMany({}, options as never).exec(),
  'doc.deleteOne': async (options) => (await Note.findById(1).orFail()).deleteOne(options as never),
  findOneAndDelete: (options) => Note.findOneAndDelete({ _id: 1 }, options).exec(),
  findByIdAndDelete: (options) => Note.findByIdAndDelete(1, options).exec(),
  'bulkWrite, deleteOne': (options) => Note.bulkWrite([{ deleteOne: { filter: { _id: 1 } } }], options),
};
const CREATES: Record<string, (options: NoteOptions) => Promise<unknown>> = {
  'save, new': (options) => new Note({ _id: 9 }).save(options),
  create: (options) => Note.create([{ _id: 9 }], options),
  insertMany: (options) => Note.insertMany([{ _id: 9 }], options),
  insertOne: (options) => Note.insertOne({ _id: 9 }, options as never),
  upsert: (options) => Note.updateOne({ _id: 9 }, { n: 1 }, { ...options, upsert: true }).exec(),
  'findOneAndUpdate, upsert': (options) =>
    Note.findOneAndUpdate({ _id: 9 }, { n: 1 }, { ...options, upsert: true }).exec(),
  'bulkWrite, insertOne': (options) => Note.bulkWrite([{ insertOne: { document: { _id: 9, n: 1 } } }], options),
  'bulkSave, new': (options) => Note.bulkSave([new Note({ _id: 9 })], options),
  'native insertMany': (options) => Note.collection.insertMany([{ _id: 9 as never }], options as object),
};

const WHO = { actor: 'ana', reason: 'ticket 42', functionId: 'job:7' } as const;
const newest = async (id: number) => (await storedVersions(Note, id)).at(-1)?.system;
const all = (writes: Record<string, (options: NoteOptions) => Promise<unknown>>) => Object.entries(writes);

describe('who, why and by which function', () => {
  test.each([...all(UPDATES), ...all(DELETES)])('%s', async (_name, write) => {
    await write({ chronos: WHO });
    expect(await newest(1)).toMatchObject({ ov: 1, ...WHO, functionIds: ['job:7'] });
    await Note.updateOne({ _id: 1 }, { name: 'later' });
    await Note.create({ _id: 1 }).catch(() => undefined);
    const { actor, reason, functionId, functionIds } = (await newest(1)) ?? {};
    expect([actor, reason, functionId, functionIds]).toEqual([undefined, undefined, undefined, ['job:7']]);
  });

  test.each(all(CREATES))('%s', async (_name, write) => {
    await write({ chronos: WHO });
    expect(await newest(9)).toMatchObject({ ov: 0, ...WHO, functionIds: ['job:7'] });
  });

  test.each([...all(UPDATES), ...all(DELETES)])('from the context: %s', async (_name, write) => {
    await runInChronosContext({ actor: 'outer', reason: 'outer' }, () =>
      runInChronosContext({ actor: { type: 'user', identifier: 'bob' } }, () => write({ chronos: { reason: 'own' } })),
    );
    expect(await newest(1)).toMatchObject({ actor: { type: 'user', identifier: 'bob' }, reason: 'own' });
  });

  test('contexts end with their function, and parallel ones do not mix', async () => {
    const actors = Array.from({ length: 20 }, (_, index) => `actor ${index}`);
    await Promise.all(
      actors.map((actor, _id) => runInChronosContext({ actor }, () => new Note({ _id: 100 + _id }).save())),
    );
    for (const [index, actor] of actors.entries()) expect(await newest(100 + index)).toMatchObject({ actor });
    await Note.updateOne({ _id: 100 }, { n: 1 });
    expect(await newest(100)).not.toHaveProperty('actor');
  });
});

describe('expectedOv', () => {
  const state = async () => [await headsOf(Note).find().toArray(), await recordsOf(Note).find().toArray()];

  test.each([...all(UPDATES), ...all(DELETES)])('met by %s', async (_name, write) => {
    await write({ chronos: { expectedOv: 0 } });
    expect(await newest(1)).toMatchObject({ ov: 1 });
  });

  test.each([...all(UPDATES), ...all(DELETES)])('missed by %s: nothing is written', async (_name, write) => {
    const before = await state();
    const error = await write({ chronos: { expectedOv: 3 } }).catch((reason) => reason);
    expect(error).toBeInstanceOf(OptimisticLockError);
    expect(error).toMatchObject({ expected: 3, actual: 0, code: 'CHRONOS_VERSION_CONFLICT' });
    expect(await state()).toEqual(before);
  });

  test.each(all(CREATES))('missed by %s, which meets no document', async (_name, write) => {
    const before = await state();
    const error = await write({ chronos: { expectedOv: 0 } }).catch((reason) => reason);
    expect(error).toBeInstanceOf(OptimisticLockError);
    expect(error).toMatchObject({ expected: 0, actual: null });
    expect(await state()).toEqual(before);
  });

  test('missed by one of many: nothing is written', async () => {
    await Note.create(Array.from({ length: 1_100 }, (_, index) => ({ _id: 10 + index, n: 0 })));
    await Note.updateOne({ _id: 1_050 }, { name: 'ahead' });
    const before = await state();
    const options = { chronos: { expectedOv: 0 } };
    await expect(Note.updateMany({}, { n: 5 }, options as object)).rejects.toThrow(OptimisticLockError);
    await expect(Note.deleteMany({}, options as never)).rejects.toThrow(OptimisticLockError);
    const bulk = [1, 2, 1_049, 1_050, 1_051].map((_id) => ({ updateOne: { filter: { _id }, update: { n: 5 } } }));
    await expect(Note.bulkWrite(bulk, options)).rejects.toThrow(OptimisticLockError);
    await expect(Note.bulkWrite(bulk, { ...options, ordered: false })).rejects.toThrow(OptimisticLockError);
    expect(await state()).toEqual(before);
  });

  test('of 20 callers that expect one version, one wins', async () => {
    const attempts = Array.from({ length: 20 }, (_, n) =>
      Note.updateOne({ _id: 1 }, { $set: { n: n + 1 } }, { chronos: { expectedOv: 0 } } as object).exec(),
    );
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await storedVersions(Note, 1)).toHaveLength(2);
  });

  test('concerns the saved document, and not what its hooks write', async () => {
    const hooked = new mongoose.Schema({ _id: Number, n: Number });
    hooked.post('save', async () => {
      await Note.updateOne({ _id: 1 }, { $inc: { n: 1 } });
    });
    const Hooked = mongoose.model('Hooked', hooked.plugin(chronos));
    const document = await Hooked.create({ _id: 1, n: 0 });
    await Note.updateOne({ _id: 1 }, { name: 'moved on' });
    document.n = 1;
    await document.save({ chronos: { expectedOv: 0, actor: 'ana' } });
    expect(await newest(1)).toMatchObject({ ov: 3, actor: 'ana' });
  });
});

describe('a given date', () => {
  const at = new Date('2030-01-01T00:00:00Z');

  test.each([...all(UPDATES), ...all(DELETES)])('%s', async (_name, write) => {
    await write({ chronos: { at } });
    const versions = await storedVersions(Note, 1);
    expect(versions[0]?.system.until).toEqual(at);
    expect(versions[1]?.system.updatedAt).toEqual(at);
  });

  test.each(all(CREATES))('%s', async (_name, write) => {
    await write({ chronos: { at } });
    expect(await newest(9)).toMatchObject({ insertedAt: at, updatedAt: at });
  });

  test.each([...all(UPDATES), ...all(DELETES)])(
    'before the last version, %s: nothing is written',
    async (_name, write) => {
      const before = [await headsOf(Note).find().toArray(), await recordsOf(Note).find().toArray()];
      await expect(write({ chronos: { at: new Date('2001-01-01') } })).rejects.toThrow(ConfigError);
      expect([await headsOf(Note).find().toArray(), await recordsOf(Note).find().toArray()]).toEqual(before);
    },
  );

  test('before the deletion it follows', async () => {
    await Note.deleteOne({ _id: 1 });
    const options = { chronos: { at: new Date('2001-01-01') } };
    await expect(new Note({ _id: 1 }).save(options)).rejects.toThrow(ConfigError);
    expect(await headsOf(Note).countDocuments({ _id: 1 as never })).toBe(0);
  });
});
