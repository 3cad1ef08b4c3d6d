import { isPlainObject } from '../plain-object.ts';
import type { AnyClass, FieldDeclaration } from './metadata.ts';

/** An arrow function, which puts off the question for a type: classes and constructors have a prototype, it has not. */
export function isThunk(value: unknown): value is () => unknown {
  return typeof value === 'function' && !Object.hasOwn(value, 'prototype');
}

/** What a thunk leads to. */
export function unwrapped(value: unknown): unknown {
  return isThunk(value) ? unwrapped(value()) : value;
}

/** The classes that a property's type names, however deep in lists, maps and nested paths. */
export function classesOf({ options, designType }: FieldDeclaration): AnyClass[] {
  const { type = designType, of, discriminators } = options;
  return [type, of, discriminators].flatMap(classesIn);
}

function classesIn(given: unknown): AnyClass[] {
  const type = unwrapped(given);
  if (typeof type === 'function') return [type as AnyClass];
  if (Array.isArray(type)) return type.flatMap(classesIn);
  if (!isPlainObject(type)) return [];
  const inner = 'type' in type ? [type.type, type.of] : Object.values(type);
  return inner.flatMap(classesIn);
}
