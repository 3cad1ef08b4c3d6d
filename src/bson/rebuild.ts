import { type Element, elementsOf, encodedSize, findElement } from './elements.ts';

/** A value by its type byte and encoded bytes. */
export interface RawValue {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** What becomes of an element. */
export type Fate = 'keep' | 'drop' | RawValue;

/**
 * The document or array that lies from `offset` up to `end`, with each element kept, dropped or given another value.
 * Keys and their order stay as they are. Where all are kept it is a view of `bytes`.
 */
export function rebuild(
  bytes: Uint8Array,
  offset: number,
  end: number,
  fateOf: (key: string, element: Element) => Fate,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let kept = offset + 4;
  for (const element of elementsOf(bytes, offset, end)) {
    const fate = fateOf(keyOf(bytes, element), element);
    if (fate === 'keep') continue;
    parts.push(bytes.subarray(kept, element.start));
    kept = element.end;
    if (fate === 'drop') continue;
    parts.push(Uint8Array.of(fate.type), bytes.subarray(element.key, element.value), fate.bytes);
  }
  if (parts.length === 0) return bytes.subarray(offset, end);
  return document([...parts, bytes.subarray(kept, end - 1)]);
}

/** A document with one more element at its end. */
export function withElement(bytes: Uint8Array, element: Uint8Array): Uint8Array {
  return document([bytes.subarray(4, bytes.length - 1), element]);
}

/** A document less a field: itself, where it has none of that name. */
export function withoutField(bytes: Uint8Array, name: string): Uint8Array {
  const field = findElement(bytes, name);
  if (field === undefined) return bytes;
  return document([bytes.subarray(4, field.start), bytes.subarray(field.end, encodedSize(bytes) - 1)]);
}

/** The document of such elements, in memory of its own and no more than it needs: there may be megabytes of them. */
function document(elements: readonly Uint8Array[]): Uint8Array {
  const size = elements.reduce((total, { length }) => total + length, 4 + 1);
  const made = Buffer.allocUnsafe(size);
  made.writeInt32LE(size, 0);
  let at = 4;
  for (const part of elements) {
    made.set(part, at);
    at += part.length;
  }
  made[at] = 0;
  return made;
}

export function keyOf(bytes: Uint8Array, { key, value }: Element): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + key, value - 1 - key).toString('utf8');
}
