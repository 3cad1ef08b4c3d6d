import { ReadOnlyVersionError } from '../errors.ts';

const past = new WeakMap<object, string>();

/** Marks a document as one of the past: it can be read in every way, and saved in none. */
export function markPast<D extends object>(document: D, model: string): D {
  past.set(document, model);
  return document;
}

export function refusePast(document: object, operation: string): void {
  const model = past.get(document);
  if (model !== undefined) throw new ReadOnlyVersionError(model, operation);
}
