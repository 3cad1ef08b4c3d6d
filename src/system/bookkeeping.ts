import { topLevel } from '../bson/exact.ts';
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
