import mongoose, { type IndexDefinition } from 'mongoose';
import { expect, test } from 'vitest';
import {
  Base64,
  ChronosEntity,
  ChronosModel,
  type EntityOptions,
  Index,
  Indexed,
  Prop,
  Ref,
  schemaFor,
  Virtual,
} from '../../../decorators/index.ts';
import { definitionOf } from '../../../src/entity/definition.ts';
import { EntityDefinitionError } from '../../../src/index.ts';

enum Role {
  Admin = 'admin',
  Guest = 'guest',
}

enum Level {
  Low,
  High,
}

class Address {
  @Prop() street!: string;
  @Indexed() city!: string;
  @Base64({ contentType: 'image/png' }) photo?: string;
}

class Plain {}

@ChronosEntity()
class Team extends ChronosModel<string> {
  @Prop() declare _id: string;
}

@ChronosEntity({ collection: 'people', databaseType: 'runtime', tier: 'tenant', indexed: ['role', 'address.street'] })
@Index({ name: 1, age: -1 }, { unique: true })
@Index({ age: 1, name: 1 })
class Person extends ChronosModel {
  @Prop() name!: string;
  @Prop() age?: number;
  @Prop() born?: Date;
  @Prop() avatar?: Buffer;
  @Prop() friend?: mongoose.Types.ObjectId;
  @Prop() price?: mongoose.Types.Decimal128;
  @Prop() big?: bigint;
  @Prop() active?: boolean;
  @Prop() address?: Address;
  @Prop({ enum: Role }) role?: Role;
  @Prop({ enum: Level }) level?: Level;
  @Prop({ type: [Address] }) others?: Address[];
  @Base64({ contentType: 'text/plain', preferredText: true }) letter?: string;
  @Indexed() @Prop({ unique: true }) email?: string;
  @Ref(() => Team) team?: string;
  @Ref(() => [Team], { index: true }) teams?: string[];
}

test('types follow from what the compiler saw', () => {
  const { paths } = schemaFor(Person);
  expect(Object.fromEntries(Object.entries(paths).map(([path, type]) => [path, type.instance]))).toMatchObject({
    name: 'String',
    age: 'Number',
    born: 'Date',
    avatar: 'Buffer',
    friend: 'ObjectId',
    price: 'Decimal128',
    big: 'BigInt',
    active: 'Boolean',
    address: 'Embedded',
    role: 'String',
    level: 'Number',
    others: 'Array',
    letter: 'String',
    email: 'String',
    team: 'String',
    teams: 'Array',
    _system: 'Mixed',
  });
  expect(paths.role!.options).toMatchObject({ enum: Role });
  expect(paths.level!.options).toMatchObject({ enum: [0, 1] });
});

test('the values of a union tell its type', () => {
  @ChronosEntity()
  class Light extends ChronosModel {
    @Prop({ enum: ['red', 'green'] }) color!: 'red' | 'green';
    @Prop({ enum: { values: [1, 2], message: 'no' } }) lamps!: 1 | 2;
    @Prop({ enum: Role }) role!: `${Role}`;
  }
  const { paths } = schemaFor(Light);
  expect([paths.color, paths.lamps, paths.role].map((path) => path!.instance)).toEqual(['String', 'Number', 'String']);
});

test('a reference has the type of the id it holds, and the name of the model', () => {
  const { paths } = schemaFor(Person);
  expect(paths.team!.options).toEqual({ type: String, ref: 'Team' });
  expect(paths.teams!.options).toEqual({ type: [{ type: String, ref: 'Team' }], index: true });
});

test('properties to search by have an index, where none begins with them already', () => {
  const keys = (schemaFor(Person).indexes() as [IndexDefinition, object][]).map(([each]) => each);
  expect(keys).toEqual([
    { email: 1 },
    { teams: 1 },
    { name: 1, age: -1 },
    { age: 1, name: 1 },
    { role: 1 },
    { 'address.street': 1 },
    { 'address.city': 1 },
    { 'others.city': 1 },
  ]);
});

test('the definition keeps what the payload is told by, of nested classes too', () => {
  expect(definitionOf(Person)).toMatchObject({
    name: 'Person',
    collection: 'people',
    databaseType: 'runtime',
    tier: 'tenant',
    indexed: ['role', 'address.street', 'address.city', 'others.city', 'email'],
    base64: {
      letter: { contentType: 'text/plain', preferredText: true },
      'address.photo': { contentType: 'image/png' },
      'others.photo': { contentType: 'image/png' },
    },
    versioning: { collectionVersion: true, visible: true },
  });
  expect(definitionOf(Team)).toMatchObject({ collection: 'teams', indexed: [], base64: {} });
  expect(definitionOf(Person).related()).toEqual([definitionOf(Team)]);
});

test('the definition keeps all that is said of tenants, payload and versions', () => {
  const blob = { contentType: 'text/plain', preferredText: true, textCharset: 'iso-8859-1' };
  @ChronosEntity({
    name: 'Told',
    collection: 'told',
    databaseType: 'knowledge',
    tier: 'domain',
    tenantField: 'tenant',
    base64: { text: blob },
    versioning: { collectionVersion: false },
  })
  class Everything extends ChronosModel {
    @Prop() text?: string;
    @Base64({ ...blob, textCharset: 'utf-16le' }) other?: string;
  }
  @ChronosEntity()
  class More extends Everything {
    @Base64({ contentType: 'a/b' }) third?: string;
  }
  const told = {
    collection: 'told',
    databaseType: 'knowledge',
    tier: 'domain',
    tenantField: 'tenant',
    versioning: { collectionVersion: false, visible: true },
  };
  expect(definitionOf(Everything)).toMatchObject({
    ...told,
    name: 'Told',
    base64: { text: blob, other: { ...blob, textCharset: 'utf-16le' } },
  });
  expect(definitionOf(More)).toMatchObject({ ...told, name: 'More', base64: { third: { contentType: 'a/b' } } });
});

test('a type that is named wins over the one that the compiler saw', () => {
  @ChronosEntity()
  class Named extends ChronosModel {
    @Prop({ type: Number }) text?: string;
    @Prop({ type: 'Decimal128' }) amount?: number;
    @Prop({ type: [String] }) list?: unknown;
    @Prop({ type: () => Address }) address?: object;
    @Prop({ type: {} }) anything?: string;
  }
  const { paths } = schemaFor(Named);
  expect(['text', 'amount', 'list', 'address', 'anything'].map((path) => paths[path]!.instance)).toEqual([
    'Number',
    'Decimal128',
    'Array',
    'Embedded',
    'Mixed',
  ]);
});

test('a schema is made once for each Mongoose', () => {
  const other = new mongoose.Mongoose();
  expect(schemaFor(Person)).toBe(schemaFor(Person));
  expect(schemaFor(Person, other)).toBe(schemaFor(Person, other));
  expect(schemaFor(Person, other)).not.toBe(schemaFor(Person));
});

class Node {
  @Prop() label!: string;
  @Prop({ type: () => [Node] }) children!: Node[];
}

test('a nested class may contain itself', () => {
  @ChronosEntity()
  class Tree extends ChronosModel {
    @Prop() root!: Node;
  }
  const model = mongoose.model('TreeOfUnit', schemaFor(Tree));
  const leaf = { label: 'leaf', children: [] };
  const doc = new model({ root: { label: 'root', children: [{ label: 'branch', children: [leaf] }] } });
  expect(doc.get('root.children.0.children.0.label')).toBe('leaf');
  expect(doc.toObject()).toMatchObject({ root: { children: [{ label: 'branch', children: [leaf] }] } });
});

test('classes without decorators of their own can be shared by entities', () => {
  abstract class Dated extends ChronosModel {
    @Prop() noted?: Date;
  }
  @ChronosEntity()
  class Memo extends Dated {
    @Prop() text!: string;
  }
  expect(Object.keys(schemaFor(Memo).paths)).toEqual(['noted', 'text', '_id', '_system']);
  expect(definitionOf(Memo).base).toBeUndefined();
});

class Hen {
  @Prop({ type: () => Egg }) egg!: unknown;
}
class Egg {
  @Prop({ type: () => Hen }) hen!: unknown;
}

const BAD_PROPERTIES: Record<string, [field: (target: object) => void, message: string]> = {
  'a union': [
    (target) => {
      Reflect.defineMetadata('design:type', Object, target, 'field');
      Prop()(target, 'field' as never);
    },
    'Cannot define Bad.field: its declared type is a union',
  ],
  'no type at all': [(target) => Prop()(target, 'field' as never), 'Bad.field: no type is known of it'],
  'an array of unknown items': [
    (target) => {
      Reflect.defineMetadata('design:type', Array, target, 'field');
      Prop()(target, 'field' as never);
    },
    'Bad.field: the type of its items',
  ],
  'a map of unknown values': [
    (target) => {
      Reflect.defineMetadata('design:type', Map, target, 'field');
      Prop()(target, 'field' as never);
    },
    'Bad.field: the type of its values',
  ],
  'an enum of both kinds': [
    (target) => {
      Reflect.defineMetadata('design:type', { A: 1, B: 'b' }, target, 'field');
      Prop()(target, 'field' as never);
    },
    'Bad.field: its enum has strings and numbers',
  ],
  'a class without properties': [
    (target) => Prop({ type: Plain })(target, 'field' as never),
    'Bad.field: Plain is no type that Mongoose knows',
  ],
  'a class that is not there yet': [
    (target) => Prop({ type: undefined })(target, 'field' as never),
    'Bad.field: its type is undefined',
  ],
  'a reference to what is no entity': [
    (target) => Ref(() => Plain as never)(target, 'field' as never),
    'Bad.field: it refers to what is no entity',
  ],
  'a virtual of what is no entity': [
    (target) => Virtual({ ref: () => Plain as never, localField: '_id', foreignField: 'x' })(target, 'field'),
    'Bad.field: it refers to what is no entity',
  ],
  'discriminators inside a list': [
    (target) => Prop({ type: [{ type: Node, discriminators: { Node } }] })(target, 'field' as never),
    'Bad.field: its discriminators stand inside the list',
  ],
  'classes nested in a circle': [(target) => Prop({ type: Hen })(target, 'field' as never), 'it contains Hen'],
};

test.each(Object.entries(BAD_PROPERTIES))(
  '%s is an error that names class, property and cure',
  (_, [field, message]) => {
    class Bad extends ChronosModel {}
    field(Bad.prototype);
    ChronosEntity()(Bad);
    expect(() => definitionOf(Bad)).toThrow(EntityDefinitionError);
    expect(() => definitionOf(Bad)).toThrow(message);
  },
);

const BAD_OPTIONS: Record<string, [options: object, message: string]> = {
  'an unknown option': [{ colection: 'x' }, 'unknown key "colection"; there are name, collection'],
  'an unknown database type': [{ databaseType: 'run' }, 'databaseType'],
  'an unknown tier': [{ tier: 'all' }, 'tier'],
  'an empty tenant field': [{ tenantField: '' }, 'tenantField'],
  'an unknown option of versioning': [{ versioning: { colectionVersion: true } }, 'Bad: versioning: unknown key'],
  'an option of versioning that entities decide': [
    { versioning: { visible: false } },
    'versioning: unknown key "visible"',
  ],
  'a second place for what is indexed': [{ versioning: { indexed: ['name'] } }, 'versioning: unknown key "indexed"'],
  'base64 without its type': [{ base64: { name: {} } }, 'base64.name.contentType'],
  'a validation that is none': [{ validation: {} }, 'validation: must be a schema of zod 4'],
  'an unknown property to search by': [{ indexed: ['nam'] }, 'Bad.nam: indexed names it'],
  'an unknown property of a nested class': [{ indexed: ['address.stret'] }, 'Bad.address.stret'],
  'an unknown base64 property': [{ base64: { nam: { contentType: 'a/b' } } }, 'Bad.nam: base64 names it'],
  'base64 that is no text': [{ base64: { age: { contentType: 'a/b' } } }, 'Bad.age: base64 is text'],
  'an unknown required property': [{ required: ['nam'] }, 'Bad.nam: required names it'],
};

test.each(Object.entries(BAD_OPTIONS))('%s is an error that names it', (_, [options, message]) => {
  const define = () => {
    @ChronosEntity(options as EntityOptions)
    class Bad extends ChronosModel {
      @Prop() name!: string;
      @Prop() age!: number;
      @Prop() address!: Address;
    }
    definitionOf(Bad);
  };
  expect(define).toThrow(EntityDefinitionError);
  expect(define).toThrow(message);
});

const ELSEWHERE: Record<string, EntityOptions> = {
  collection: { collection: 'others' },
  databaseType: { databaseType: 'knowledge' },
  tier: { tier: 'generic' },
  tenantField: { tenantField: 'tenant' },
  versioning: { versioning: { collectionVersion: false } },
};

test.each(Object.entries(ELSEWHERE))('%s of an entity that extends another is an error', (option, options) => {
  @ChronosEntity({ collection: 'parents', databaseType: 'runtime' })
  class Parent extends ChronosModel {}
  @ChronosEntity(options)
  class Child extends Parent {}
  @ChronosEntity({ collection: 'parents', databaseType: 'runtime' })
  class Same extends Parent {}
  expect(() => definitionOf(Child)).toThrow(`Cannot define Child: its documents are among those of Parent`);
  expect(() => definitionOf(Child)).toThrow(option);
  expect(definitionOf(Same)).toMatchObject({ collection: 'parents', databaseType: 'runtime' });
});

test('the collection is that of the options, of the schema, or the plural of the name', () => {
  const collectionOf = (options: EntityOptions) => {
    class Mouse extends ChronosModel {}
    ChronosEntity(options)(Mouse);
    return [definitionOf(Mouse).collection, schemaFor(Mouse).get('collection')];
  };
  expect(collectionOf({})).toEqual(['mice', 'mice']);
  expect(collectionOf({ schemaOptions: { collection: 'rodents' } })).toEqual(['rodents', 'rodents']);
  expect(collectionOf({ collection: 'pets', schemaOptions: { collection: 'rodents' } })).toEqual(['pets', 'pets']);
});

test('a class that is no entity is told apart', () => {
  class Forgotten extends ChronosModel {}
  expect(() => definitionOf(Forgotten)).toThrow('Cannot define Forgotten: it is no entity. Put @ChronosEntity()');
});

test('a decorated property of bad options is named', () => {
  expect(() => Base64({ contentType: '' })(Plain.prototype, 'photo' as never)).toThrow('Plain.photo: contentType');
});
