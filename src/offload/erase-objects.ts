import { itemPrefix } from '../payload/payload-key.ts';
import { listAll, type PayloadStore } from '../payload/payload-store.ts';
import { addressOf, type Offloading } from './upload-row.ts';

/** `[<incarnation>/]v<ov>/…`, behind what all keys of the document begin with. */
const VERSION = /^(?:[0-9a-f]{8,32}\/)?v(\d+)\//;

/**
 * Removes all objects of a document's versions up to `ov`.
 *
 * @returns how many there were
 */
export async function eraseObjects(target: Offloading, id: unknown, ov: number): Promise<number> {
  const { stores } = target;
  const prefix = itemPrefix(addressOf(target, id));
  let erased = 0;
  for (const store of new Set([stores.json, stores.content])) erased += await eraseIn(store, prefix, ov);
  return erased;
}

async function eraseIn(store: PayloadStore, prefix: string, ov: number): Promise<number> {
  const keys: string[] = [];
  for await (const { key } of listAll(store, prefix)) {
    const version = VERSION.exec(key.slice(prefix.length))?.[1];
    if (version !== undefined && Number(version) <= ov) keys.push(key);
  }
  for (const key of keys) await store.delete(key, { allVersions: true });
  return keys.length;
}
