type Fields = Readonly<Record<string, unknown>>;

/** One document laid over another: nested plain objects property by property, anything else as a whole. */
export function overlay(below: Fields, above: Fields): Record<string, unknown> {
  const merged = new Map(Object.entries(below));
  for (const [name, value] of Object.entries(above)) {
    const under = merged.get(name);
    merged.set(name, isPlain(under) && isPlain(value) ? overlay(under, value) : value);
  }
  return Object.fromEntries(merged);
}

/** An object that is a document inside a document: no date, id or other value of BSON. */
function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
