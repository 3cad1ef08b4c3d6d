import { ConfigError } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import { checkedCondition } from './checked-data.ts';

type Conditions = Record<string, unknown>;

const WHAT = 'use this filter';
const LOGICAL: ReadonlySet<string> = new Set(['$and', '$or', '$nor']);
/** Operators whose operand is a value to compare with. */
const COMPARING: ReadonlySet<string> = new Set(['$eq', '$ne', '$gt', '$gte', '$lt', '$lte']);
const LISTING: ReadonlySet<string> = new Set(['$in', '$nin', '$all']);
const MAX_DEPTH = 20;

/**
 * A copy of a filter, as far as it does nothing but compare the values of fields. What runs code, compares fields with
 * one another or leads to an index of its own is for the model: `ops.model.find()`.
 *
 * @throws ConfigError naming the operator that is refused, and never a value
 */
export function checkedFilter(filter: unknown): Conditions {
  return conditions(filter ?? {}, 0);
}

function conditions(filter: unknown, depth: number): Conditions {
  const given = checkedObject(filter, depth);
  return Object.fromEntries(
    Object.entries(given).map(([key, condition]): [string, unknown] => {
      if (LOGICAL.has(key)) return [key, parts(key, condition, depth)];
      if (key.startsWith('$') || key.includes('.$')) throw refused(key);
      return [key, fieldCondition(condition, depth + 1)];
    }),
  );
}

function parts(operator: string, given: unknown, depth: number): Conditions[] {
  if (!Array.isArray(given) || given.length === 0) throw refusal(`${operator} takes a list of filters`);
  return given.map((part) => conditions(part, depth + 1));
}

/** A value to be equal to, or operators on it. */
function fieldCondition(condition: unknown, depth: number): unknown {
  if (!isOperators(condition)) return plainValue(condition);
  const operators = checkedObject(condition, depth);
  return Object.fromEntries(
    Object.entries(operators).map(([operator, operand]) => [operator, operandOf(operator, operand, operators, depth)]),
  );
}

function operandOf(operator: string, operand: unknown, beside: Conditions, depth: number): unknown {
  if (COMPARING.has(operator)) return plainValue(operand);
  if (LISTING.has(operator) && Array.isArray(operand)) return operand.map(plainValue);
  if (operator === '$not' && operand instanceof RegExp) return operand;
  if (operator === '$not' && isOperators(operand)) return fieldCondition(operand, depth + 1);
  if (operator === '$elemMatch' && isPlainObject(operand)) {
    return isOperators(operand) ? fieldCondition(operand, depth + 1) : conditions(operand, depth + 1);
  }
  if (isSimple(operator, operand, beside)) return checkedCondition(WHAT, operand);
  throw refused(operator);
}

/** Operators that take a scalar, or a list of them. */
function isSimple(operator: string, operand: unknown, beside: Conditions): boolean {
  switch (operator) {
    case '$exists':
      return typeof operand === 'boolean';
    case '$size':
      return Number.isSafeInteger(operand);
    case '$type':
      return [operand].flat().every((type) => typeof type === 'string' || Number.isSafeInteger(type));
    case '$mod':
      return Array.isArray(operand) && operand.length === 2 && operand.every((part) => Number.isFinite(part));
    case '$regex':
      return typeof operand === 'string' || operand instanceof RegExp;
    case '$options':
      return typeof operand === 'string' && '$regex' in beside;
    default:
      return false;
  }
}

/** A value that is nothing but one: operators in it would be taken for conditions by some, and for content by others. */
function plainValue(value: unknown): unknown {
  const copy = checkedCondition(WHAT, value);
  requirePlain(copy);
  return copy;
}

function requirePlain(value: unknown): void {
  if (Array.isArray(value)) value.forEach(requirePlain);
  if (!isPlainObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key.startsWith('$')) throw refused(key);
    requirePlain(inner);
  }
}

function isOperators(value: unknown): value is Conditions {
  return isPlainObject(value) && Object.keys(value).some((key) => key.startsWith('$'));
}

/** The fields of an object, looked at once: it has no getters, and nothing else than fields. */
function checkedObject(value: unknown, depth: number): Conditions {
  if (depth > MAX_DEPTH) throw refusal(`it is more than ${MAX_DEPTH} levels deep`);
  if (!isPlainObject(value)) throw refusal('expected an object');
  return checkedCondition(WHAT, value) as Conditions;
}

function refused(operator: string): ConfigError {
  return refusal(
    `${JSON.stringify(operator.slice(0, 64))} is not allowed there, or not with this operand. Use the model's own find() for more than comparing fields`,
  );
}

function refusal(why: string): ConfigError {
  return new ConfigError({ message: `Cannot ${WHAT}: ${why}` });
}
