import 'reflect-metadata';
import type { IsReadonly } from '../src/entity/entity-type.ts';
import { type AnyClass, type ClassDeclarations, declarationsUnder } from '../src/entity/metadata.ts';

/** A decorator of properties, for legacy and for standard decorators. */
export interface PropertyDecorator {
  <T extends object, K extends string | symbol>(target: T, key: K & Writable<T, K>): void;
  <This, Value>(target: undefined, context: ClassFieldDecoratorContext<This, Value>): void;
}

/** A decorator of methods, static or not, for legacy and for standard decorators; whatever the method has as `this`. */
export interface MethodDecorator {
  (target: object, key: string | symbol, descriptor?: PropertyDescriptor): void;
  (target: unknown, context: Pick<ClassMethodDecoratorContext, 'kind' | 'name' | 'metadata'>): void;
}

/** A decorator of classes, for legacy and for standard decorators. */
export type ClassDecorator = <C extends AnyClass>(target: C, context?: ClassDecoratorContext<C>) => void;

/** Types take what is readonly for virtuals, which are not stored; so a stored property that never changes is not. */
type Writable<T, K> = K extends keyof T
  ? IsReadonly<T, K> extends true
    ? { readonly error: 'A stored property cannot be readonly. Use @Prop({ immutable: true })' }
    : K
  : K;

type Options = Readonly<Record<string, unknown>>;

/** Whether a decorator is called as a standard one, with a context, and not as a legacy one, with a key. */
function isContext(value: unknown): value is DecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value && 'addInitializer' in value;
}

/** Where what is said of a class is recorded. */
export function ofClass(target: AnyClass, context: unknown): ClassDeclarations {
  return declarationsUnder(isContext(context) ? context.metadata : target);
}

/** Where what is said of a member is recorded, static or not. */
export function ofMember(target: unknown, at: unknown): ClassDeclarations {
  if (isContext(at)) return declarationsUnder(at.metadata);
  return declarationsUnder(typeof target === 'function' ? target : (target as object).constructor);
}

/** The function of a method that is decorated. */
export function methodAt(target: unknown, at: unknown): (...args: never[]) => unknown {
  return isContext(at) ? (target as never) : ((target as Record<PropertyKey, unknown>)[at as string] as never);
}

export function nameAt(at: unknown): string {
  return String(isContext(at) ? at.name : at);
}

/** Adds to what is said of a property; decorators of one property complete each other. */
export function recordField(target: unknown, at: unknown, options: Options): void {
  const { fields } = ofMember(target, at);
  const name = nameAt(at);
  const designType: unknown = isContext(at)
    ? undefined
    : Reflect.getMetadata('design:type', target as object, at as string);
  fields.set(name, { options: { ...fields.get(name)?.options, ...options }, designType });
}
