import mongoose, { type Model, Schema, type Types } from 'mongoose';
import { expectTypeOf, test } from 'vitest';
import {
  type ChronosDocument,
  type ChronosModelType,
  chronos,
  type DocumentChange,
  type JsonPatchOperation,
  type Version,
} from '../../src/index.ts';

interface User {
  name: string;
  age?: number;
  team?: Types.ObjectId;
}

interface Methods {
  greet(): string;
}

interface QueryHelpers {
  adults<Q>(this: Q): Q;
}

interface UserModel extends ChronosModelType<User, QueryHelpers, Methods> {
  findByName(name: string): Promise<User | null>;
}

const schema = new Schema<User, UserModel, Methods, QueryHelpers>({ name: String, age: Number });
schema.static('findByName', function (name: string) {
  return this.findOne({ name }).lean();
});
const Users = mongoose.model<User, UserModel>('User', schema);
const Plain = mongoose.model<User, ChronosModelType<User>>('Plain', new Schema<User, ChronosModelType<User>>({}));
const at = new Date();

test('the plugin goes on any schema, connection and Mongoose without a cast', () => {
  schema.plugin(chronos);
  schema.plugin(chronos, { visible: true });
  // @ts-expect-error: there is no such option
  schema.plugin(chronos, { visibel: true });
  new Schema({ name: String }).plugin(chronos);
  new Schema({ name: String }, { statics: { twice: () => 2 }, methods: { shout: () => '!' } }).plugin(chronos);
  new Schema<User, Model<User, object, Methods>, Methods>({}).plugin(chronos);
  mongoose.plugin(chronos);
  mongoose.plugin(chronos, { visible: true });
  mongoose.createConnection().plugin(chronos);
});

test('the model stays what it was', async () => {
  const user = await Users.findOne({ name: 'Ada' }).orFail();
  expectTypeOf(user.name).toBeString();
  expectTypeOf(user.greet()).toBeString();
  expectTypeOf(await Users.find().adults().countDocuments()).toBeNumber();
  expectTypeOf(await Users.findByName('Ada')).toEqualTypeOf<User | null>();
  expectTypeOf(new Plain({ name: 'Ada' }).age).toEqualTypeOf<number | undefined>();
  expectTypeOf(new Plain({ name: 'Ada' })).toEqualTypeOf<ChronosDocument<User>>();
});

test('queries of the past have their results inferred', async () => {
  const [user] = await Users.asOf(at).find({ age: 1 }).sort('name').limit(1);
  expectTypeOf(user!.name).toBeString();
  expectTypeOf(user!.greet()).toBeString();
  expectTypeOf((await Users.asOf('2026-01-01T00:00:00Z').findById('1'))!.age).toEqualTypeOf<number | undefined>();
  expectTypeOf((await Users.asOf(at).findOne().lean())!.name).toBeString();
  expectTypeOf((await Users.asOf({ cv: 3 }).find().lean())[0]!._id).toEqualTypeOf<Types.ObjectId>();
  expectTypeOf(await Users.asOf(at).countDocuments()).toBeNumber();
  expectTypeOf(await Users.asOf(at).distinct('name')).toEqualTypeOf<string[]>();
  expectTypeOf(await Users.asOf(at).aggregate<{ n: number }>([{ $count: 'n' }])).toEqualTypeOf<{ n: number }[]>();
  for await (const each of Users.asOf(at).find().cursor()) expectTypeOf(each.name).toBeString();
  for await (const each of Users.find().asOf(at)) expectTypeOf(each.name).toBeString();
  expectTypeOf((await Users.find().asOf(at).adults())[0]!.name).toBeString();
  expectTypeOf((await Users.findOne().asOf(at).lean())!.age).toEqualTypeOf<number | undefined>();
  // @ts-expect-error: an instant is a date, an ISO string or a collection version
  Users.asOf(5);
});

test('the past is read-only', async () => {
  const past = Users.asOf(at);
  // @ts-expect-error: a model of the past does not write
  past.create({ name: 'Ada' });
  // @ts-expect-error: a model of the past does not write
  past.updateOne({}, { name: 'Ada' });
  // @ts-expect-error: a query of the past does not write
  past.find().deleteMany();
  // @ts-expect-error: a query of the past does not write
  Users.find().asOf(at).updateMany({});
  const found = await Users.findOne().asOf(at).orFail();
  expectTypeOf(found.greet()).toBeString();
  // @ts-expect-error: a document of the past is not saved
  found.save();
  // @ts-expect-error: nor are those of a list
  (await Users.find().sort('name').asOf(at).adults())[0]!.save();
  for await (const each of Users.find().asOf(at)) {
    // @ts-expect-error: nor those of a cursor
    each.save();
  }
  const user = (await past.findOne().orFail())!;
  // @ts-expect-error: a document of the past is not saved
  user.save();
  // @ts-expect-error: a document of the past is not written
  user.updateOne({ name: 'Ada' });
  // @ts-expect-error: a document of the past is not enriched
  user.enrich({ name: 'Ada' });
  await user.restore({ at });
});

test('versions carry the document', async () => {
  const list = await Users.history('1', { limit: 3 });
  expectTypeOf(list).items.toHaveProperty('doc');
  expectTypeOf(list[0]!.doc!.greet()).toBeString();
  // @ts-expect-error: a version is not saved
  list[0]!.doc!.save();
  for await (const version of Users.history('1')) expectTypeOf(version.ov).toBeNumber();
  const [lean] = await Users.history('1', { lean: true });
  expectTypeOf(lean!).toEqualTypeOf<Version<User & { _id: Types.ObjectId }>>();
  expectTypeOf((await Users.getVersion('1', 0))!.name).toBeString();
  expectTypeOf((await Users.getAsOf('1', at, { lean: true }))!._id).toEqualTypeOf<Types.ObjectId>();
  const latest = (await Users.getLatest('1'))!;
  await latest.save();
  const user = (await Users.findById('1'))!;
  expectTypeOf((await user.asOf(at))!.name).toBeString();
  expectTypeOf((await user.history())[0]!.actor).not.toBeAny();
  expectTypeOf(await user.diff(0)).toEqualTypeOf<DocumentChange[]>();
  expectTypeOf(await Users.diff('1', 0, 1, { format: 'json-patch' })).toEqualTypeOf<JsonPatchOperation[]>();
  expectTypeOf((await Users.restore('1', { ov: 0 })).name).toBeString();
  expectTypeOf((await user.enrich({ name: 'x' }, { functionId: 'f' })).name).toBeString();
  // @ts-expect-error: a version is named by number, instant or collection version
  Users.restore('1', { version: 0 });
});

test('who and why ride on every write', async () => {
  const who = { chronos: { actor: 'ana', reason: 'why' } } as const;
  const user = await Users.create([{ name: 'Ada' }], who).then(([first]) => first!);
  await user.save(who);
  await user.updateOne({ name: 'x' }, who);
  await user.deleteOne(who);
  await user.replaceOne({ name: 'x' }, who);
  await Users.insertMany([{ name: 'Ada' }], who);
  await Users.updateOne({ name: 'Ada' }, { $set: { age: 3 } }, who);
  await Users.updateMany({ name: 'Ada' }, { age: 3 }, { upsert: true, ...who });
  await Users.find().updateMany({ age: 3 }, who);
  await Users.find().setOptions(who).deleteMany();
  await Users.replaceOne({}, { name: 'x' }, who);
  await Users.findOneAndUpdate({}, { age: 3 }, who);
  await Users.findOneAndReplace({}, { name: 'x' }, who);
  await Users.findOneAndDelete({}, who);
  await Users.findByIdAndUpdate('1', { age: 3 }, who);
  await Users.findByIdAndDelete('1', who);
  await Users.deleteOne({}, who);
  await Users.deleteMany({}, who);
  await Users.bulkWrite([{ deleteMany: { filter: {} } }], who);
  await Users.bulkSave([user], who);
  // @ts-expect-error: there is no such option
  await user.save({ chronos: { who: 'ana' } });
  // @ts-expect-error: there is no such option
  await Users.updateOne({}, {}, { chronos: { who: 'ana' } });
});
