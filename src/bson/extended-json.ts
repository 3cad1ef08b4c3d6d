import { asStored, fieldsOf, type Kind, kindOf, opaque, unreadable } from './kind.ts';
import { longOf } from './number.ts';
import { binaryOf, codeOf, dateOf, objectIdOf, regexOf, scopeOf, textOf, timestampOf, utf8Of } from './parts.ts';
import type { EncodedValue } from './raw-element.ts';

/**
 * A value in MongoDB Extended JSON v2: in the relaxed form where that keeps the value, else in the canonical one. So
 * 1.5 is 1.5 and a date of our time an ISO string, but -0, NaN and a Long beyond 2^53 keep their wrappers.
 * https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
 *
 * Values that no JavaScript value expresses appear as their bytes.
 * What a document has under keys like `$oid` is not told apart from a wrapper: this is a form to hand out, not to store.
 */
export function toExtendedJson(value: unknown): unknown {
  const stored = asStored(value);
  const kind = kindOf(stored);
  const encoded = unreadable(stored, kind);
  return encoded === undefined ? ENCODERS[kind](stored) : encodeBytes(encoded);
}

const ENCODERS: Readonly<Record<Kind, (value: unknown) => unknown>> = {
  minKey: () => ({ $minKey: 1 }),
  undefined: (value) => (opaque(value) === undefined ? null : { $undefined: true }),
  null: () => null,
  number: encodeNumber,
  string: encodeString,
  object: (value) => encodeDocument(value as object),
  array: (value) => (value as readonly unknown[]).map(toExtendedJson),
  binary: encodeBinary,
  objectId: (value) => ({ $oid: objectIdOf(value) }),
  boolean: (value) => value,
  date: encodeDate,
  timestamp: encodeTimestamp,
  regex: encodeRegex,
  dbPointer: () => null,
  code: (value) => ({ $code: codeOf(value) }),
  codeWithScope: (value) => ({ $code: codeOf(value), $scope: encodeDocument(scopeOf(value)) }),
  maxKey: () => ({ $maxKey: 1 }),
};

function encodeNumber(value: unknown): unknown {
  if (typeof value === 'bigint') return encodeInteger(value);
  if (typeof value === 'number') return encodeDouble(value);
  const tagged = value as { readonly _bsontype: string; readonly value?: number };
  if (tagged._bsontype === 'Decimal128') return { $numberDecimal: String(value) };
  if (tagged._bsontype === 'Long') return encodeInteger(longOf(value));
  return encodeDouble(tagged.value ?? Number.NaN);
}

function encodeDouble(value: number): unknown {
  if (Object.is(value, -0)) return { $numberDouble: '-0.0' };
  return Number.isFinite(value) ? value : { $numberDouble: String(value) };
}

function encodeInteger(value: bigint): unknown {
  return Number.isSafeInteger(Number(value)) ? Number(value) : { $numberLong: String(value) };
}

function encodeString(value: unknown): unknown {
  if (opaque(value) !== undefined) return utf8Of(value).toString('utf8');
  return typeof value === 'string' ? value : { $symbol: textOf(value) };
}

function encodeDocument(document: object): unknown {
  return Object.fromEntries(
    fieldsOf(document)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, toExtendedJson(field)]),
  );
}

function encodeBinary(value: unknown): unknown {
  const { subtype, bytes } = binaryOf(value);
  const data = subtype === OLD_BINARY ? bytes.subarray(4) : bytes;
  return { $binary: { base64: Buffer.from(data).toString('base64'), subType: subtype.toString(16).padStart(2, '0') } };
}

const OLD_BINARY = 2;
const YEAR_10000 = Date.UTC(10_000, 0);

function encodeDate(value: unknown): unknown {
  const milliseconds = dateOf(value);
  if (milliseconds < 0 || milliseconds >= YEAR_10000) return { $date: { $numberLong: String(milliseconds) } };
  return { $date: new Date(Number(milliseconds)).toISOString() };
}

function encodeTimestamp(value: unknown): unknown {
  const timestamp = timestampOf(value);
  return { $timestamp: { t: Number(timestamp >> 32n), i: Number(timestamp & 0xffffffffn) } };
}

function encodeRegex(value: unknown): unknown {
  const [pattern, options] = regexOf(value);
  return { $regularExpression: { pattern, options: [...options].sort().join('') } };
}

function encodeBytes({ bytes }: EncodedValue): unknown {
  return { $binary: { base64: Buffer.from(bytes).toString('base64'), subType: '00' } };
}
