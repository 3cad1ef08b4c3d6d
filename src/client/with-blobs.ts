import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import { type Branch, isLeaf, type PathTree } from '../payload/path-tree.ts';
import { isPlainObject } from '../plain-object.ts';
import type { BlobReference, RawDocument, SystemFields } from '../types.ts';
import type { Items } from './items.ts';

/** Finds the blob that a reference names. */
type Find = (key: string) => Promise<unknown>;

/**
 * Content with the blobs themselves in the places of references to them, as a read that presigns gives them. So what was
 * read is written back whole. A blob that has not changed keeps its object.
 *
 * @param id of the document whose blobs may be referred to: those of its own versions, and no other
 * @throws ConfigError for a reference to another one
 */
export async function withBlobs<C extends RawDocument>(items: Items, id: unknown, content: C): Promise<C> {
  const { versioned } = items.verbs;
  const store = await versioned.store();
  const { payload } = store;
  if (payload === undefined || payload.kept.own.blobPaths.length === 0) return content;
  const stored = id === undefined ? undefined : versioned.cast(id);
  const find: Find = async (key) => {
    const reference = stored === undefined ? undefined : await ownReference(store, stored, key, items);
    if (reference !== undefined) return payload.base64Of(reference);
    throw new ConfigError({
      message: `Cannot write a reference to a blob that the document of ${items.model.modelName} does not have. Give the base64 itself`,
    });
  };
  return (await items.run(() => resolvedFields(content, payload.kept.own.blobTree, find))) as C;
}

/** What the document's rows tell of a blob: its current one, or one of its earlier versions. */
async function ownReference(
  store: Store,
  id: unknown,
  key: string,
  { verbs }: Items,
): Promise<BlobReference | undefined> {
  const session = verbs.versioned.session({});
  const options = { projection: { '_system.blobs': 1 }, ...(session === undefined ? {} : { session }) };
  const named = { '_system.blobs.blobKey': { $eq: key } };
  const row =
    (await store.head.findOne({ _id: { $eq: id }, ...named } as never, options)) ??
    (await store.versions.findOne({ '_id.id': { $eq: id }, ...named } as never, options));
  const { blobs = [] } = (row?._system ?? {}) as SystemFields;
  return blobs.find(({ blobKey }) => blobKey === key);
}

async function resolvedFields(value: RawDocument, tree: PathTree<unknown>, find: Find): Promise<RawDocument> {
  const fields = Object.entries(value).map(async ([name, inner]): Promise<[string, unknown]> => {
    const branch = tree.get(name);
    return [name, branch === undefined ? inner : await resolved(inner, branch, find)];
  });
  return Object.fromEntries(await Promise.all(fields));
}

async function resolved(value: unknown, branch: Branch<unknown>, find: Find): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolved(item, branch, find)));
  if (!isPlainObject(value)) return value;
  if (!isLeaf(branch)) return resolvedFields(value, branch, find);
  const { ref } = value;
  return isPlainObject(ref) && typeof ref.blobKey === 'string' ? find(ref.blobKey) : value;
}
