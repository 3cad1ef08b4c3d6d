import type { Schema } from 'mongoose';
import type { AnyClass } from './metadata.ts';

/** What of a class is not the library's or JavaScript's own. */
const NO_MEMBERS = new Set(['constructor', 'prototype', 'length', 'name', 'caller', 'arguments']);

/** Gives a schema the methods, virtuals and statics of classes; those of a later one replace those of an earlier one. */
export function addMembers(schema: Schema, chain: readonly AnyClass[]): void {
  for (const target of chain) {
    for (const [name, member] of membersOf(target.prototype as object)) addInstanceMember(schema, name, member);
    for (const [name, member] of membersOf(target)) if ('value' in member) schema.static(name, member.value);
  }
}

function addInstanceMember(schema: Schema, name: string, { value, get, set }: PropertyDescriptor): void {
  if (typeof value === 'function') schema.method(name, value);
  if (get === undefined && set === undefined) return;
  const virtual = schema.virtualpath(name) ?? schema.virtual(name);
  if (get !== undefined) virtual.get(get);
  if (set !== undefined) virtual.set(set);
}

function membersOf(target: object): [string, PropertyDescriptor][] {
  return Object.entries(Object.getOwnPropertyDescriptors(target)).filter(([name]) => !NO_MEMBERS.has(name));
}
