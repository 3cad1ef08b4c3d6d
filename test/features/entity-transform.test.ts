import { Exclude, Expose, Transform, Type } from 'class-transformer';
import { Types } from 'mongoose';
import { expect, test } from 'vitest';
import {
  ChronosEntity,
  ChronosModel,
  Embedded,
  type EntityDocument,
  entityModel,
  type NewEntity,
  Prop,
  Ref,
  toInstance,
  toPlain,
  Virtual,
  Virtuals,
} from '../../decorators/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const { BSON } = mongoose.mongo;
const { Decimal128, ObjectId } = mongoose.Types;

@Embedded({ _id: false })
class Address {
  @Prop() street!: string;
  @Exclude() @Prop() code?: string;

  line(): string {
    return `${this.street}!`;
  }
}

@Embedded({ _id: false, discriminatorKey: 'kind' })
class Contact {
  declare kind?: string;
}

class Mail extends Contact {
  @Exclude({ toPlainOnly: true }) @Prop() address!: string;
}

class Phone extends Contact {
  @Prop() digits!: string;
}

@ChronosEntity()
class Club extends ChronosModel {
  @Prop() title!: string;
  @Exclude() @Prop() budget?: number;
  @Virtual({ ref: () => Member, localField: '_id', foreignField: 'club' }) readonly members?: EntityDocument<
    typeof Member
  >[];
}

@ChronosEntity()
class Member extends ChronosModel {
  declare [Virtuals]: 'initials';

  @Exclude() declare _system: ChronosModel['_system'];
  @Exclude() declare __v?: number;

  @Prop() first!: string;
  @Prop() last!: string;
  @Expose({ name: 'mail' }) @Prop() email?: string;
  @Expose({ groups: ['staff'] }) @Prop() salary?: number;
  @Expose({ since: 2 }) @Prop() nick?: string;
  @Expose({ until: 2 }) @Prop() alias?: string;
  @Exclude() @Prop() password?: string;
  @Transform(({ value }) => value.toFixed(2), { toPlainOnly: true }) @Prop() score?: number;
  @Type(() => String) @Prop() badge?: Types.ObjectId;
  @Prop() home?: Address;
  @Prop({ type: [Address], default: undefined }) others?: Address[];
  @Prop({ type: Map, of: Address }) places?: Map<string, Address>;
  @Prop({ type: [Contact], discriminators: { Mail, Phone }, default: undefined }) contacts?: (Mail | Phone)[];
  @Ref(() => Club) club?: Types.ObjectId;

  @Prop() price?: Types.Decimal128;
  @Prop() born?: Date;
  @Prop() bytes?: Buffer;
  @Prop({ type: Map, of: Number }) marks?: Map<string, number>;
  @Prop({ type: mongoose.Schema.Types.Mixed }) anything?: unknown;

  @Expose() get name(): string {
    return `${this.first} ${this.last}`;
  }

  @Expose() get initials(): string {
    return `${this.first[0]}${this.last[0]}`;
  }

  set initials(value: string) {
    [this.first = '', this.last = ''] = value;
  }
}

@ChronosEntity()
class Trainer extends Member {
  @Exclude() @Prop() secret?: string;

  train(): string {
    return `${this.first} trains`;
  }
}

const Members = entityModel(mongoose, Member);
const Trainers = entityModel(mongoose, Trainer);
const Clubs = entityModel(mongoose, Club);

const born = new Date('2001-02-03T04:05:06Z');
const values = {
  price: Decimal128.fromString('1.10'),
  born,
  bytes: Buffer.from('bytes'),
  marks: new Map([['a', 1]]),
  anything: { id: new ObjectId(), long: BSON.Long.fromString('9007199254740993'), dates: [born], pattern: /x/i },
};
const person = { first: 'Ana', last: 'Ito' };

/** A document in every form that it is read in: current and of the past, hydrated and lean. */
async function everyForm(content: NewEntity<Member>): Promise<Record<string, object>> {
  const { _id } = await Members.create(content);
  const at = new Date();
  await Members.updateOne({ _id }, { first: 'Bea' });
  await Members.restore(_id, { ov: 0 });
  const [, , oldest] = await Members.history(_id, { lean: true });
  return {
    document: await Members.findById(_id).orFail(),
    lean: await Members.findById(_id).lean().orFail(),
    'past document': await Members.asOf(at).findById(_id).orFail(),
    'past lean': await Members.asOf(at).findById(_id).lean().orFail(),
    version: (await Members.getVersion(_id, 0))!,
    'lean version': oldest!.doc!,
  };
}

test('values of BSON, dates, bytes and maps are left what they are', async () => {
  for (const [form, source] of Object.entries(await everyForm({ ...person, ...values }))) {
    const stored = source as { _id: Types.ObjectId };
    for (const given of [toPlain(Member, source), toInstance(Member, source)] as Record<string, unknown>[]) {
      const { _id, price, marks, bytes, anything } = given;
      expect({ form, _id, price, born: given.born, marks }).toEqual({
        form,
        _id: stored._id,
        price: values.price,
        born,
        marks: values.marks,
      });
      expect(BSON.serialize({ anything, bytes })).toEqual(
        BSON.serialize({ anything: values.anything, bytes: values.bytes }),
      );
    }
  }
});

test('what is exposed, excluded, renamed, transformed and typed is so in every form', async () => {
  const badge = new ObjectId();
  const content = { ...person, email: 'a@b', password: 'x', score: 1, badge };
  for (const [form, source] of Object.entries(await everyForm(content))) {
    expect({ form, ...toPlain(Member, source) }).toEqual({
      form,
      _id: (source as { _id: Types.ObjectId })._id,
      ...person,
      mail: 'a@b',
      score: '1.00',
      badge: badge.toHexString(),
      name: 'Ana Ito',
      initials: 'AI',
    });
    const instance = toInstance(Member, source);
    expect(instance).toBeInstanceOf(Member);
    expect({ ...instance }).toEqual({ _id: instance._id, ...person, email: 'a@b', score: 1, badge: String(badge) });
    expect(instance.name).toBe('Ana Ito');
  }
});

test('groups and versions of the API decide in every form', async () => {
  const forms = await everyForm({ ...person, salary: 5, nick: 'An', alias: 'A' });
  for (const source of Object.values(forms)) {
    const keys = (options: object) => Object.keys(toPlain(Member, source, options)).filter((key) => !(key in base));
    const base = toPlain(Member, source, { version: 1.5, groups: [] });
    expect(base).toMatchObject({ alias: 'A' });
    expect(keys({ version: 2 })).toEqual(['nick']);
    expect(keys({ groups: ['staff'], version: 1 })).toEqual(['salary']);
    expect(toInstance(Member, source, { groups: ['staff'] })).toMatchObject({ salary: 5 });
    expect(toInstance(Member, source)).not.toHaveProperty('salary');
    expect(toPlain(Member, source, { excludeExtraneousValues: true, version: 1 })).toEqual({
      alias: 'A',
      name: 'Ana Ito',
      initials: 'AI',
    });
    expect(toPlain(Member, source, { strategy: 'excludeAll', version: 1 })).not.toHaveProperty('first');
    expect(toPlain(Member, source, { excludePrefixes: ['_', 'n'] })).not.toHaveProperty('_id');
  }
});

test('nested classes are instances, and hide what they exclude, in lists and maps too', async () => {
  const home = { street: 'Elm', code: 'c' };
  const content = {
    ...person,
    home,
    others: [home],
    places: new Map([['a', home]]),
    contacts: [
      { kind: 'Mail', address: 'a@b' },
      { kind: 'Phone', digits: '1' },
    ],
  };
  for (const source of Object.values(await everyForm(content))) {
    const street = { street: 'Elm' };
    expect(toPlain(Member, source)).toMatchObject({
      home: street,
      others: [street],
      places: new Map([['a', street]]),
      contacts: [{ kind: 'Mail' }, { kind: 'Phone', digits: '1' }],
    });
    expect(JSON.stringify(toPlain(Member, source))).not.toMatch(/code|a@b/);
    const instance = toInstance(Member, source);
    expect([instance.home, instance.others![0], instance.places!.get('a')].map((each) => each!.line())).toEqual(
      Array(3).fill('Elm!'),
    );
    expect(instance.contacts).toEqual([expect.any(Mail), expect.any(Phone)]);
    expect(instance.home).not.toHaveProperty('code');
  }
});

test('populated documents are instances of their entities, and extending ones of their own', async () => {
  const club = await Clubs.create({ title: 'red', budget: 5 });
  const { _id } = await Trainers.create({ ...person, club: club._id, secret: 's' });
  const queries = () => Members.findById(_id).populate('club').orFail();
  for (const source of [await queries(), await queries().lean(), await queries().asOf(new Date())]) {
    const instance = toInstance(Member, source);
    expect(instance).toBeInstanceOf(Trainer);
    expect((instance as Trainer).train()).toBe('Ana trains');
    expect(instance.club).toBeInstanceOf(Club);
    expect(toPlain(Member, source).club).toEqual({ _id: club._id, title: 'red', __v: 0, _system: expect.anything() });
    expect(toPlain(Member, source)).not.toHaveProperty('secret');
  }
  const backwards = () => Clubs.findById(club._id).populate('members').orFail();
  for (const source of [await backwards(), await backwards().lean()]) {
    expect(toPlain(Club, source)).toMatchObject({ members: [{ name: 'Ana Ito' }] });
    expect(JSON.stringify(toPlain(Club, source))).not.toContain('secret');
  }
});

test('lists are given as lists, and the sources are left as they were', async () => {
  const source = await Members.create({ ...person, home: { street: 'Elm', code: 'c' } });
  const before = source.toObject();
  const [plain] = toPlain(Member, [source]);
  const [instance] = toInstance(Member, [source]);
  expect([plain!.name, instance!.name]).toEqual(['Ana Ito', 'Ana Ito']);
  instance!.home!.street = 'Oak';
  (plain!.home as Address).street = 'Oak';
  expect(source.toObject()).toEqual(before);
  expect(source.isModified()).toBe(false);
});
