import { type Element, elementsOf } from './elements.ts';
import { RawWriter } from './raw-writer.ts';

/** A value by its type byte and encoded bytes. */
export interface RawValue {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** What becomes of an element. */
export type Fate = 'keep' | 'drop' | RawValue;

/**
 * The document or array that lies from `offset` up to `end`, with each element kept, dropped or given another value.
 * Keys and their order stay as they are.
 */
export function rebuild(
  bytes: Uint8Array,
  offset: number,
  end: number,
  fateOf: (key: string, element: Element) => Fate,
): Uint8Array {
  const out = new RawWriter();
  const start = out.begin();
  for (const element of elementsOf(bytes, offset, end)) {
    const fate = fateOf(keyOf(bytes, element), element);
    if (fate === 'drop') continue;
    if (fate === 'keep') {
      out.append(bytes.subarray(element.start, element.end));
      continue;
    }
    out.byte(fate.type);
    out.append(bytes.subarray(element.key, element.value));
    out.append(fate.bytes);
  }
  out.byte(0);
  out.end(start);
  return out.bytes();
}

/** A document with one more element at its end. */
export function withElement(bytes: Uint8Array, element: Uint8Array): Uint8Array {
  const out = new RawWriter();
  const start = out.begin();
  out.append(bytes.subarray(4, bytes.length - 1));
  out.append(element);
  out.byte(0);
  out.end(start);
  return out.bytes();
}

export function keyOf(bytes: Uint8Array, { key, value }: Element): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + key, value - 1 - key).toString('utf8');
}
