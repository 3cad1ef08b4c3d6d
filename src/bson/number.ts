import type { TaggedValue } from './kind.ts';
import { encodedValue } from './raw-element.ts';

/**
 * Exact comparison across int32, int64, double and decimal128. The server compares values, not representations:
 * 5 = 5.0 = Decimal 5.00, but the double 0.1 is a little more than the decimal 0.1, and 2^53 + 1 is no double.
 */

/** A value of the form `coefficient * 10^exponent`; every finite number of the four types is one. */
interface Exact {
  readonly coefficient: bigint;
  readonly exponent: number;
}

const bits = new DataView(new ArrayBuffer(8));

/** Compares two numbers of any type. NaN equals itself and is less than all others; -0 equals 0. */
export function compareNumbers(a: unknown, b: unknown): number {
  const x = nearestDouble(a);
  const y = nearestDouble(b);
  // Rounding keeps order, so two numbers that round to different doubles differ in the same direction.
  if (x < y) return -1;
  if (x > y) return 1;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(y)) - Number(Number.isNaN(x));
  if (isDouble(a) && isDouble(b)) return 0;
  return compareExact(a, b, x);
}

/** The same text for two numbers exactly if they are equal: `NaN`, `Infinity`, `0`, `-12e3`, `5e-324`. */
export function canonicalNumber(value: unknown): string {
  const nearest = nearestDouble(value);
  if (Number.isSafeInteger(nearest) && isDouble(value))
    return nearest % 10 === 0 ? withoutZeros(BigInt(nearest), 0) : String(nearest);
  if (Number.isNaN(nearest) || isInfinite(value)) return String(nearest);
  const { coefficient, exponent } = exactValue(value);
  return withoutZeros(coefficient, exponent);
}

function withoutZeros(coefficient: bigint, exponent: number): string {
  if (coefficient === 0n) return '0';
  const digits = String(coefficient);
  const significant = digits.replace(/0+$/, '');
  const power = exponent + digits.length - significant.length;
  return power === 0 ? significant : `${significant}e${power}`;
}

function compareExact(a: unknown, b: unknown, nearest: number): number {
  const infinite = Number(isInfinite(a)) - Number(isInfinite(b));
  if (infinite !== 0) return infinite * Math.sign(nearest);
  if (isInfinite(a)) return 0;
  const x = exactValue(a);
  const y = exactValue(b);
  const exponent = Math.min(x.exponent, y.exponent);
  const left = x.coefficient * 10n ** BigInt(x.exponent - exponent);
  const right = y.coefficient * 10n ** BigInt(y.exponent - exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether a value, whatever its class, holds a JavaScript number. */
function isDouble(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'object' && !['Long', 'Decimal128'].includes(tagOf(value)));
}

function isInfinite(value: unknown): boolean {
  if (tagOf(value) === 'Decimal128') return String(value).includes('Infinity');
  return isDouble(value) && Math.abs(nearestDouble(value)) === Number.POSITIVE_INFINITY;
}

function tagOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value as TaggedValue)._bsontype : '';
}

function nearestDouble(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  const tag = tagOf(value);
  if (tag === 'Decimal128') return Number(String(value));
  if (tag === 'Long') return Number(longOf(value));
  const encoded = encodedValue(value as object);
  return encoded === undefined ? Number((value as { readonly value: number }).value) : Number.NaN;
}

function exactValue(value: unknown): Exact {
  if (typeof value === 'bigint') return { coefficient: value, exponent: 0 };
  const tag = tagOf(value);
  if (tag === 'Long') return { coefficient: longOf(value), exponent: 0 };
  if (tag === 'Decimal128') return exactDecimal(String(value));
  return exactDouble(nearestDouble(value));
}

/** The integer of a Long. */
export function longOf(value: unknown): bigint {
  const { high, low, unsigned } = value as { readonly high: number; readonly low: number; readonly unsigned: boolean };
  return (BigInt(unsigned ? high >>> 0 : high) << 32n) | BigInt(low >>> 0);
}

/** From the text of a Decimal128: `1.10`, `-5E+6000`. */
function exactDecimal(text: string): Exact {
  const [digits = '0', power = '0'] = text.split('E');
  const [whole = '0', fraction = ''] = digits.split('.');
  return { coefficient: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}

/** A double is `m * 2^-k`, which is `m * 5^k * 10^-k`. */
function exactDouble(value: number): Exact {
  if (Number.isInteger(value)) return { coefficient: BigInt(value), exponent: 0 };
  bits.setFloat64(0, value);
  const high = bits.getUint32(0);
  const biased = (high >>> 20) & 0x7ff;
  const mantissa = (BigInt((high & 0xfffff) | (biased === 0 ? 0 : 0x100000)) << 32n) | BigInt(bits.getUint32(4));
  const k = 1075 - Math.max(biased, 1);
  const coefficient = mantissa * 5n ** BigInt(k);
  return { coefficient: value < 0 ? -coefficient : coefficient, exponent: -k };
}
