import { isPlainObject } from '../plain-object.ts';
import { classChain, declarationsIn } from './class-chain.ts';
import { kindIn, kindOf } from './kinds.ts';
import type { AnyClass, FieldDeclaration } from './metadata.ts';
import { unwrapped } from './named-types.ts';

type Content = Readonly<Record<string, unknown>>;

/** Finds the class of an object, by what it holds. */
type Kind = (content: Content) => AnyClass | undefined;

/** What a stored property is to be called in the instance of a class. */
export type Naming = (type: AnyClass, property: string) => string;

/**
 * An instance of an entity's class with the content of a document, of whatever time, or of a plain object. What is
 * nested in it or populated is an instance of its class, too; values of BSON are those of the source.
 */
export function instanceOf(entity: AnyClass, source: object, nameOf: Naming): object {
  return instance(source, (content) => kindOf(entity, content), nameOf) as object;
}

function instance(value: unknown, kind: Kind, nameOf: Naming): unknown {
  if (Array.isArray(value)) return Array.from(value, (item) => instance(item, kind, nameOf));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, instance(item, kind, nameOf)]));
  const content = contentOf(value);
  if (content === undefined) return isMongooseBuffer(value) ? Buffer.from(value) : value;
  const type = kind(content);
  return type === undefined
    ? mapped(content, (item) => instance(item, () => undefined, nameOf))
    : filled(type, content, nameOf);
}

/** An instance, without a call of the constructor, which may want what is not known here. */
function filled(type: AnyClass, content: Content, nameOf: Naming): object {
  const chain = declarationsIn(classChain(type));
  const fields = new Map(chain.flatMap((own) => [...own.fields]));
  const virtuals = new Map(chain.flatMap((own) => [...own.virtuals]));
  const entries = Object.entries(content).map(([key, value]): [string, PropertyDescriptor] => {
    const populated: FieldDeclaration = { options: { reference: virtuals.get(key)?.ref } };
    const field = fields.get(key) ?? populated;
    const inner = instance(withItsMaps(field, value), (each) => kindIn(field, each), nameOf);
    return [nameOf(type, key), { value: inner, enumerable: true, writable: true, configurable: true }];
  });
  return Object.create(type.prototype as object, Object.fromEntries(entries)) as object;
}

/** What a document or a plain object holds; undefined for all other values. */
function contentOf(value: unknown): Content | undefined {
  if (isPlainObject(value)) return value;
  if (!isDocument(value)) return undefined;
  const populated = Object.keys(value.$$populatedVirtuals ?? {}).map((name) => [name, value.get(name)] as const);
  return { ...value._doc, ...Object.fromEntries(populated) };
}

/** `lean` queries give maps as plain objects. */
function withItsMaps({ options, designType }: FieldDeclaration, value: unknown): unknown {
  const { type = designType } = options;
  return unwrapped(type) === Map && isPlainObject(value) ? new Map(Object.entries(value)) : value;
}

function mapped(content: Content, change: (item: unknown) => unknown): Content {
  return Object.fromEntries(Object.entries(content).map(([key, item]) => [key, change(item)]));
}

/** Parts of Mongoose's documents, of any copy of it. */
interface AnyDocument {
  readonly _doc: Content;
  readonly $$populatedVirtuals?: object;
  get(path: string): unknown;
}

function isDocument(value: unknown): value is AnyDocument {
  return typeof value === 'object' && value !== null && '$__' in value && '_doc' in value;
}

function isMongooseBuffer(value: unknown): value is Buffer {
  return value instanceof Uint8Array && 'isMongooseBuffer' in value;
}
