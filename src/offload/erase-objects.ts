import { StorageError } from '../errors.ts';
import { itemPrefix } from '../payload/payload-key.ts';
import { listAll, type PayloadStore } from '../payload/payload-store.ts';
import { storesOf } from './owner.ts';
import { addressOf, type Offloading } from './upload-row.ts';

/** `[<incarnation>/]v<ov>/…`, behind what all keys of the document begin with. */
const VERSION = /^(?:[0-9a-f]{8,32}\/)?v(\d+)\//;

/** What became of the objects of a document. */
export interface ErasedObjects {
  readonly removed: number;
  /** Objects that the store is not allowed to remove yet: they are under a retention or a legal hold. */
  readonly retained: number;
}

/** Removes all objects of a document's versions up to `ov`, and whatever older versions of them the stores keep. */
export async function eraseObjects(target: Offloading, id: unknown, ov: number): Promise<ErasedObjects> {
  const prefix = itemPrefix(addressOf(target, id));
  const counts = { removed: 0, retained: 0 };
  for (const store of storesOf(target)) {
    for (const key of await keysUpTo(store, prefix, ov)) counts[await erased(store, key)] += 1;
  }
  return counts;
}

async function keysUpTo(store: PayloadStore, prefix: string, ov: number): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of listAll(store, prefix, { allVersions: true })) {
    const version = VERSION.exec(key.slice(prefix.length))?.[1];
    if (version !== undefined && Number(version) <= ov) keys.push(key);
  }
  return keys;
}

async function erased(store: PayloadStore, key: string): Promise<keyof ErasedObjects> {
  try {
    await store.delete(key, { allVersions: true });
    return 'removed';
  } catch (error) {
    if (error instanceof StorageError && error.retained) return 'retained';
    throw error;
  }
}
