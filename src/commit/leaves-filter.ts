import { compareValues } from '../bson/compare.ts';
import { kindOf } from '../bson/kind.ts';
import type { Filter } from './captured-write.ts';
import type { GroupableWrite } from './write-group.ts';

/**
 * Whether a document that a write has taken no longer matches its filter, as a job that is claimed or a lock that is
 * held does. Told from the filter and the update alone, so that `false` only means: not for sure.
 */
export function leavesFilter(write: GroupableWrite): boolean {
  if (write.kind === 'delete') return true;
  if (write.change.form !== 'operators') return false;
  const set = write.change.spec.$set ?? {};
  return Object.entries(set).some(
    ([path, value]) => isScalar(value) && excludes(write.filter[path as keyof Filter], value),
  );
}

/** Whether a condition cannot hold for a value. Values of different kinds never match each other, except null. */
function excludes(condition: unknown, value: unknown): boolean {
  if (condition === undefined) return false;
  if (isScalar(condition)) return !equal(condition, value);
  if (kindOf(condition) !== 'object') return false;
  return Object.entries(condition as object).some(([operator, operand]) => {
    if (operator === '$in')
      return Array.isArray(operand) && operand.every((one) => isScalar(one) && !equal(one, value));
    const fails = isScalar(operand) ? FAILS[operator] : undefined;
    return fails?.(compareValues(value, operand), kindOf(value) === kindOf(operand)) ?? false;
  });
}

const FAILS: Readonly<Record<string, (order: number, sameKind: boolean) => boolean>> = {
  $eq: (order) => order !== 0,
  $ne: (order) => order === 0,
  $lt: (order, sameKind) => !sameKind || order >= 0,
  $lte: (order, sameKind) => !sameKind || order > 0,
  $gt: (order, sameKind) => !sameKind || order <= 0,
  $gte: (order, sameKind) => !sameKind || order < 0,
};

const SCALARS: ReadonlySet<string> = new Set(['null', 'number', 'string', 'objectId', 'boolean', 'date']);

function isScalar(value: unknown): boolean {
  return value !== undefined && SCALARS.has(kindOf(value));
}

function equal(a: unknown, b: unknown): boolean {
  return compareValues(a, b) === 0;
}
