import type { Schema } from 'mongoose';
import type { AnyClass } from './metadata.ts';

/** What every class has of JavaScript's own. */
const STATICS_OF_ALL = ['prototype', 'length', 'name', 'caller', 'arguments'];

/** Gives a schema the methods, virtuals and statics of classes; those of a later one replace those of an earlier one. */
export function addMembers(schema: Schema, chain: readonly AnyClass[]): void {
  for (const target of chain) {
    for (const [name, member] of membersOf(target.prototype as object, ['constructor']))
      addInstanceMember(schema, name, member);
    for (const [name, { value }] of membersOf(target, STATICS_OF_ALL))
      if (value !== undefined) schema.static(name, value);
  }
}

/**
 * Gives the models of a schema the static accessors of classes. They go on the models themselves, since the statics of
 * a schema are values; so what a model's base has is named, too.
 */
export function addStaticAccessors(schema: Schema, chain: readonly AnyClass[]): void {
  const members = chain.flatMap((target) => membersOf(target, STATICS_OF_ALL));
  const accessors = members.filter(([, { get, set }]) => get !== undefined || set !== undefined);
  if (accessors.length === 0) return;
  schema.on('init', (model: object) => Object.defineProperties(model, Object.fromEntries(accessors)));
}

function addInstanceMember(schema: Schema, name: string, { value, get, set }: PropertyDescriptor): void {
  if (typeof value === 'function') schema.method(name, value);
  if (get === undefined && set === undefined) return;
  const virtual = schema.virtualpath(name) ?? schema.virtual(name);
  if (get !== undefined) virtual.get(get);
  if (set !== undefined) virtual.set(set);
}

function membersOf(target: object, except: readonly string[]): [string, PropertyDescriptor][] {
  return Object.entries(Object.getOwnPropertyDescriptors(target)).filter(([name]) => !except.includes(name));
}
