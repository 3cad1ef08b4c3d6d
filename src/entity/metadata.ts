import type { IndexDefinition, IndexOptions, Schema, SchemaOptions } from 'mongoose';
import type { EntityOptions } from './entity-options.ts';

/** What is known of one property: what its decorators say, and what type the compiler saw. */
export interface FieldDeclaration {
  readonly options: Readonly<Record<string, unknown>>;
  readonly designType?: unknown;
}

export interface IndexDeclaration {
  readonly keys: IndexDefinition;
  readonly options: IndexOptions;
}

/** A call that is made on the schema when it is built: a hook, or another plugin. */
export type SchemaStep = (schema: Schema) => void;

/** What the decorators of one class, without those it inherits from, have recorded. */
export interface ClassDeclarations {
  readonly fields: Map<string, FieldDeclaration>;
  readonly virtuals: Map<string, Readonly<Record<string, unknown>>>;
  readonly indexes: IndexDeclaration[];
  readonly steps: SchemaStep[];
  entity?: EntityOptions;
  embedded?: SchemaOptions;
}

export type AnyClass = abstract new (...args: never[]) => unknown;

// Node has no Symbol.metadata yet, and standard decorators keep metadata only where there is one. The decorators are
// imported before any class that they stand on.
const symbols = Symbol as { metadata?: symbol };
symbols.metadata ??= Symbol('Symbol.metadata');
const METADATA: symbol = symbols.metadata;

/** Keyed by the class (legacy decorators) or by the metadata object of its decorators' contexts (standard ones). */
const declarations = new WeakMap<object, ClassDeclarations>();

const extensions = new WeakMap<AnyClass, AnyClass[]>();

/** What is recorded under a key, to be added to. */
export function declarationsUnder(key: object): ClassDeclarations {
  const known = declarations.get(key);
  if (known !== undefined) return known;
  const fresh: ClassDeclarations = { fields: new Map(), virtuals: new Map(), indexes: [], steps: [] };
  declarations.set(key, fresh);
  return fresh;
}

/** What a class's own decorators have recorded, of either kind. */
export function declarationsOf(target: AnyClass): ClassDeclarations | undefined {
  const metadata: unknown = Object.hasOwn(target, METADATA) ? Reflect.get(target, METADATA) : undefined;
  const own = declarations.get(target);
  return own ?? (typeof metadata === 'object' && metadata !== null ? declarations.get(metadata) : undefined);
}

/** Records that a class is an entity, also for the entities it extends. */
export function recordEntity(target: AnyClass, own: ClassDeclarations, options: EntityOptions): void {
  own.entity = options;
  for (let ancestor = parentOf(target); ancestor !== undefined; ancestor = parentOf(ancestor)) {
    extensions.set(ancestor, [...(extensions.get(ancestor) ?? []), target]);
  }
}

/** The entities that extend a class, as far as they are loaded. */
export function extensionsOf(target: AnyClass): readonly AnyClass[] {
  return extensions.get(target) ?? [];
}

/** The class that a class extends. */
export function parentOf(target: AnyClass): AnyClass | undefined {
  const parent: unknown = Object.getPrototypeOf(target);
  return typeof parent === 'function' && parent !== Function.prototype ? (parent as AnyClass) : undefined;
}
