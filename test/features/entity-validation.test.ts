import type { ClientSession } from 'mongoose';
import { expect, test } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { ChronosEntity, ChronosModel, entityModel, Prop } from '../../decorators/index.ts';
import { definitionOf } from '../../src/entity/definition.ts';
import { EntityDefinitionError } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

const Account = z.object({
  owner: z.string().min(2),
  balance: z.number().nonnegative(),
  tags: z.array(z.string().max(3)).optional(),
  opened: z.date().optional(),
  seal: z.instanceof(Buffer).optional(),
});

@ChronosEntity({ collection: 'accounts', validation: Account, required: ['branch.city'] })
class Book extends ChronosModel {
  @Prop() owner!: string;
  @Prop() balance!: number;
  @Prop({ type: [String], default: undefined }) tags?: string[];
  @Prop() opened?: Date;
  @Prop() seal?: Buffer;
  @Prop({ type: { city: String } }) branch!: { city: string };
}

@ChronosEntity({ validation: z.object({ limit: z.number().max(100) }) })
class Credit extends Book {
  @Prop() limit?: number;
}

const Books = entityModel(mongoose, Book);
const good = { owner: 'ana', balance: 5, branch: { city: 'Rome' } };
const { ValidationError } = mongoose.Error;

async function state() {
  const heads = await Books.collection.find({}, { sort: { _id: 1 } }).toArray();
  const versions = await mongoose.connection.collection('accounts_ver').countDocuments();
  return { heads, versions };
}

/** The paths that a call is refused for, which leaves nothing behind. */
async function refusedFor(call: () => PromiseLike<unknown>): Promise<string[]> {
  const before = await state();
  const error = await Promise.resolve(call()).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ValidationError);
  expect(await state()).toEqual(before);
  return Object.keys((error as InstanceType<typeof ValidationError>).errors).sort();
}

test('what is valid is written, and read as it was', async () => {
  const { _id } = await Books.create({ ...good, opened: new Date(0), seal: Buffer.from('x'), tags: ['a'] });
  await Books.updateOne({ _id }, { $inc: { balance: 3 } });
  expect(await Books.findById(_id).lean()).toMatchObject({ balance: 8, _system: { ov: 1 } });
});

test('every kind of write is checked by its result, and every path at fault is listed', async () => {
  const { _id } = await Books.create({ ...good, tags: ['ok'] });
  const doc = await Books.findById(_id).orFail();
  const bad = { ...good, owner: 'x', balance: -1, branch: { city: '' } };
  const all = ['balance', 'branch.city', 'owner'];
  doc.set({ owner: 'y', balance: -2 });
  const calls: Record<string, [call: () => PromiseLike<unknown>, paths: string[]]> = {
    create: [() => Books.create(bad), all],
    save: [() => doc.save(), ['balance', 'owner']],
    insertMany: [() => Books.insertMany([bad]), all],
    'native insertOne': [() => Books.collection.insertOne({ owner: 1 } as never), all],
    'updateOne, decidable': [() => Books.updateOne({ _id }, { $inc: { balance: -9 } }), ['balance']],
    'updateOne, undecidable': [() => Books.updateOne({ _id }, { $min: { balance: -9 } }), ['balance']],
    'updateOne, items': [() => Books.updateOne({ _id }, { $push: { tags: 'long' } }), ['tags.1']],
    'updateOne, $unset': [
      () => Books.updateOne({ _id }, { $unset: { owner: 1, branch: 1 } }),
      ['branch.city', 'owner'],
    ],
    'updateOne, upsert': [() => Books.updateOne({ owner: 'new' }, { balance: 1 }, { upsert: true }), ['branch.city']],
    'findOneAndUpdate, upsert': [
      () => Books.findOneAndUpdate({ owner: 'new' }, { balance: 1 }, { upsert: true }),
      ['branch.city'],
    ],
    'findOneAndReplace, upsert': [
      () => Books.findOneAndReplace({ owner: 'new' }, { owner: 'new', balance: 1 }, { upsert: true }),
      ['branch.city'],
    ],
    'a pipeline, upsert': [
      () => Books.collection.findOneAndUpdate({ owner: 'new' }, [{ $set: { balance: -1 } }], { upsert: true }),
      ['balance', 'branch.city'],
    ],
    updateMany: [() => Books.updateMany({}, { $set: { balance: -1 } }), ['balance']],
    replaceOne: [() => Books.replaceOne({ _id }, bad), all],
    findOneAndUpdate: [
      () => Books.findOneAndUpdate({ _id }, { balance: -1 }, { returnDocument: 'after' }),
      ['balance'],
    ],
    bulkWrite: [() => Books.bulkWrite([{ updateOne: { filter: { _id }, update: { balance: -1 } } }]), ['balance']],
    bulkSave: [() => Books.bulkSave([doc]), ['balance', 'owner']],
    enrich: [() => Books.enrich(_id, { balance: -1, tags: ['long'] }), ['balance', 'tags.1']],
  };
  const found: Record<string, string[]> = {};
  for (const [name, [call]] of Object.entries(calls)) found[name] = await refusedFor(call);
  expect(found).toEqual(Object.fromEntries(Object.entries(calls).map(([name, [, paths]]) => [name, paths])));
});

test('a restore of a version that the schema no longer allows is refused', async () => {
  const { _id } = await Books.create(good);
  await Books.updateOne({ _id }, { balance: 6 });
  const record = { '_id.id': _id, '_id.ov': 0 };
  await mongoose.connection.collection('accounts_ver').updateOne(record as never, { $set: { balance: -5 } });
  expect(await refusedFor(() => Books.restore(_id, { ov: 0 }))).toEqual(['balance']);
});

test('of writes made together only the one at fault fails', async () => {
  const docs = await Books.create(Array.from({ length: 12 }, () => good));
  const ids = docs.map(({ _id }) => _id);
  const settled = await Promise.allSettled(
    ids.map((_id, index) => Books.updateOne({ _id }, { $min: { balance: index === 7 ? -1 : 1 } })),
  );
  expect(settled.map(({ status }) => status === 'rejected')).toEqual(ids.map((_, index) => index === 7));
  const inserts = await Promise.allSettled(
    ids.map((_, index) => Books.create({ ...good, balance: index === 3 ? -1 : 1 })),
  );
  expect(inserts.map(({ status }) => status === 'rejected')).toEqual(ids.map((_, index) => index === 3));
});

test('a refusal ends the transaction of its caller, who cannot commit what was refused', async () => {
  const { _id } = await Books.create(good);
  const inTransaction = (bad: (session: ClientSession) => Promise<unknown>) =>
    mongoose.connection.transaction(async (session) => {
      await Books.create([good], { session });
      await bad(session);
    });
  const wrong = { balance: -1 };
  const update = (session: ClientSession) => Books.updateOne({ _id }, wrong, { session }).exec();
  const bulk = (session: ClientSession) =>
    Books.bulkWrite([{ updateOne: { filter: { _id }, update: { $min: wrong } } }], { session });
  const many = (session: ClientSession) => Books.updateMany({ _id }, wrong, { session }).exec();
  for (const bad of [update, bulk, many]) expect(await refusedFor(() => inTransaction(bad))).toEqual(['balance']);

  const before = await state();
  const session = await mongoose.startSession();
  session.startTransaction();
  await expect(update(session)).rejects.toThrow(ValidationError);
  await expect(session.commitTransaction()).rejects.toThrow('aborted');
  await session.endSession();
  expect(await state()).toEqual(before);
});

test('an entity that extends another is checked by the rules of both', async () => {
  const Credits = entityModel(mongoose, Credit);
  expect(await refusedFor(() => Credits.create({ ...good, owner: 'x', limit: 101 }))).toEqual(['limit', 'owner']);
  const { _id } = await Credits.create({ ...good, limit: 5 });
  expect(await refusedFor(() => Books.updateOne({ _id }, { $unset: { limit: 1 } }, { strict: false }))).toEqual([
    'limit',
  ]);
});

test('messages hold nothing of the document', async () => {
  const error = await Books.create({ ...good, owner: '§' }).catch((reason: unknown) => reason as Error);
  expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain('§');
  expect((error as Error).message).toContain('Book validation failed: owner: ');
});

test('rules that would come too late to bind are an error', () => {
  @ChronosEntity()
  class Open extends ChronosModel {
    @Prop() x!: number;
  }
  definitionOf(Open);
  @ChronosEntity({ required: ['y'] })
  class Late extends Open {
    @Prop() y!: number;
  }
  expect(() => definitionOf(Late)).toThrow(EntityDefinitionError);
  expect(() => definitionOf(Late)).toThrow('Cannot define Late: its rules come too late');
});

test('what Mongoose itself keeps in documents is nothing that a strict schema has to know', async () => {
  class Part {
    @Prop() size!: number;
  }
  const validation = z.strictObject({ name: z.string(), parts: z.array(z.strictObject({ size: z.number() })) });
  const schemaOptions = { timestamps: { createdAt: 'made' }, versionKey: 'revision', strict: false } as const;
  @ChronosEntity({ validation, schemaOptions })
  class Strict extends ChronosModel {
    @Prop() name!: string;
    @Prop({ type: [Part] }) parts!: Part[];
  }
  const Stricts = entityModel(mongoose, Strict);
  const { _id } = await Stricts.create({ name: 'a', parts: [{ size: 1 }] });
  expect(Object.keys((await Stricts.findById(_id).lean())!).sort()).toEqual(
    ['_id', '_system', 'made', 'name', 'parts', 'revision', 'updatedAt'].sort(),
  );
  const more = { other: 1, another: 1, 'parts.0.weight': 5 };
  const update = () => Stricts.updateOne({ _id }, { $set: more }, { strict: false });
  expect(await refusedFor(update)).toEqual(['another', 'other', 'parts.0.weight']);
});

test('a schema of zod mini is as good', async () => {
  @ChronosEntity({ validation: mini.object({ x: mini.number().check(mini.lte(5)) }) })
  class Small extends ChronosModel {
    @Prop() x!: number;
  }
  const Smalls = entityModel(mongoose, Small);
  const { _id } = await Smalls.create({ x: 5 });
  expect(await refusedFor(() => Smalls.updateOne({ _id }, { $inc: { x: 1 } }))).toEqual(['x']);
});

test('a restore of the collection is refused for a version that the schema no longer allows', async () => {
  @ChronosEntity({ collection: 'jars', validation: z.object({ size: z.number().max(5) }) })
  class Jar extends ChronosModel {
    @Prop() size!: number;
  }
  const Jars = entityModel(mongoose, Jar);
  const { _id } = await Jars.create({ size: 1 });
  await Jars.updateOne({ _id }, { size: 2 });
  await mongoose.connection
    .collection('jars_ver')
    .updateOne({ '_id.id': _id, '_id.ov': 0 } as never, { $set: { size: 9 } });
  expect(await refusedFor(() => Jars.restoreCollection({ cv: 0 }))).toEqual(['size']);
  expect(await Jars.findById(_id).lean()).toMatchObject({ size: 2 });
});

test('a validation that is asynchronous is an error that names the entity, and writes nothing', async () => {
  @ChronosEntity({ validation: z.object({ x: z.number().refine(async () => true) }) })
  class Later extends ChronosModel {
    @Prop() x!: number;
  }
  const Laters = entityModel(mongoose, Later);
  await expect(Laters.create({ x: 1 })).rejects.toThrow('Cannot define Later: its validation is asynchronous');
  expect(await Laters.countDocuments()).toBe(0);
});
