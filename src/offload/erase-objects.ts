import type { mongo } from 'mongoose';
import { itemPrefix } from '../payload/payload-key.ts';
import { listAll, type PayloadStore } from '../payload/payload-store.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import { deleteObject } from './delete-object.ts';
import { placesOf } from './places.ts';
import { keysOf } from './references.ts';
import { addressOf, type Offloading } from './upload-row.ts';

/** Objects of one life of a document. */
export interface OwnObjects {
  /** Null where it has none. */
  readonly incarnation: string | null;
  /** Of those that are kept elsewhere: what the document referred to. */
  readonly keys: readonly string[];
}

/** `[<incarnation>/]v<ov>/…`, behind what all keys of the document begin with. */
const VERSION = /^(?:([0-9a-f]{8,32})\/)?v(\d+)\//;

/** What became of the objects of a document. */
export interface ErasedObjects {
  readonly removed: number;
  /** Objects that the store is not allowed to remove yet: they are under a retention or a legal hold. */
  readonly retained: number;
  /** Where there may be further ones that cannot be removed from here, and why. */
  readonly closed: readonly string[];
}

/**
 * Removes all objects of a document's versions up to `ov`, and whatever older versions of them the stores keep, wherever
 * the collection has or once had its objects; but not those of a document that has come under the same id meanwhile.
 *
 * @param only limits it to these
 */
export async function eraseObjects(
  target: Offloading,
  id: unknown,
  ov: number,
  only?: OwnObjects,
): Promise<ErasedObjects> {
  const { open, closed } = await placesOf(target);
  const counts = { removed: 0, retained: 0 };
  for (const { store, address } of open) {
    const prefix = itemPrefix(addressOf({ ...target, address }, id));
    const keys = await keysUpTo(store, prefix, ov, only);
    // After they were listed: whoever has put one of them by then, and is to keep it, is there already.
    const isKept = await keptBy(target, id, prefix);
    for (const key of keys) if (!isKept(key)) counts[await deleteObject(store, key)] += 1;
  }
  return { ...counts, closed };
}

async function keysUpTo(store: PayloadStore, prefix: string, ov: number, only?: OwnObjects): Promise<string[]> {
  const named = new Set(only?.keys);
  const keys: string[] = [];
  for await (const { key } of listAll(store, prefix, { allVersions: true })) {
    const [, incarnation, version] = VERSION.exec(key.slice(prefix.length)) ?? [];
    const isMeant = only === undefined || named.has(key) || isOf(only.incarnation, incarnation);
    if (isMeant && version !== undefined && Number(version) <= ov) keys.push(key);
  }
  return keys;
}

/** What stands in a key may be longer than an incarnation, and begins with it. */
function isOf(own: string | null, incarnation: string | undefined): boolean {
  return own === null ? incarnation === undefined : incarnation?.startsWith(own) === true;
}

/** Tells which keys belong to the document that is there by now, or to versions and deletions of such a one. */
async function keptBy({ head, versions }: Offloading, id: unknown, prefix: string): Promise<(key: string) => boolean> {
  const options = {
    projection: { '_system.incarnation': 1, '_system.payload': 1, '_system.blobs': 1 },
    readPreference: 'primary',
  } as const;
  // In the order in which references move on.
  const current = await head.find({ _id: { $eq: id } } as mongo.Filter<RawDocument>, options).toArray();
  const records = await versions.find({ '_id.id': id } as mongo.Filter<RawDocument>, options).toArray();
  const systems = [...current, ...records].map(({ _system }) => (_system ?? { ov: 0 }) as SystemFields);
  const keys = new Set(systems.flatMap(keysOf));
  const lives = [...new Set(systems.flatMap(({ incarnation }) => incarnation ?? []))];
  return (key) => keys.has(key) || lives.some((incarnation) => key.startsWith(`${prefix}${incarnation}`));
}
