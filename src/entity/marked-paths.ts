import type { Schema, SchemaType } from 'mongoose';
import { EntityDefinitionError } from '../errors.ts';
import { declarationsIn, ownChain } from './class-chain.ts';
import type { Base64Options, EntityOptions } from './entity-options.ts';
import { type AnyClass, declarationsOf, extensionsOf, type FieldDeclaration } from './metadata.ts';
import { classesOf } from './named-types.ts';

/** The paths of an entity that its options and its decorators say something about, beyond what a schema can say. */
export interface MarkedPaths {
  readonly indexed: readonly string[];
  readonly base64: NonNullable<EntityOptions['base64']>;
  readonly required: readonly string[];
}

/** Those of the options and those of the decorators, of nested classes too. */
export function markedPaths(chain: readonly AnyClass[], options: EntityOptions): MarkedPaths {
  const marked = markedFields(chain, '', new Set());
  const indexed = marked.filter(([, field]) => field.options.indexed === true).map(([path]) => path);
  const base64 = marked.flatMap(([path, { options: said }]) =>
    said.base64 ? [[path, said.base64 as Base64Options]] : [],
  );
  return {
    indexed: [...new Set([...(options.indexed ?? []), ...indexed])],
    base64: { ...options.base64, ...Object.fromEntries(base64) },
    required: options.required ?? [],
  };
}

type OffloadedPaths = Pick<MarkedPaths, 'indexed' | 'base64'>;

/** The options of the plugin that say what stays in MongoDB, and what is kept as blobs. */
export function payloadOptions(target: AnyClass, marked: MarkedPaths): Partial<OffloadedPaths> {
  const { indexed, base64 } = offloadedPaths(target, marked);
  return {
    ...(indexed.length === 0 ? {} : { indexed }),
    ...(Object.keys(base64).length === 0 ? {} : { base64 }),
  };
}

/** What stays in MongoDB and what is kept as blobs, of an entity and of those that extend it. */
function offloadedPaths(target: AnyClass, { indexed, base64 }: MarkedPaths): OffloadedPaths {
  return extensionsOf(target).reduce<OffloadedPaths>(
    (all, extension) => {
      const own = markedPaths(ownChain(extension), declarationsOf(extension)?.entity ?? {});
      const theirs = offloadedPaths(extension, own);
      const both = [...new Set([...all.indexed, ...theirs.indexed])];
      return { indexed: both, base64: { ...all.base64, ...theirs.base64 } };
    },
    { indexed, base64 },
  );
}

function markedFields(chain: readonly AnyClass[], prefix: string, seen: Set<AnyClass>): [string, FieldDeclaration][] {
  const fields = declarationsIn(chain).flatMap((own) => [...own.fields]);
  return fields.flatMap(([name, field]): [string, FieldDeclaration][] => {
    const nested = classesOf(field).filter((type) => !seen.has(type));
    const inner = nested.flatMap((type) => markedFields([type], `${prefix}${name}.`, new Set([...seen, type])));
    return [[`${prefix}${name}`, field], ...inner];
  });
}

/** @throws EntityDefinitionError for a path that the schema, and that of its base, does not have */
export function checkMarkedPaths(entity: string, marked: MarkedPaths, schemas: readonly Schema[]): void {
  const find = (path: string) => schemas.map((schema) => typeAt(schema, path)).find((type) => type !== undefined);
  for (const option of ['indexed', 'required'] as const) {
    for (const path of marked[option]) if (find(path) === undefined) throw unknown(entity, path, option);
  }
  for (const path of Object.keys(marked.base64)) {
    const type = find(path);
    if (type === undefined) throw unknown(entity, path, 'base64');
    if (type !== ANYTHING && type.instance !== 'String') {
      throw new EntityDefinitionError(entity, path, 'base64 is text, and its type is not String');
    }
  }
}

/** Gives each property to search by an index, where no index begins with it already. */
export function addIndexes(schema: Schema, indexed: readonly string[]): void {
  const leading = new Set(schema.indexes().map(([keys]) => Object.keys(keys)[0]));
  for (const path of indexed) if (!leading.has(path)) schema.index({ [path]: 1 });
}

/** Stands for what a path leads to where documents may hold anything. */
const ANYTHING = Symbol('anything');

/** The type of a path, through nested schemas and lists of them. */
function typeAt(schema: Schema, path: string): SchemaType | typeof ANYTHING | undefined {
  const parts = path.split('.');
  for (let length = parts.length; length > 0; length--) {
    const head = parts.slice(0, length).join('.');
    const rest = parts.slice(length).join('.');
    const type = schema.paths[head] as (SchemaType & { readonly schema?: Schema }) | undefined;
    if (type === undefined && rest === '' && schema.pathType(head) === 'nested') return ANYTHING;
    if (type === undefined) continue;
    if (rest === '') return type;
    if (type.schema !== undefined) return typeAt(type.schema, rest);
    return type.instance === 'Mixed' || type.instance === 'Map' ? ANYTHING : undefined;
  }
  return (schema as unknown as { options: { strict?: unknown } }).options.strict === false ? ANYTHING : undefined;
}

function unknown(entity: string, path: string, option: string): EntityDefinitionError {
  return new EntityDefinitionError(
    entity,
    path,
    `${option} names it, and there is no such property. Put @Prop() on it`,
  );
}
