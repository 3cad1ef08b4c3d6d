import { canonicalKey, equalityKey } from '../bson/canonical-key.ts';
import { type AnyDocument, fieldAt, isDocument } from '../bson/equality.ts';
import { asStored, type Kind, kindOf } from '../bson/kind.ts';

/**
 * The items of an array, in their order, and those of another that it does not have yet behind them.
 *
 * A document with an `id` (else an `_id`) that is a string, a number or an ObjectId is merged into the first one that
 * has the same; any other item is left out if an equal one is there. Items are looked up by keys, so the time grows
 * with the sum of the lengths.
 */
export function uniteItems(
  items: readonly unknown[],
  added: readonly unknown[],
  merge: (document: AnyDocument, patch: AnyDocument) => AnyDocument,
): readonly unknown[] {
  const united = [...items];
  const positions = positionsOf(
    items,
    added.some((item) => idKeys(item).length === 0),
  );
  for (const item of added) {
    const keys = keysOf(item);
    const known = positions.get(keys[0] as string);
    const position = known ?? united.push(item) - 1;
    if (known !== undefined && idKeys(item).length > 0) {
      united[known] = merge(asStored(united[known]) as AnyDocument, item as AnyDocument);
    }
    for (const key of keys) if (!positions.has(key)) positions.set(key, position);
  }
  return united;
}

/** Where the first item of each key is. Keys of whole values are left out where nobody will ask for them. */
function positionsOf(items: readonly unknown[], withValues: boolean): Map<string, number> {
  const positions = new Map<string, number>();
  for (const [position, item] of items.entries()) {
    for (const key of withValues ? keysOf(item) : idKeys(item)) {
      if (!positions.has(key)) positions.set(key, position);
    }
  }
  return positions;
}

const VALUE = 'value ';
const ID_NAMES = ['id', '_id'] as const;
const ID_KINDS: ReadonlySet<Kind> = new Set(['string', 'number', 'objectId']);

function keysOf(item: unknown): readonly string[] {
  const ids = idKeys(item);
  return ids.length === 0 ? [valueKey(item)] : ids;
}

function valueKey(item: unknown): string {
  return VALUE + equalityKey(item);
}

/** What an item can be found by if it is a document with an id: its `id` first. */
function idKeys(item: unknown): readonly string[] {
  const stored = asStored(item);
  if (!isDocument(stored)) return [];
  return ID_NAMES.flatMap((name) => {
    const id = fieldAt(stored, name);
    return ID_KINDS.has(kindOf(id)) ? [`${name} ${canonicalKey(id)}`] : [];
  });
}
