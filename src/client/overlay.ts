import { isPlainObject } from '../plain-object.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One document laid over another: nested plain objects property by property, anything else as a whole. */
export function overlay(below: Fields, above: Fields): Record<string, unknown> {
  const merged = new Map(Object.entries(below));
  for (const [name, value] of Object.entries(above)) {
    const under = merged.get(name);
    merged.set(name, isPlainObject(under) && isPlainObject(value) ? overlay(under, value) : value);
  }
  return Object.fromEntries(merged);
}
