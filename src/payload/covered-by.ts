import { isPlainObject } from '../plain-object.ts';
import { isWithin, type PayloadMap } from './payload-map.ts';

/** Stands among paths for the document as a whole. */
export const WHOLE_DOCUMENT = '';

/**
 * Whether the part of a document that stays in Mongo answers for all of these paths: as conditions, in a sort, or in a
 * projection. The whole document is covered by no part of it.
 */
export function coveredBy(map: Pick<PayloadMap, 'indexed' | 'blobPaths'>, paths: readonly string[]): boolean {
  return uncovered(map, paths).length === 0;
}

/** The paths for which the payload is needed. */
export function uncovered(
  { indexed, blobPaths }: Pick<PayloadMap, 'indexed' | 'blobPaths'>,
  paths: readonly string[],
): readonly string[] {
  return paths.filter((path) => {
    if (path === WHOLE_DOCUMENT) return indexed !== undefined || blobPaths.length > 0;
    if (isWithin(path, '_id') || isWithin(path, '_system')) return false;
    if (blobPaths.some((blob) => isWithin(path, blob) || isWithin(blob, path))) return true;
    return indexed !== undefined && !indexed.some((kept) => isWithin(path, kept));
  });
}

type Conditions = Readonly<Record<string, unknown>>;

const LOGICAL = new Set(['$and', '$or', '$nor']);

/** The paths that a filter asks for; {@link WHOLE_DOCUMENT} where that cannot be told, as in an expression. */
export function filterPaths(filter: Conditions): readonly string[] {
  const paths = Object.entries(filter).flatMap(([key, condition]): readonly string[] => {
    if (LOGICAL.has(key) && Array.isArray(condition)) return condition.flatMap((part: Conditions) => filterPaths(part));
    if (key === '$comment') return [];
    return key.startsWith('$') ? [WHOLE_DOCUMENT] : conditionPaths(key, condition);
  });
  return [...new Set(paths)];
}

/** `{ items: { $elemMatch: { sku: 'a' } } }` asks for `items.sku` alone. */
function conditionPaths(path: string, condition: unknown): readonly string[] {
  if (!isConditions(condition)) return [path];
  return Object.entries(condition).flatMap(([operator, operand]) => {
    if (operator === '$not') return conditionPaths(path, operand);
    if (operator !== '$elemMatch' || !isConditions(operand) || isOperators(operand)) return [path];
    return filterPaths(operand).map((inner) => (inner === WHOLE_DOCUMENT ? path : `${path}.${inner}`));
  });
}

/** Whether a value is a document of operators, or one to be equal to; not a date, an id or a pattern. */
function isConditions(value: unknown): value is Conditions {
  return isPlainObject(value) && Object.keys(value).length > 0;
}

function isOperators(value: Conditions): boolean {
  const [first = ''] = Object.keys(value);
  return first.startsWith('$') && !LOGICAL.has(first);
}

/**
 * The paths that a projection returns: those of an inclusion, and the whole document for an exclusion or an expression.
 */
export function projectionPaths(projection: Conditions): readonly string[] {
  const fields = Object.entries(projection).filter(([path]) => path !== '_id');
  const included = fields.every(([, value]) => value === 1 || value === true);
  if (fields.length === 0) return isIncluded(projection._id) ? ['_id'] : [WHOLE_DOCUMENT];
  return included ? fields.map(([path]) => path) : [WHOLE_DOCUMENT];
}

function isIncluded(value: unknown): boolean {
  return value === 1 || value === true;
}
