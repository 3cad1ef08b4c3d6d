import { asStored, fieldsOf, type Kind, kindOf, opaque, unreadable } from './kind.ts';
import { canonicalNumber } from './number.ts';
import { binaryOf, codeOf, dateOf, objectIdOf, regexOf, scopeOf, textOf, timestampOf, utf8Of } from './parts.ts';

/**
 * A text that two values share exactly if the server holds them equal, as it does for `_id`:
 *
 *     5, 5.0, Long 5, Decimal 5.00   n5;            ObjectId      o507f1f77bcf86cd799439011
 *     '5'                            s1:5           its hex       s24:507f1f77bcf86cd799439011
 *     { a: 1, b: [null] }            {1:an1;1:b[N]}               { b: [null], a: 1 }  {1:b[N]1:an1;}
 *
 * Every part ends where it says it does, so no two values run together into one key. `undefined` is null, as the
 * driver sends it; the type undefined that only raw bytes hold is not.
 */
export function canonicalKey(value: unknown): string {
  return keyOf(value, fieldsOf);
}

/**
 * A text that two values share exactly if they say the same: as {@link canonicalKey}, but whatever the order of fields,
 * and a field that is `undefined` is none.
 */
export function equalityKey(value: unknown): string {
  return keyOf(value, definedFieldsByName);
}

type Fields = typeof fieldsOf;

function definedFieldsByName(value: object): ReturnType<Fields> {
  const defined = fieldsOf(value).filter(([, field]) => field !== undefined);
  return defined.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function keyOf(value: unknown, fields: Fields): string {
  const stored = asStored(value);
  const kind = kindOf(stored);
  const encoded = unreadable(stored, kind);
  if (encoded !== undefined) return `x${encoded.type}:${Buffer.from(encoded.bytes).toString('base64')};`;
  return KEYS[kind](stored, fields);
}

const KEYS: Readonly<Record<Kind, (value: unknown, fields: Fields) => string>> = {
  minKey: () => '<',
  undefined: (value) => (value === undefined ? 'N' : 'U'),
  null: () => 'N',
  number: (value) => `n${canonicalNumber(value)};`,
  string: stringKey,
  object: (value, fields) => `{${documentKey(value as object, fields)}}`,
  array: (value, fields) => `[${(value as readonly unknown[]).map((item) => keyOf(item, fields)).join('')}]`,
  binary: binaryKey,
  objectId: (value) => `o${objectIdOf(value)}`,
  boolean: (value) => (value === true ? 't' : 'f'),
  date: (value) => `d${dateOf(value)};`,
  timestamp: (value) => `T${timestampOf(value)};`,
  regex: (value) => `r${regexOf(value).map(sized).join('')}`,
  dbPointer: () => 'p',
  code: (value) => `c${sized(codeOf(value))}`,
  codeWithScope: (value) => `C${sized(codeOf(value))}{${documentKey(scopeOf(value), fieldsOf)}}`,
  maxKey: () => '>',
};

function documentKey(value: object, fields: Fields): string {
  return fields(value)
    .map(([name, field]) => `${sized(name)}${keyOf(field, fields)}`)
    .join('');
}

function binaryKey(value: unknown): string {
  const { subtype, bytes } = binaryOf(value);
  return `b${subtype}:${Buffer.from(bytes).toString('base64')};`;
}

function stringKey(value: unknown): string {
  if (opaque(value) !== undefined) return `S${utf8Of(value).toString('base64')};`;
  return `s${sized(textOf(value))}`;
}

const SURROGATE = /[\uD800-\uDFFF]/;
const LONE_SURROGATE = /\p{Surrogate}/gu;

/** A text behind its length. Lone surrogates are what the serializer makes of them: U+FFFD. */
function sized(text: string): string {
  const stored = SURROGATE.test(text) ? text.replace(LONE_SURROGATE, '\uFFFD') : text;
  return `${stored.length}:${stored}`;
}
