/**
 * Field names seen before, so that decoding thousands of documents of one shape neither decodes nor allocates their
 * names again. A direct-mapped table of bounded size: a name that falls on a taken slot replaces the one before.
 */

export interface InternedKey {
  readonly text: string;
  /** Whether a plain object can hold the field as it is. */
  readonly plain: boolean;
  /** As JSON before a value: `"city":`. Undefined where JSON readers move or lose the key, or take it for a wrapper. */
  readonly member: string | undefined;
}

const SLOTS = 4096;
const MAX_LENGTH = 64;
const table: (InternedKey | undefined)[] = new Array(SLOTS).fill(undefined);

/** The name in `bytes` from `start` up to `end`, or `undefined` if it is not ASCII or too long for the table. */
export function internKey(bytes: Uint8Array, start: number, end: number): InternedKey | undefined {
  const length = end - start;
  if (length > MAX_LENGTH) return undefined;
  let hash = length;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
  const known = table[slot];
  if (known !== undefined && spells(bytes, start, length, known.text)) return known;
  for (let i = start; i < end; i++) if ((bytes[i] as number) > 0x7f) return undefined;
  const fresh = describeKey(Buffer.from(bytes.subarray(start, end)).toString('latin1'));
  table[slot] = fresh;
  return fresh;
}

function spells(bytes: Uint8Array, start: number, length: number, text: string): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/**
 * Integer-like names change places in a plain object, inherited ones (`__proto__`, `constructor`, `toString`) meet
 * setters or a frozen prototype, `_bsontype` is taken for a type.
 */
export function describeKey(text: string): InternedKey {
  const first = text.charCodeAt(0);
  const digit = first >= 0x30 && first <= 0x39;
  const plain = !digit && text !== '_bsontype' && !(text in Object.prototype);
  const isMember = !digit && text !== '__proto__' && first !== DOLLAR;
  return { text, plain, member: isMember ? `${JSON.stringify(text)}:` : undefined };
}

const DOLLAR = 0x24;
