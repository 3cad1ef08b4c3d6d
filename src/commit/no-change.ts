import { topLevel } from '../bson/exact.ts';
import type { Bson } from '../types.ts';
import type { Change, UpdateOperators } from './captured-write.ts';
import type { PreImage } from './version-record.ts';

/** Whether a change alters the document it matches. `unsure` means: only the server's result can tell. */
export type Verdict = 'changes' | 'same' | 'unsure';

/** Operators whose effect can be told from the document and the operator alone, without imitating the server. */
const DECIDABLE = new Set(['$set', '$setOnInsert', '$inc', '$push', '$unset', '$currentDate']);

/**
 * Whether {@link verdict} will be sure about this change whatever document it meets.
 */
export function isDecidable(change: Change): boolean {
  if (change.form !== 'operators') return false;
  return Object.entries(change.spec).every(
    ([operator, fields]) =>
      DECIDABLE.has(operator) &&
      Object.entries(fields).every(([path, value]) => !path.includes('$') && isDecidableField(operator, value)),
  );
}

function isDecidableField(operator: string, value: unknown): boolean {
  if (operator === '$inc') return typeof value === 'number' && Number.isInteger(value);
  if (operator === '$push') return !hasModifiers(value);
  return true;
}

function hasModifiers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).some((key) => key.startsWith('$'));
}

/**
 * Tells, from the stored document, whether a change is one. MongoDB reports a matched write that changes nothing as
 * unmodified, and it makes no version. Mistaking a non-change for a change would only cost a version; the other way
 * round would lose one, so `same` is said of nothing but values that are equal byte for byte.
 */
export function verdict(bson: Bson, change: Change, pre: PreImage): Verdict {
  if (change.form !== 'operators' || !isDecidable(change)) return 'unsure';
  return operatorsChange(bson, change.spec, pre.bytes) ? 'changes' : 'same';
}

function operatorsChange(bson: Bson, spec: UpdateOperators, stored: Uint8Array): boolean {
  return Object.entries(spec).some(([operator, fields]) =>
    Object.entries(fields).some(([path, value]) => {
      if (operator === '$setOnInsert') return false;
      if (operator === '$inc') return value !== 0 || valueAt(bson, stored, path) === MISSING;
      if (operator === '$unset') return valueAt(bson, stored, path) !== MISSING;
      if (operator === '$set') return !sameStored(bson, valueAt(bson, stored, path), value);
      return true;
    }),
  );
}

const MISSING = Symbol('missing');

/** The value an update path points at: keys of documents, positions of arrays. */
function valueAt(bson: Bson, stored: Uint8Array, path: string): unknown {
  const [field = '', ...rest] = path.split('.');
  let value = topLevel(bson, stored, field);
  if (value === undefined) return MISSING;
  for (const key of rest) {
    if (Array.isArray(value)) {
      if (!/^\d+$/.test(key) || !(Number(key) in value)) return MISSING;
      value = value[Number(key)];
    } else if (value instanceof Map) {
      if (!value.has(key)) return MISSING;
      value = value.get(key);
    } else if (isDocument(value) && Object.hasOwn(value, key)) {
      value = value[key];
    } else {
      return MISSING;
    }
  }
  return value;
}

function isDocument(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !('_bsontype' in value) && !(value instanceof Date);
}

function sameStored(bson: Bson, stored: unknown, given: unknown): boolean {
  if (stored === MISSING) return false;
  if (typeof stored === 'string' || typeof given === 'string') return stored === given;
  if (typeof stored !== typeof given && typeof stored !== 'object' && typeof given !== 'object') return false;
  const bytes = encoded(bson, stored);
  return SENT_AS.every((options) => Buffer.compare(bytes, encoded(bson, given, options)) === 0);
}

type Sending = Parameters<Bson['serialize']>[1];

/** The driver sends `undefined` inside a value as null, and functions not at all, or the other way as it is told. */
const SENT_AS: readonly Sending[] = [{ ignoreUndefined: false }, { ignoreUndefined: true, serializeFunctions: true }];

function encoded(bson: Bson, value: unknown, options?: Sending): Uint8Array {
  return bson.serialize({ value }, options);
}
