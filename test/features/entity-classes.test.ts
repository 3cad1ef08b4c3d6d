import { type Query, type Schema, Types } from 'mongoose';
import { expect, test } from 'vitest';
import {
  ChronosEntity,
  ChronosModel,
  Embedded,
  type EntityDocument,
  type EntityModel,
  entityModel,
  Plugin,
  Post,
  Pre,
  Prop,
  Ref,
  Virtual,
  Virtuals,
} from '../../decorators/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

@ChronosEntity()
class Team extends ChronosModel {
  @Prop() name!: string;
  @Ref(() => Person) lead?: Types.ObjectId;
  @Virtual({ ref: () => Person, localField: '_id', foreignField: 'team' }) readonly members?: EntityDocument<
    typeof Person
  >[];
}

@Embedded({ discriminatorKey: 'kind', _id: false })
class Contact {
  declare kind?: string;
  declare address?: string;
  declare number?: string;
}

class Mail extends Contact {
  @Prop() declare address: string;
}

class Phone extends Contact {
  @Prop() declare number: string;
  dial(): string {
    return `tel:${this.number}`;
  }
}

const log: string[] = [];

function stamped(schema: Schema, options: { by: string }): void {
  schema.add({ stampedBy: { type: String, default: options.by } });
}

@ChronosEntity({ collection: 'persons', schemaOptions: { timestamps: true, toJSON: { virtuals: true } } })
@Plugin(stamped, { by: 'plugin' })
class Person extends ChronosModel {
  declare [Virtuals]: 'name';

  @Prop({ required: true }) first!: string;
  @Prop({ required: true }) last!: string;
  @Prop() email?: string;
  @Ref(() => Team) team?: Types.ObjectId;
  @Ref(() => [Person]) friends?: Types.ObjectId[];
  @Prop({ type: Map, of: Number }) scores?: Map<string, number>;
  @Prop({ type: [Contact], discriminators: () => ({ Mail, Phone }), default: undefined })
  contacts?: (Mail | Phone)[];
  declare createdAt?: Date;

  get name(): string {
    return `${this.first} ${this.last}`;
  }

  set name(value: string) {
    [this.first = '', this.last = ''] = value.split(' ');
  }

  @Pre('save') protected normalize(): void {
    if (this.email !== undefined) this.email = this.email.toLowerCase();
  }

  @Post('save') protected saved(): void {
    log.push(`saved ${this.first}`);
  }

  @Pre(['find', 'countDocuments']) static named(this: Query<unknown, Person>): void {
    log.push(this.model.modelName);
  }

  greet(): string {
    return `I am ${this.name}`;
  }

  static readonly LONGEST = 40;

  static get described(): string {
    return `${this.name}s with names of up to ${this.LONGEST}`;
  }

  static byFirst(this: EntityModel<typeof Person>, first: string) {
    return this.findOne({ first }).orFail();
  }
}

@ChronosEntity({ discriminatorValue: 'staff' })
class Employee extends Person {
  @Prop({ required: true }) salary!: number;

  override greet(): string {
    return `${super.greet()} of the staff`;
  }
}

@ChronosEntity()
class Manager extends Employee {
  @Ref(() => [Employee]) reports?: Types.ObjectId[];
}

const Persons = entityModel(mongoose, Person);
const Teams = entityModel(mongoose, Team);
const ana = { first: 'Ana', last: 'Ito' };

test('accessors are virtuals, methods are methods, in documents and in JSON', async () => {
  const doc = new Persons({ name: 'Ana Ito' });
  expect(doc.greet()).toBe('I am Ana Ito');
  doc.name = 'Bea Ode';
  expect(doc.first).toBe('Bea');
  expect(doc.toJSON()).toMatchObject({ name: 'Bea Ode' });
  expect(doc.toObject()).not.toHaveProperty('name');
});

test('hooks run around their operations, plugins are applied, timestamps kept', async () => {
  log.length = 0;
  const doc = await Persons.create({ ...ana, email: 'Ana@X.Y' });
  expect(doc.email).toBe('ana@x.y');
  expect(doc.get('stampedBy')).toBe('plugin');
  expect(doc.createdAt).toBeInstanceOf(Date);
  await Persons.find();
  await Persons.countDocuments();
  expect(log).toEqual(['saved Ana', 'Person', 'Person']);
  expect((await Persons.byFirst('Ana')).name).toBe('Ana Ito');
});

test('statics are those of the model, values and accessors too', async () => {
  await Persons.create({ first: 'Dee', last: 'Ito' });
  expect((await Persons.byFirst('Dee')).name).toBe('Dee Ito');
  expect([Persons.LONGEST, Persons.described]).toEqual([40, 'models with names of up to 40']);
  expect(entityModel(mongoose, Employee).described).toContain('up to 40');
});

test('a class that extends an entity is a discriminator of it', async () => {
  const Managers = entityModel(mongoose, Manager);
  const boss = await Managers.create({ first: 'Bo', last: 'Ek', salary: 5 });
  const found = await Persons.findById(boss._id).orFail();
  expect(found).toBeInstanceOf(Managers);
  expect(found.greet()).toBe('I am Bo Ek of the staff');
  expect(await entityModel(mongoose, Employee).countDocuments()).toBe(0);
  expect(Managers.collection.name).toBe('persons');
  await Managers.updateOne({ _id: boss._id }, { salary: 6 });
  const [newest, oldest] = await Managers.history(boss._id);
  expect([newest!.doc!.salary, oldest!.doc!.salary]).toEqual([6, 5]);
  expect(oldest!.doc).toBeInstanceOf(Managers);
  await expect(Managers.create({ first: 'x', last: 'y' } as never)).rejects.toThrow('salary');
  const staff = await entityModel(mongoose, Employee).create({ first: 'Cy', last: 'Oh', salary: 1 });
  expect(await Persons.findById(staff._id).lean()).toMatchObject({ __t: 'staff' });
});

test('references are populated, by virtuals backwards, and as of the past', async () => {
  const team = await Teams.create({ name: 'red' });
  const lead = await Persons.create({ ...ana, team: team._id });
  await Teams.updateOne({ _id: team._id }, { lead: lead._id });
  const before = new Date();
  await Teams.updateOne({ _id: team._id }, { name: 'blue' });
  const populated = await Persons.findById(lead._id).populate<{ team: Team }>('team').orFail();
  expect(populated.team.name).toBe('blue');
  const then = await Persons.findById(lead._id).populate<{ team: Team }>('team').asOf(before).orFail();
  expect(then.team.name).toBe('red');
  const backwards = await Teams.findById(team._id).populate('members').populate<{ lead: Person }>('lead').orFail();
  expect(backwards.members!.map((member) => member.greet())).toEqual(['I am Ana Ito']);
  expect(backwards.lead.email).toBeUndefined();
});

test('lists of nested classes may hold several kinds', async () => {
  const contacts = [
    { kind: 'Mail', address: 'a@b' },
    { kind: 'Phone', number: '1' },
  ];
  const { _id } = await Persons.create({ ...ana, contacts });
  const doc = await Persons.findById(_id).orFail();
  const [mail, phone] = doc.contacts!;
  expect(mail!.address).toBe('a@b');
  expect((phone as Phone).dial()).toBe('tel:1');
  expect((await Persons.findById(_id).lean())?.contacts).toEqual(contacts);
});

test('maps, lists of references and enrich', async () => {
  const friend = new Types.ObjectId();
  const { _id } = await Persons.create({ ...ana, scores: new Map([['a', 1]]), friends: [friend] });
  await Persons.enrich(_id, { scores: { b: 2 }, last: 'Oto' });
  const doc = await Persons.findById(_id).orFail();
  expect([doc.scores!.get('a'), doc.scores!.get('b'), doc.last]).toEqual([1, 2, 'Oto']);
  expect(doc.friends!.map(String)).toEqual([String(friend)]);
});

test('a model of another name or class is never taken for the own', () => {
  @ChronosEntity({ name: 'Person' })
  class Impostor extends ChronosModel {
    @Prop() x!: number;
  }
  expect(() => entityModel(mongoose, Impostor)).toThrow('Cannot overwrite `Person` model');
  const connection = mongoose.createConnection();
  expect(entityModel(connection, Person)).not.toBe(Persons);
  expect(Object.keys(connection.models).sort()).toEqual(['Employee', 'Manager', 'Person', 'Team']);
});
