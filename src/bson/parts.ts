import { opaque, type TaggedValue } from './kind.ts';

/**
 * What the values of each kind are made of, whatever class they come in: a driver type of any copy of the
 * library, a JavaScript type that the serializer takes for it, or encoded bytes that `decodeExact` left as they are.
 */

/** The text of a string or symbol that is valid UTF-8. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (value as { readonly value: string }).value;
}

/** The encoded text of any string or symbol. */
export function utf8Of(value: unknown): Buffer {
  const encoded = opaque(value);
  return encoded === undefined ? Buffer.from(textOf(value), 'utf8') : Buffer.from(encoded.bytes.subarray(4, -1));
}

/** The hexadecimal digits of an ObjectId. */
export function objectIdOf(value: unknown): string {
  return (value as { toHexString(): string }).toHexString();
}

/** The milliseconds of a date: a bigint beyond what a `Date` can hold. The serializer writes an invalid one as 0. */
export function dateOf(value: unknown): number | bigint {
  const encoded = opaque(value);
  if (encoded !== undefined) return Buffer.from(encoded.bytes).readBigInt64LE();
  return (value as Date).getTime() || 0;
}

/** A timestamp as the number the server orders it by. */
export function timestampOf(value: unknown): bigint {
  const { high, low } = value as { readonly high: number; readonly low: number };
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Pattern and options as stored: the driver writes JavaScript's g as s. */
export function regexOf(value: unknown): readonly [pattern: string, options: string] {
  if (!(value instanceof RegExp)) {
    const { pattern, options } = value as { readonly pattern: string; readonly options: string };
    return [pattern, options];
  }
  return [value.source, `${value.ignoreCase ? 'i' : ''}${value.global ? 's' : ''}${value.multiline ? 'm' : ''}`];
}

export function codeOf(value: unknown): string {
  return String((value as { readonly code: unknown }).code);
}

export function scopeOf(value: unknown): object {
  return (value as { readonly scope: object }).scope;
}

export interface BinaryParts {
  readonly subtype: number;
  /** As stored: those of the old subtype 2 begin with their length. */
  readonly bytes: Uint8Array;
}

export function binaryOf(value: unknown): BinaryParts {
  if (value instanceof Uint8Array) return { subtype: 0, bytes: value };
  const encoded = opaque(value);
  if (encoded !== undefined) return { subtype: encoded.bytes[4] as number, bytes: encoded.bytes.subarray(5) };
  const { buffer, position, sub_type: subtype } = value as TaggedValue & BinaryFields;
  const bytes = buffer.subarray(0, position);
  return { subtype, bytes: subtype === OLD_BINARY ? withLength(bytes) : bytes };
}

interface BinaryFields {
  readonly buffer: Uint8Array;
  readonly position: number;
  readonly sub_type: number;
}

const OLD_BINARY = 2;

function withLength(bytes: Uint8Array): Uint8Array {
  const prefixed = Buffer.alloc(4 + bytes.length);
  prefixed.writeInt32LE(bytes.length);
  prefixed.set(bytes, 4);
  return prefixed;
}
