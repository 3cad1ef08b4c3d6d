import type { CreateOptions, HydratedDocument, InsertManyOptions, Model, mongo, Types } from 'mongoose';
import type { ChronosMethods, ChronosQueryHelpers, ChronosStatics } from '../api/model-type.ts';
import type { SystemFields } from '../types.ts';
import type { ChronosModel } from './chronos-model.ts';

/** A class that describes documents. */
export type EntityClass = abstract new (...args: never[]) => ChronosModel<unknown>;

/**
 * Names the properties of an entity that need not be given to `create`, because they have a default.
 *
 * @example
 * class User extends ChronosModel {
 *   declare [Defaults]: 'status';
 *   @Prop({ default: 'trial' }) status!: string;
 * }
 */
export const Defaults: unique symbol = Symbol('chronos defaults');

/**
 * Names the virtuals of an entity that have a setter, which TypeScript cannot tell from stored properties. Those with
 * only a getter need not be named.
 *
 * @example
 * class User extends ChronosModel {
 *   declare [Virtuals]: 'name';
 *   get name(): string { return `${this.first} ${this.last}`; }
 *   set name(name: string) { [this.first = '', this.last = ''] = name.split(' '); }
 * }
 */
export const Virtuals: unique symbol = Symbol('chronos virtuals');

type None = Record<never, never>;
type AnyFunction = (...args: never[]) => void;

/** Values that are stored as they are. */
type Scalar =
  | string
  | number
  | boolean
  | bigint
  | null
  | undefined
  | Date
  | Uint8Array
  | { readonly _bsontype: string };

/** What a class says of its properties, and documents do not have. It is in their types to be those of the class. */
type Marks = typeof Defaults | typeof Virtuals;

type OwnKeys<T> = Exclude<keyof T, keyof ChronosModel | Marks>;

type VirtualKeys<T> = T extends { readonly [Virtuals]: infer K } ? K & keyof T : never;

/** Properties with a getter and no setter, which TypeScript takes for readonly ones. */
export type IsReadonly<T, K extends keyof T> =
  (<G>() => G extends { [Q in K]: T[K] } ? 1 : 2) extends <G>() => G extends { -readonly [Q in K]: T[K] } ? 1 : 2
    ? false
    : true;

/** The name of a stored property; never for methods and for virtuals. */
type Stored<T, K extends keyof T> = K extends VirtualKeys<T> | typeof Virtuals
  ? never
  : T[K] extends AnyFunction
    ? never
    : IsReadonly<T, K> extends true
      ? never
      : K;

/** A property's value as `lean` queries give it and filters see it: nested classes without their methods. */
type Plain<V> = V extends Scalar
  ? V
  : unknown extends V
    ? V
    : V extends Map<infer K, infer I>
      ? Map<K, Plain<I>>
      : V extends Types.DocumentArray<infer I, infer _>
        ? PlainObject<I>[]
        : V extends readonly (infer I)[]
          ? Plain<I>[]
          : V extends AnyFunction
            ? V
            : PlainObject<V>;

type PlainObject<T> = { [K in keyof T as Stored<T, K>]: Plain<T[K]> };

/** The plain content of an entity's documents. */
export type EntityContent<T extends ChronosModel<unknown>> = {
  [K in keyof T as K extends OwnKeys<T> ? Stored<T, K> : never]: Plain<T[K]>;
} & { _id: T['_id']; _system: SystemFields };

/** Declared properties, methods and virtuals, as a document has them. */
type Members<T> = Pick<T, OwnKeys<T>>;

type DefaultKeys<T> =
  | '_system'
  | (T extends { readonly [Defaults]: infer K } ? K : never)
  | (T extends { _id: Types.ObjectId } ? '_id' : never);

/** A plain instance of an entity's class: what it declares, and nothing of Mongoose's documents. */
export type EntityInstance<E extends EntityClass> = Members<InstanceType<E>> & Pick<InstanceType<E>, '_id' | '_system'>;

/** What `create` takes: everything but what has a default, and virtuals that can be set. */
export type NewEntity<T extends ChronosModel<unknown>> = NewContent<EntityContent<T>, DefaultKeys<T>> &
  Partial<Pick<T, VirtualKeys<T>>>;

type NewContent<C, D> = Omit<C, D & keyof C> & Partial<Pick<C, D & keyof C>>;

/** A part of an entity's content, at any depth. */
export type DeepPartial<V> = V extends Scalar
  ? V
  : V extends ReadonlyMap<infer K, infer I>
    ? ReadonlyMap<K, DeepPartial<I>> | { readonly [key: string]: DeepPartial<I> }
    : V extends readonly (infer I)[]
      ? readonly DeepPartial<I>[]
      : { readonly [K in keyof V]?: DeepPartial<V[K]> | undefined };

/** The name of what a document has, unless its plain content has it just so. */
type Overridden<T, K extends keyof T> = Plain<T[K]> extends T[K] ? Exclude<K, Stored<T, K>> : K;

/** What a document has that its plain content has not, or not so. What is here, a populated path does not replace. */
type Overrides<T> = {
  [K in keyof T as K extends Marks ? K : K extends OwnKeys<T> ? Overridden<T, K> : never]: T[K];
};

type QueryHelpers<T extends ChronosModel<unknown>> = ChronosQueryHelpers<EntityContent<T>, None, Overrides<T>>;

type DocumentMethods<T extends ChronosModel<unknown>> = Overrides<T> &
  ChronosMethods<EntityContent<T>, None, Overrides<T>, None, DeepPartial<EntityContent<T>>>;

type DocumentOf<T extends ChronosModel<unknown>> = HydratedDocument<
  EntityContent<T>,
  DocumentMethods<T>,
  QueryHelpers<T>
>;

type MongooseModel<T extends ChronosModel<unknown>> = Model<EntityContent<T>, QueryHelpers<T>, DocumentMethods<T>>;

/** The calls that make documents, which Mongoose types so that any part of a document will do. */
interface Creation<T extends ChronosModel<unknown>> {
  new (content?: Partial<NewEntity<T>>): DocumentOf<T>;

  create(
    docs: readonly NewEntity<T>[],
    options: CreateOptions & { aggregateErrors: true },
  ): Promise<(DocumentOf<T> | Error)[]>;
  create(docs: readonly NewEntity<T>[], options?: CreateOptions): Promise<DocumentOf<T>[]>;
  create(doc: NewEntity<T>): Promise<DocumentOf<T>>;
  create(...docs: NewEntity<T>[]): Promise<DocumentOf<T>[]>;

  insertMany(
    docs: readonly NewEntity<T>[],
    options: InsertManyOptions & { rawResult: true },
  ): Promise<mongo.InsertManyResult<EntityContent<T>>>;
  insertMany(docs: readonly NewEntity<T>[], options: InsertManyOptions & { lean: true }): Promise<EntityContent<T>[]>;
  insertMany(docs: readonly NewEntity<T>[], options?: InsertManyOptions): Promise<DocumentOf<T>[]>;
}

/** A document of an entity, as its models give it. */
export type EntityDocument<E extends EntityClass> = DocumentOf<InstanceType<E>>;

/** The model of an entity: a Mongoose model with versions, the entity's statics, and all types from its class. */
export type EntityModel<E extends EntityClass> = Creation<InstanceType<E>> &
  ChronosStatics<
    EntityContent<InstanceType<E>>,
    None,
    Overrides<InstanceType<E>>,
    None,
    DeepPartial<EntityContent<InstanceType<E>>>
  > &
  Omit<MongooseModel<InstanceType<E>>, 'create' | 'insertMany'> &
  Pick<E, Exclude<keyof E, keyof typeof ChronosModel>>;
