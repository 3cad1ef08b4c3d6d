import { type Connection, type HydratedDocument, Types } from 'mongoose';
import { expectTypeOf, test } from 'vitest';
import {
  ChronosEntity,
  ChronosModel,
  Defaults,
  type EntityContent,
  type EntityDocument,
  type EntityModel,
  entityModel,
  type NewEntity,
  Prop,
  Ref,
  toInstance,
  toPlain,
  Virtual,
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

@ChronosEntity()
class Author extends User {
  @Prop({ required: true }) pen!: string;
  @Virtual({ ref: () => Post, localField: '_id', foreignField: 'author' }) readonly posts?: EntityDocument<
    typeof Post
  >[];
}

@ChronosEntity()
class Post extends ChronosModel {
  @Prop({ required: true }) title!: string;
  @Ref(() => User) author?: Types.ObjectId;
  @Ref(() => [User]) likes?: Types.ObjectId[];
}

@ChronosEntity()
class Country extends ChronosModel<string> {
  @Prop() declare _id: string;
  @Prop() name?: string;
}

declare const connection: Connection;
const Users = entityModel(connection, User);
const Posts = entityModel(connection, Post);
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

test('lean results are plain', async () => {
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
  expectTypeOf((await Users.find().lean())[0]!._id).toEqualTypeOf<Types.ObjectId>();
});

test('filters take values, operators and paths', async () => {
  await Users.find({ email: /x/, status: { $in: ['trial'] }, 'address.street': 'x' });
  await Users.find({ $or: [{ email: 'x' }, { age: { $gt: 3 } }], _id: { $in: [new Types.ObjectId()] } });
  await Users.exists({ email: 'x' });
  expectTypeOf(await Users.distinct('email')).toEqualTypeOf<string[]>();
  for await (const user of Users.find({ age: 1 }).cursor()) expectTypeOf(user.greet()).toBeString();
});

test('populate gives what it is told, in documents, lean results and the past', async () => {
  const post = await Posts.findOne().populate<{ author: EntityDocument<typeof User> }>('author').orFail();
  expectTypeOf(post.title).toBeString();
  expectTypeOf(post.author.greet()).toBeString();
  await post.save();
  const lean = await Posts.findOne().populate<{ author: EntityContent<User> }>('author').lean().orFail();
  expectTypeOf(lean.author.email).toBeString();
  const [past] = await Posts.asOf(at).find().populate<{ likes: User[] }>('likes');
  expectTypeOf(past!.likes[0]!.email).toBeString();
  const [then] = await Posts.find().populate<{ likes: User[] }>('likes').asOf(at);
  expectTypeOf(then!.likes[0]!.email).toBeString();
  const user = await entityModel(connection, Author).findOne().populate('posts').orFail();
  expectTypeOf(user.posts![0]!.title).toBeString();
  // @ts-expect-error: a post has one author
  post.author[0];
});

test('documents are those of Mongoose', async () => {
  const user = await Users.findOne().orFail();
  const hydrated: HydratedDocument<EntityContent<User>> = user;
  expectTypeOf(hydrated.email).toBeString();
  const itself: User = user;
  const all: User[] = await Users.find();
  expectTypeOf([itself, ...all]).items.toEqualTypeOf<User>();
  const made = await Users.db.transaction(async (session) => {
    const [one] = await Users.create([{ email: 'a@b.c' }], { session });
    return Users.findById(one!._id).session(session);
  });
  expectTypeOf(made!.greet()).toBeString();
  const kept: NewEntity<User> = { email: 'a@b.c' };
  expectTypeOf(new Users(kept)).toEqualTypeOf<EntityDocument<typeof User>>();
  // @ts-expect-error: an email is a string
  new Users({ email: 5 });
});

test('a class that extends an entity has what both declare', async () => {
  const Authors = entityModel(connection, Author);
  const author: EntityDocument<typeof User> = await Authors.create({ email: 'a@b.c', pen: 'Ana' });
  expectTypeOf(author.greet()).toBeString();
  // @ts-expect-error: a pen name is required
  await Authors.create({ email: 'a@b.c' });
  // @ts-expect-error: an email is required
  await Authors.create({ pen: 'Ana' });
});

test('an _id that no one makes is required', async () => {
  const Countries = entityModel(connection, Country);
  expectTypeOf((await Countries.create({ _id: 'IT' }))._id).toBeString();
  // @ts-expect-error: there is no default of it
  await Countries.create({ name: 'Italy' });
  // @ts-expect-error: it is a string
  await Countries.create({ _id: 5 });
  await Users.create({ _id: new Types.ObjectId(), email: 'a@b.c' });
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
  // @ts-expect-error: nor is one that a query of the model finds there
  (await Users.findOne().asOf(at).orFail()).save();
  // @ts-expect-error: nor those of a list
  (await Users.find().asOf(at))[0]!.save();
  // @ts-expect-error: nor populated ones
  (await Posts.asOf(at).findOne().populate<{ likes: User[] }>('likes').orFail()).save();
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
  await Users.enrich('1', { scores: { a: 1 }, others: [{ zip: '1' }] });
  // @ts-expect-error: a score is a number
  await Users.enrich('1', { scores: { a: '1' } });
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

test('options are those that Mongoose has, and of its types', () => {
  class Checked extends ChronosModel {
    // @ts-expect-error: there is no such option
    @Prop({ requierd: true }) email!: string;
    // @ts-expect-error: lowercase is a boolean
    @Prop({ lowercase: 'yes' }) name!: string;
    // @ts-expect-error: there is no such option
    @Ref(() => User, { requierd: true }) user!: Types.ObjectId;
    // @ts-expect-error: there is no such option
    @Virtual({ ref: () => Post, localField: '_id', foreingField: 'author' }) readonly posts?: unknown[];
    // @ts-expect-error: a reference leads to an entity
    @Ref(() => Address) address!: Types.ObjectId;
  }
  // @ts-expect-error: there is no such option
  ChronosEntity({ colection: 'checked' })(Checked);
  // @ts-expect-error: an entity extends ChronosModel
  ChronosEntity()(Address);
  // @ts-expect-error: so does what is made a model
  entityModel(connection, Address);
});

test('lists of nested documents may be those of Mongoose', async () => {
  class Line {
    @Prop() text!: string;
    @Prop() price?: Types.Decimal128;

    total(): string {
      return `${this.price}`;
    }
  }

  @ChronosEntity()
  class Order extends ChronosModel {
    @Prop({ type: [Line] }) lines!: Types.DocumentArray<Line>;
    @Prop({ type: [String] }) tags!: Types.Array<string>;
    @Prop({ type: Map, of: Line }) byName?: Map<string, Line>;
    @Prop() receipt?: Buffer;
  }
  const Orders = entityModel(connection, Order);
  const order = await Orders.create({ lines: [{ text: 'a' }], tags: ['b'], receipt: Buffer.from('x') });
  order.lines.push({ text: 'c' });
  order.tags.addToSet('d');
  expectTypeOf(order.lines.id('1')!.total()).toBeString();
  expectTypeOf((await Orders.findOne().lean().orFail()).lines[0]!.text).toBeString();
  await Orders.enrich(order._id, { lines: [{ text: 'e' }], byName: { a: { text: 'f' } } });
  // @ts-expect-error: a text is required
  await Orders.create({ lines: [{}], tags: [] });
  // @ts-expect-error: plain objects have no methods
  (await Orders.findOne().lean().orFail()).lines[0]!.total();
});
