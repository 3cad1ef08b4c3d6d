import { compareValues } from './compare.ts';
import { asStored, fieldsOf, isTagged, kindOf } from './kind.ts';

/**
 * Whether two values say the same: numbers by value whatever their type, driver types and dates by what they hold,
 * arrays item by item, documents (plain objects and Maps alike) field by field in any order, where `undefined` is no
 * field. Agrees with `equalityKey`.
 */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const left = asStored(a);
  const right = asStored(b);
  if (isDocument(left) && isDocument(right)) return equalDocuments(left, right);
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => equalValues(item, right[index]));
  }
  return orNull(left) === orNull(right) || compareValues(orNull(left), orNull(right)) === 0;
}

/** A document in either of its forms; a driver type is none. */
export type AnyDocument = Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>;

export function isDocument(value: unknown): value is AnyDocument {
  return kindOf(value) === 'object' && !isTagged(value as object);
}

/** The value of a document's own field. */
export function fieldAt(document: AnyDocument, name: string): unknown {
  if (document instanceof Map) return document.get(name);
  return Object.hasOwn(document, name) ? (document as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The fields of a document that are not `undefined`. */
export function definedFields(document: AnyDocument): readonly (readonly [name: string, value: unknown])[] {
  return fieldsOf(document).filter(([, value]) => value !== undefined);
}

function equalDocuments(a: AnyDocument, b: AnyDocument): boolean {
  const fields = definedFields(a);
  if (fields.length !== definedFields(b).length) return false;
  return fields.every(([name, value]) => {
    const other = fieldAt(b, name);
    return other !== undefined && equalValues(value, other);
  });
}

/** In an array, `undefined` is stored as null. */
function orNull(value: unknown): unknown {
  return value === undefined ? null : value;
}
