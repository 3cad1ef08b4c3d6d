import { type AnyDocument, definedFields, fieldAt, isDocument } from '../bson/equality.ts';
import type { ExactDocument } from '../bson/exact.ts';
import { asStored } from '../bson/kind.ts';
import { checkedPatch } from './checked-patch.ts';
import { uniteItems } from './unite-items.ts';

export { PatchRefused } from './checked-patch.ts';

/**
 * Adds what a patch says to a document and returns the result; both stay as they are.
 *
 * | in the document | in the patch       | result                                            |
 * | --------------- | ------------------ | ------------------------------------------------- |
 * | anything        | `undefined`        | what was there                                    |
 * | anything        | `null`             | `null`                                            |
 * | nothing         | a value            | that value                                        |
 * | a document      | a document         | both, merged field by field                       |
 * | an array        | an array           | the union, see {@link uniteItems}                 |
 * | an array        | any other value    | the union with that one item                      |
 * | anything else   | a value            | that value, also dates, ids, binaries, decimals   |
 *
 * A `Map` is a document like any other. Where nothing changes, the result may share parts with the document.
 *
 * @throws PatchRefused if the patch has a key `__proto__`, `constructor`, `prototype` or `_bsontype` at any depth,
 *   contains itself, is more than 100 levels deep or has more than a million values
 */
export function deepMerge<T extends ExactDocument>(document: T, patch: AnyDocument): T {
  return mergeFields(document, checkedPatch(patch)) as T;
}

function mergeFields(document: AnyDocument, patch: AnyDocument): AnyDocument {
  const merged = document instanceof Map ? new Map<string, unknown>(document) : { ...document };
  for (const [name, value] of definedFields(patch)) {
    const current = fieldAt(document, name);
    setField(merged, name, current === undefined ? value : mergeValues(current, value));
  }
  return merged;
}

function mergeValues(current: unknown, patch: unknown): unknown {
  if (patch === null) return null;
  const stored = asStored(current);
  if (Array.isArray(stored)) return uniteItems(stored, Array.isArray(patch) ? patch : [patch], mergeFields);
  if (isDocument(stored) && isDocument(patch)) return mergeFields(stored, patch);
  return patch;
}

/** Sets an own field, also where a prototype has one of that name: assigning would fail if it is frozen. */
function setField(document: Record<string, unknown> | Map<string, unknown>, name: string, value: unknown): void {
  if (document instanceof Map) document.set(name, value);
  else Object.defineProperty(document, name, { value, configurable: true, enumerable: true, writable: true });
}
