import 'reflect-metadata';
import { type AnyClass, type ClassDeclarations, declarationsUnder } from '../src/entity/metadata.ts';

type Options = Readonly<Record<string, unknown>>;

/** Whether a decorator is called as a standard one, with a context, and not as a legacy one, with a key. */
export function isContext(value: unknown): value is DecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value && 'addInitializer' in value;
}

/** Where what is said of a class is recorded. */
export function ofClass(target: AnyClass, context: unknown): ClassDeclarations {
  return declarationsUnder(isContext(context) ? context.metadata : target);
}

/** Where what is said of a member of a class is recorded. */
export function ofMember(target: unknown, context: unknown): ClassDeclarations {
  if (isContext(context)) return declarationsUnder(context.metadata);
  return declarationsUnder(typeof target === 'function' ? target : (target as object).constructor);
}

/** Adds to what is said of a property; decorators of one property complete each other. */
export function recordField(target: unknown, at: unknown, options: Options): void {
  const { fields } = ofMember(target, at);
  const key = String(isContext(at) ? at.name : at);
  const before = fields.get(key);
  const designType: unknown = isContext(at)
    ? undefined
    : Reflect.getMetadata('design:type', target as object, at as string);
  fields.set(key, { options: { ...before?.options, ...options }, designType });
}
