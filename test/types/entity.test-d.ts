import { type Connection, type Types } from 'mongoose';
import { expectTypeOf, test } from 'vitest';
import {
  ChronosEntity,
  ChronosModel,
  Defaults,
  type EntityDocument,
  type EntityModel,
  entityModel,
  Prop,
  toInstance,
  toPlain,
  Virtuals,
} from '../../decorators/index.ts';

class Address {
  @Prop() street!: string;
  @Prop() zip?: string;

  get line(): string {
    return `${this.street} ${this.zip}`;
  }

  isComplete(): boolean {
    return this.zip !== undefined;
  }
}

@ChronosEntity({ collection: 'users' })
class User extends ChronosModel {
  declare [Defaults]: 'status';
  declare [Virtuals]: 'initials';

  @Prop({ required: true }) email!: string;
  @Prop({ default: 'trial' }) status!: 'trial' | 'active';
  @Prop() age?: number;
  @Prop({ type: [String], default: [] }) tags?: string[];
  @Prop() address?: Address;
  @Prop({ type: [Address] }) others?: Address[];
  @Prop({ type: Map, of: Number }) scores?: Map<string, number>;
  @Prop() joined?: Date;

  get domain(): string {
    return this.email.split('@')[1] ?? '';
  }

  get initials(): string {
    return this.email.slice(0, 2);
  }

  set initials(value: string) {
    this.email = value;
  }

  greet(): string {
    return `Hello ${this.email}`;
  }

  activate() {
    this.status = 'active';
    return this.save();
  }

  static findByEmail(this: EntityModel<typeof User>, email: string) {
    return this.findOne({ email }).orFail();
  }
}

declare const connection: Connection;
const Users = entityModel(connection, User);
const at = new Date();

test('create wants what is required', async () => {
  const user = await Users.create({ email: 'a@b.c' });
  expectTypeOf(user.email).toBeString();
  expectTypeOf(user.status).toEqualTypeOf<'trial' | 'active'>();
  const same: EntityDocument<typeof User> = user;
  expectTypeOf(same.greet()).toBeString();
  await Users.create({ email: 'a@b.c', address: { street: 'x' }, others: [{ street: 'y' }], tags: ['a'] });
  await Users.create([{ email: 'a@b.c' }], { chronos: { actor: 'ana' } });
  await Users.insertMany([{ email: 'a@b.c' }]);
  // @ts-expect-error: email is required
  await Users.create({ status: 'active' });
  // @ts-expect-error: email is required
  await Users.create({});
  // @ts-expect-error: email is required
  await Users.create([{ age: 3 }]);
  // @ts-expect-error: email is required
  await Users.insertMany([{ age: 3 }]);
  // @ts-expect-error: there is no such status
  await Users.create({ email: 'a@b.c', status: 'gone' });
  // @ts-expect-error: there is no such property
  await Users.create({ email: 'a@b.c', emial: 'x' });
  // @ts-expect-error: a street is required
  await Users.create({ email: 'a@b.c', address: { zip: '1' } });
  await Users.create({ email: 'a@b.c', initials: 'AB' });
  // @ts-expect-error: virtuals are not stored
  await Users.create({ email: 'a@b.c', domain: 'x' });
});

test('documents have what the class has', async () => {
  const user = await Users.findOne({ email: 'a@b.c' }).orFail();
  expectTypeOf(user._id).toEqualTypeOf<Types.ObjectId>();
  expectTypeOf(user._system.ov).toBeNumber();
  expectTypeOf(user.domain).toBeString();
  expectTypeOf(user.greet()).toBeString();
  expectTypeOf((await user.activate()).greet()).toBeString();
  expectTypeOf(user.address!.isComplete()).toBeBoolean();
  expectTypeOf(user.scores!.get('a')).toEqualTypeOf<number | undefined>();
  user.status = 'active';
  await user.save({ chronos: { actor: 'ana' } });
  await user.enrich({ address: { zip: '1' } });
  // @ts-expect-error: there is no such property
  user.emial;
  user.initials = 'AB';
  // @ts-expect-error: a virtual without setter
  user.domain = 'x';
  // @ts-expect-error: there is no such status
  user.status = 'gone';
});

test('filters, lean results and populated documents', async () => {
  await Users.find({ email: /x/, status: { $in: ['trial'] }, 'address.street': 'x' });
  // @ts-expect-error: an email is a string
  await Users.find({ email: 5 });
  const lean = await Users.findOne().lean().orFail();
  expectTypeOf(lean.email).toBeString();
  expectTypeOf(lean.address!.street).toBeString();
  expectTypeOf(lean._system.ov).toBeNumber();
  // @ts-expect-error: plain objects have no methods
  lean.greet();
  // @ts-expect-error: plain objects have no virtuals
  lean.domain;
  // @ts-expect-error: nor those with a setter
  lean.initials;
  // @ts-expect-error: nested ones neither
  lean.address!.isComplete();
});

test('statics of the class are those of the model', async () => {
  const user = await Users.findByEmail('a@b.c');
  expectTypeOf(user.greet()).toBeString();
  expectTypeOf((await User.forTenant('a').findByEmail('x')).email).toBeString();
  expectTypeOf(User.forTenant('a')).toEqualTypeOf<EntityModel<typeof User>>();
  // @ts-expect-error: a tenant's id is a string
  User.forTenant(5);
});

test('the past is read-only', async () => {
  const past = await User.forTenant('a').asOf(at).findOne().orFail();
  expectTypeOf(past.greet()).toBeString();
  expectTypeOf(past.address!.isComplete()).toBeBoolean();
  // @ts-expect-error: a document of the past is not saved
  past.save();
  // @ts-expect-error: a model of the past does not write
  Users.asOf(at).create({ email: 'a@b.c' });
  expectTypeOf((await Users.asOf(at).find().lean())[0]!.email).toBeString();
  expectTypeOf((await Users.history('1'))[0]!.doc!.greet()).toBeString();
});

test('instances are of the class, and no documents', async () => {
  const instance = toInstance(User, await Users.findOne().lean().orFail());
  expectTypeOf(instance.greet()).toBeString();
  expectTypeOf(instance.address!.isComplete()).toBeBoolean();
  expectTypeOf(instance._id).toEqualTypeOf<Types.ObjectId>();
  expectTypeOf(toInstance(User, await Users.find())[0]!.domain).toBeString();
  // @ts-expect-error: an instance is not saved
  instance.save();
  expectTypeOf(toPlain(User, await Users.asOf(at).findOne().orFail())).toEqualTypeOf<Record<string, unknown>>();
  // @ts-expect-error: there is no such option
  toPlain(User, {}, { group: ['staff'] });
  // @ts-expect-error: only documents and what is made of them
  toPlain(User, 'id');
});

test('a patch is a deep partial of the content', async () => {
  expectTypeOf((await Users.enrich('1', { address: { zip: '1' } })).email).toBeString();
  await Users.enrich('1', [{ tags: ['a'] }, { scores: new Map([['a', 1]]) }], { functionId: 'f' });
  // @ts-expect-error: there is no such property
  await Users.enrich('1', { adress: { zip: '1' } });
  // @ts-expect-error: a zip is a string
  await Users.enrich('1', { address: { zip: 1 } });
});

test('a stored property is not readonly, since types take such for virtuals', () => {
  class Fixed extends ChronosModel {
    // @ts-expect-error: it is immutable by an option
    @Prop({ immutable: true }) readonly email!: string;
    @Prop({ immutable: true }) name!: string;
  }
  expectTypeOf<Fixed>().toHaveProperty('name');
});
