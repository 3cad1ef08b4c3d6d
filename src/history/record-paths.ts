import type { Filter } from '../commit/captured-write.ts';
import { ConfigError } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import type { RawDocument } from '../types.ts';

/**
 * A version record holds its document's `_id` at `_id.id`. These functions carry what is asked of the head over to the
 * records: `{ _id: 7, 'a.b': 1 }` becomes `{ '_id.id': 7, 'a.b': 1 }`.
 */
export function recordFilter(filter: Filter): Filter {
  const entries = Object.entries(filter).map(([key, value]): [string, unknown] => {
    if (LOGICAL.has(key) && Array.isArray(value)) return [key, value.map((part: Filter) => recordFilter(part))];
    if (key === '$expr') return [key, recordExpression(value)];
    if (key === '$text' || key === '$where') throw unanswerable(key);
    refuseNear(value);
    return [recordPath(key), value];
  });
  return Object.fromEntries(entries);
}

export function recordPath(path: string): string {
  return path === '_id' || path.startsWith('_id.') ? `_id.id${path.slice(3)}` : path;
}

/** `_id` alone stays as it is: the record's whole `_id` is turned back later. */
export function recordProjection(projection: RawDocument): RawDocument {
  return Object.fromEntries(
    Object.entries(projection).map(([path, value]) => [
      path === '_id' ? path : recordPath(path),
      recordExpression(value),
    ]),
  );
}

/** Field paths inside an aggregation expression. */
export function recordExpression(expression: unknown): unknown {
  if (expression === '$$ROOT' || expression === '$$CURRENT') return { $mergeObjects: [expression, { _id: '$_id.id' }] };
  if (typeof expression === 'string') return expression.replace(FIELD_PATH, '$1_id.id');
  if (Array.isArray(expression)) return expression.map(recordExpression);
  if (!isPlainObject(expression)) return expression;
  if ('$literal' in expression) return expression;
  if ('$getField' in expression && getsId(expression.$getField)) return '$_id.id';
  return Object.fromEntries(Object.entries(expression).map(([key, value]) => [key, recordExpression(value)]));
}

function getsId(got: unknown): boolean {
  const { field, input = '$$ROOT' } = (typeof got === 'object' ? (got ?? {}) : { field: got }) as RawDocument;
  return field === '_id' && (input === '$$ROOT' || input === '$$CURRENT');
}

const LOGICAL = new Set(['$and', '$or', '$nor']);
/** `$_id`, `$$ROOT._id`, `$$CURRENT._id`, alone or with a path behind. */
const FIELD_PATH = /^(\$(?:\$(?:ROOT|CURRENT)\.)?)_id(?=\.|$)/;

function refuseNear(condition: unknown): void {
  if (typeof condition !== 'object' || condition === null) return;
  for (const key of ['$near', '$nearSphere']) if (key in condition) throw unanswerable(key);
}

function unanswerable(operator: string): ConfigError {
  const cure = operator === '$text' ? '$regex' : operator === '$where' ? '$expr' : '$geoWithin';
  return new ConfigError({
    message: `Cannot use ${operator} as of a past instant: versions have no such index. Use ${cure} instead`,
  });
}
