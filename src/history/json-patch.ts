import { toExtendedJson } from '../bson/extended-json.ts';
import type { Path } from '../format-path.ts';
import type { DocumentChange } from './diff.ts';

/** An operation of a JSON Patch, RFC 6902. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** The changes as a JSON Patch for the documents in Extended JSON: `/items/0/price`. https://www.rfc-editor.org/rfc/rfc6902 */
export function toJsonPatch(changes: readonly DocumentChange[]): JsonPatchOperation[] {
  return changes.map((change) => {
    const path = toJsonPointer(change.path);
    return change.op === 'remove'
      ? { op: 'remove', path }
      : { op: change.op, path, value: toExtendedJson(change.after) };
  });
}

/** https://www.rfc-editor.org/rfc/rfc6901 */
function toJsonPointer(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
