import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Defaults, type EntityModel, entityModel, Prop } from '../../decorators/index.ts';
import { bindEntities, type ModelSource, unbind } from '../../src/entity/binding.ts';
import { ConfigError, OptimisticLockError, UnversionedWriteError } from '../../src/errors.ts';
import { testDatabase } from '../support/database.ts';

class Address {
  @Prop() street!: string;
  @Prop() zip?: string;

  get line(): string {
    return [this.street, this.zip].filter(Boolean).join(' ');
  }
}

@ChronosEntity({ collection: 'people' })
class User extends ChronosModel {
  declare [Defaults]: 'status';

  @Prop({ required: true }) email!: string;
  @Prop({ default: 'trial' }) status!: string;
  @Prop() address?: Address;

  get domain(): string {
    return this.email.split('@')[1] ?? '';
  }

  activate() {
    this.status = 'active';
    return this.save();
  }

  static findByEmail(this: EntityModel<typeof User>, email: string) {
    return this.findOne({ email }).orFail();
  }
}

const mongoose = await testDatabase();
const Users = entityModel(mongoose, User);

test('an entity is a versioned Mongoose model with the methods, virtuals and statics of its class', async () => {
  await Users.create({ email: 'ana@x.y', address: { street: 'Elm' } });
  const user = await Users.findByEmail('ana@x.y');
  expect(user.domain).toBe('x.y');
  expect(user.address!.line).toBe('Elm');
  const before = new Date();
  await user.activate();
  expect(await Users.findOne({ email: 'ana@x.y' }).lean()).toMatchObject({ status: 'active' });
  expect((await Users.asOf(before).findOne().orFail()).status).toBe('trial');
  expect(await Users.history(user._id)).toHaveLength(2);
  expect(Users.collection.name).toBe('people');
  expect(entityModel(mongoose.connection, User)).toBe(Users);
});

test('the bookkeeping is a visible path, numbered across the collection, that no caller writes', async () => {
  const { _id } = await Users.create({ email: 'bo@x.y' });
  const user = await Users.findById(_id).orFail();
  expect(user._system).toMatchObject({ ov: 0, cv: expect.any(Number) });
  expect(await Users.findById(_id).lean()).toMatchObject({ _system: { ov: 0 } });
  expect(await Users.countDocuments({ '_system.ov': 0, email: 'bo@x.y' })).toBe(1);
  user.set('_system', { ov: 7 });
  await expect(user.save()).rejects.toThrow(UnversionedWriteError);
});

test('a document shows the version that it was saved as', async () => {
  const user = await Users.create({ email: 'cy@x.y' });
  expect(user._system).toMatchObject({ ov: 0, cv: expect.any(Number), insertedAt: expect.any(Date) });
  for (const [index, status] of ['active', 'away', 'gone'].entries()) {
    user.status = status;
    const { ov } = user._system;
    await user.save({ chronos: { expectedOv: ov, actor: 'ana', functionId: 'job' } });
    expect(user._system).toEqual((await Users.findById(user._id).lean().orFail())._system);
    expect(user._system).toMatchObject({ ov: index + 1, actor: 'ana', functionIds: ['job'] });
  }
  const before = user._system;
  await user.save();
  expect(user.isModified()).toBe(false);
  expect(user._system).toBe(before);
  await Users.updateOne({ _id: user._id }, { status: 'active' });
  user.status = 'away';
  await expect(user.save({ chronos: { expectedOv: user._system.ov } })).rejects.toThrow(OptimisticLockError);
});

test('documents that are saved together show each its own version', async () => {
  const emails = Array.from({ length: 20 }, (_, index) => `${index}@z.y`);
  const users = await Promise.all(emails.map((email) => Users.create({ email })));
  for (const [index, user] of users.entries()) user.status = `${index}`;
  await Promise.all(users.map((user) => user.save()));
  await users[0]!.deleteOne();
  const again = await Users.create({ _id: users[0]!._id, email: 'again@z.y' });
  for (const user of [...users.slice(1), again]) {
    expect(user._system).toEqual((await Users.findById(user._id).lean().orFail())._system);
  }
  expect(again._system.ov).toBe(3);
});

test('after an abort a document shows the version of before', async () => {
  const user = await Users.create({ email: 'ed@x.y' });
  const before = user._system;
  const aborted = mongoose.connection.transaction(async (session) => {
    for (const status of ['active', 'away']) await user.set({ status }).save({ session });
    expect(user._system.ov).toBe(2);
    throw new Error('on second thoughts');
  });
  await expect(aborted).rejects.toThrow('on second thoughts');
  expect(user._system).toEqual(before);
  const session = await mongoose.startSession();
  await session.withTransaction(() => user.set({ status: 'gone' }).save({ session }));
  session.startTransaction();
  await session.abortTransaction();
  await session.endSession();
  expect(user._system.ov).toBe(1);
});

test('a document that was read without its version shows none', async () => {
  const { _id } = await Users.create({ email: 'di@x.y' });
  const user = await Users.findById(_id).select('email status').orFail();
  user.status = 'active';
  await user.save();
  expect(user.toObject()).not.toHaveProperty('_system');
});

test('an entity asks the one open registry that has it', () => {
  const source: ModelSource = { model: (entity) => entityModel(mongoose, entity) };
  expect(() => User.forTenant('a')).toThrow(ConfigError);
  bindEntities([User], source);
  expect(User.forTenant('a')).toBe(Users);
  expect(User.generic()).toBe(Users);
  expect(User.forDomain('health')).toBe(Users);
  const another: ModelSource = { ...source };
  bindEntities([User], another);
  expect(() => User.forTenant('a')).toThrow('more than one');
  unbind([User], another);
  expect(User.forTenant('a')).toBe(Users);
  unbind([User], source);
  expect(() => User.forTenant('a')).toThrow('initChronos');
});
