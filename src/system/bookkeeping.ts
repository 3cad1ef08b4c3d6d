import { BsonType, elementsOf, findElement } from '../bson/elements.ts';
import { topLevel } from '../bson/exact.ts';
import { keyOf } from '../bson/rebuild.ts';
import type { Bson, SystemFields } from '../types.ts';

/** The bookkeeping of a head document. One from before the plugin has none: it is version 0, current since ever. */
export function systemOf(stored: unknown): SystemFields {
  if (stored instanceof Map) return systemOf(Object.fromEntries(stored));
  if (typeof stored !== 'object' || stored === null) return { ov: 0 };
  const fields = stored as SystemFields;
  return { ...fields, ov: Number(fields.ov ?? 0) };
}

/** The bookkeeping of raw bytes, without decoding the rest of them. */
export function systemOfBytes(bson: Bson, bytes: Uint8Array): SystemFields {
  return systemOf(topLevel(bson, bytes, '_system'));
}

const PROCESSED = Buffer.from('processed\0', 'latin1');

/** Whether raw bytes are of a version of which only a part is in MongoDB: told without decoding any of them. */
export function isProcessed(bytes: Uint8Array): boolean {
  const system = findElement(bytes, '_system');
  if (system?.type !== BsonType.object) return false;
  for (const element of elementsOf(bytes, system.value, system.end)) {
    if (keyOf(bytes, element) !== 'state') continue;
    const text = bytes.subarray(element.value + 4, element.end);
    return element.type === BsonType.string && PROCESSED.equals(text);
  }
  return false;
}
