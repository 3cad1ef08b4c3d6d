import { filterPaths, WHOLE_DOCUMENT } from '../payload/covered-by.ts';
import { isPlainObject } from '../plain-object.ts';
import type { RawDocument } from '../types.ts';

const LOGICAL = new Set(['$and', '$or', '$nor']);

/** The paths that a filter looks at, those in its expressions too. A text search looks at what has a text index. */
export function pathsOfFilter(filter: RawDocument): readonly string[] {
  return Object.entries(filter).flatMap(([key, condition]): readonly string[] => {
    if (LOGICAL.has(key) && Array.isArray(condition)) return condition.flatMap(pathsOfFilter);
    if (key === '$expr') return pathsOfExpression(condition);
    return key === '$text' ? [] : filterPaths({ [key]: condition });
  });
}

/** The paths that a sort looks at. */
export function pathsOfSort(sort: unknown): readonly string[] {
  if (sort === undefined || sort === null) return [];
  if (typeof sort === 'string') return [sort];
  if (sort instanceof Map) return [...sort].flatMap(([path, order]) => pathSorted(path, order));
  if (!Array.isArray(sort)) return Object.entries(sort).flatMap(([path, order]) => pathSorted(path, order));
  const pairs = sort.every((part) => Array.isArray(part)) ? sort : [sort];
  return pairs.map(([path]) => String(path));
}

/** `{ score: { $meta: 'textScore' } }` sorts by what no document has. */
function pathSorted(path: string, order: unknown): string[] {
  return typeof order === 'object' && order !== null ? [] : [path];
}

/** The paths of a document that an aggregation expression reads. */
export function pathsOfExpression(expression: unknown): readonly string[] {
  if (typeof expression === 'string') return pathOfReference(expression);
  if (Array.isArray(expression)) return expression.flatMap(pathsOfExpression);
  // Dates, ids and so on hold no expressions.
  if (!isPlainObject(expression)) return [];
  if ('$literal' in expression) return [];
  if ('$getField' in expression) return pathsOfGetField(expression.$getField);
  return Object.values(expression).flatMap(pathsOfExpression);
}

/** `$a.b` and `$$ROOT.a.b` are paths; `$$NOW` and the variables of an expression are not. */
function pathOfReference(text: string): readonly string[] {
  const root = /^\$\$(?:ROOT|CURRENT)(?:\.(.*))?$/s.exec(text);
  if (root !== null) return [root[1] ?? WHOLE_DOCUMENT];
  return text.startsWith('$') && !text.startsWith('$$') ? [text.slice(1)] : [];
}

function pathsOfGetField(got: unknown): readonly string[] {
  const isShort = typeof got !== 'object' || got === null || !('field' in got);
  const { field, input = '$$ROOT' } = (isShort ? { field: got } : got) as { field?: unknown; input?: unknown };
  const isOfRoot = input === '$$ROOT' || input === '$$CURRENT';
  if (isOfRoot && typeof field === 'string') return [field];
  return [...pathsOfExpression(field), ...pathsOfExpression(input)];
}
