import type { PayloadMap } from '../payload/payload-map.ts';
import { isWithin } from '../payload/payload-map.ts';
import { blobLength, branchAt, valueWithoutBlobs } from '../payload/take-blobs.ts';
import { isPlainObject } from '../plain-object.ts';
import type { Change, UpdateOperators } from './captured-write.ts';

type Sent = Extract<Change, { form: 'operators' | 'pipeline' }>;

/** Operators that put values where they say, whatever is there. */
const PUTTING = new Set(['$set', '$setOnInsert', '$push']);
/** Operators that do not look at the values that they meet. */
const BLIND = new Set([...PUTTING, '$unset', '$pop']);
const BLIND_STAGES = new Set(['$set', '$addFields', '$unset', '$project']);
const MODIFIERS = new Set(['$each', '$position', '$slice']);

/** How long the texts are that an update brings to where blobs may be. */
export function blobLengthOf(change: Change, { blobTree }: PayloadMap): number {
  if (change.form === 'replacement') return blobLength(change.document, blobTree);
  if (change.form !== 'operators' || blobTree.size === 0) return 0;
  let length = 0;
  withTexts(change.spec, { blobTree }, (text) => {
    length += text.length;
    return text;
  });
  return length;
}

/** An update with something else in the places of the texts that it brings to where blobs may be. */
export function withTexts(
  spec: UpdateOperators,
  { blobTree }: Pick<PayloadMap, 'blobTree'>,
  replace: (text: string) => string,
): UpdateOperators {
  const operators = Object.entries(spec).map(([operator, fields]) => {
    if (!PUTTING.has(operator)) return [operator, fields];
    const replaced = Object.entries(fields).map(([path, value]) => {
      const branch = branchAt(blobTree, path);
      if (branch === undefined) return [path, value];
      const left = (one: unknown) => valueWithoutBlobs(one, branch, ({ text }) => replace(text));
      const isMany = operator === '$push' && isPlainObject(value) && Array.isArray(value.$each);
      return [path, isMany ? { ...value, $each: (value.$each as unknown[]).map(left) } : left(value)];
    });
    return [operator, Object.fromEntries(replaced)];
  });
  return Object.fromEntries(operators);
}

/**
 * Whether an update gives the same whatever stands in the places of blobs: it puts values there or takes them away, and
 * neither looks at what is there nor copies it.
 */
export function isBlind(change: Sent, arrayFilters: unknown, { blobPaths }: PayloadMap): boolean {
  const touches = (path: string) => {
    const own = namesOf(path);
    return blobPaths.some((blob) => isWithin(own, blob) || isWithin(blob, own));
  };
  if (change.form === 'pipeline') return change.stages.every((stage) => isBlindStage(stage, touches));
  const names = new Set(blobPaths.map((path) => path.split('.').at(-1)));
  const asks = (filter: unknown) =>
    Object.keys(filter as object).some((path) => !path.includes('.') || names.has(path.split('.').at(-1)));
  if (Array.isArray(arrayFilters) && arrayFilters.some(asks)) return false;
  return Object.entries(change.spec).every(([operator, fields]) =>
    Object.entries(fields).every(([path, value]) => {
      const isTouching = touches(path) || (operator === '$rename' && touches(String(value)));
      return !isTouching || (BLIND.has(operator) && !isSorting(operator, value));
    }),
  );
}

function isSorting(operator: string, value: unknown): boolean {
  if (operator !== '$push' || !isPlainObject(value) || !('$each' in value)) return false;
  return Object.keys(value).some((key) => !MODIFIERS.has(key));
}

/** A path without positions. */
function namesOf(path: string): string {
  return path
    .split('.')
    .filter((key) => !/^(\d+|\$.*)$/.test(key))
    .join('.');
}

function isBlindStage(stage: Readonly<Record<string, unknown>>, touches: (path: string) => boolean): boolean {
  return Object.entries(stage).every(([name, fields]) => {
    if (!BLIND_STAGES.has(name)) return false;
    return name === '$unset' || !looksAt(fields, touches);
  });
}

/** Whether an expression names a path with blobs, or may. */
function looksAt(expression: unknown, touches: (path: string) => boolean): boolean {
  if (typeof expression === 'string') {
    return expression.startsWith('$$') || (expression.startsWith('$') && touches(expression.slice(1)));
  }
  if (Array.isArray(expression)) return expression.some((item) => looksAt(item, touches));
  if (!isPlainObject(expression)) return false;
  return Object.entries(expression).some(([key, value]) => {
    if (key === '$literal') return false;
    return key === '$getField' || key === '$setField' || looksAt(value, touches);
  });
}
